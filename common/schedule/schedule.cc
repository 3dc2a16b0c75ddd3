#include "common/schedule/schedule.h"

#include <algorithm>

#include "common/arith/analyzer.h"
#include "common/ir/mutator.h"
#include "common/support/check.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {

absl::StatusOr<Schedule> Schedule::Create(const ir::IRModule& module, const ScheduleOptions& options) {
  HONE_ASSIGN_OR_RETURN(const int64_t seed, RandomEngine::NormalizeSeed(options.seed));
  HONE_ASSIGN_OR_RETURN(ScheduleState state, ScheduleState::Create(module));
  Schedule schedule(std::move(state), options, seed);
  if (const ir::ModuleEntry* entry = module.Entry()) schedule.working_on_ = entry->var->name;
  schedule.trace_ = Trace({}, schedule.state_.arena());
  schedule.state_.set_enable_check(options.enable_check);
  return schedule;
}

Schedule Schedule::Copy() { return CopyWithSeed(ForkSeed()); }

Schedule Schedule::CopyWithSeed(int64_t seed) const {
  seed %= 2147483647;
  Schedule copy(ScheduleState(state_), options_, seed == 0 ? 1 : seed);
  copy.symbols_.reserve(symbols_.size() + 96);
  copy.symbols_ = symbols_;
  // The new arena keeps the old one alive, and with it the values of the instructions so far.
  std::vector<Instruction> instructions;
  instructions.reserve(trace_.size() + 48);
  instructions = trace_.instructions();
  copy.trace_ = Trace(std::move(instructions), copy.state_.arena());
  copy.working_on_ = working_on_;
  return copy;
}

absl::Status Schedule::Seed(int64_t seed) {
  HONE_ASSIGN_OR_RETURN(const int64_t state, RandomEngine::NormalizeSeed(seed));
  random_ = RandomEngine(state);
  return absl::OkStatus();
}

// ---- random variables

bool Schedule::IsSymbol(Rv rv, char kind, int32_t value) const {
  if (rv.id < 0 || static_cast<size_t>(rv.id) >= symbols_.size()) return false;
  return symbols_[rv.id].kind == kind && symbols_[rv.id].value == value;
}

bool Schedule::IsBlock(Rv rv) const {
  return rv.id >= 0 && static_cast<size_t>(rv.id) < symbols_.size() && symbols_[rv.id].kind == 'b';
}

absl::StatusOr<SrefId> Schedule::LookupSref(Rv rv, char kind) const {
  const bool block = kind == 'b';
  if (rv.id < 0 || static_cast<size_t>(rv.id) >= symbols_.size() || symbols_[rv.id].kind != kind) {
    return absl::OutOfRangeError(StrCat("random variable ", rv.id, ": unknown, expected a ", block ? "block" : "loop"));
  }
  const SrefId id = symbols_[rv.id].value;
  if (id < 0) {
    return absl::InvalidArgumentError(id == kRootMark
                                          ? "the loop is the root mark, which only compute_at understands"
                                          : "the loop is the inline mark, which only compute_at understands");
  }
  if (!state_.at(id).alive()) {
    return absl::InvalidArgumentError(block ? "the block no longer exists in the program"
                                            : "the loop no longer exists in the program");
  }
  return id;
}

absl::StatusOr<SrefId> Schedule::SrefOf(BlockRv rv) const { return LookupSref(rv, 'b'); }
absl::StatusOr<SrefId> Schedule::SrefOf(LoopRv rv) const { return LookupSref(rv, 'l'); }
absl::StatusOr<SrefId> Schedule::SrefOf(BlockOrLoopRv rv) const { return LookupSref(rv, IsBlock(rv) ? 'b' : 'l'); }

absl::StatusOr<int64_t> Schedule::ValueOf(ExprRv rv) const {
  if (rv.id < 0 || static_cast<size_t>(rv.id) >= symbols_.size() || symbols_[rv.id].kind != 'v') {
    return absl::OutOfRangeError(StrCat("random variable ", rv.id, ": unknown, expected a number"));
  }
  return symbols_[rv.id].value;
}

namespace {

// The RV that a variable in a compound expression stands for: such variables are called "v<id>".
std::optional<int32_t> RvOfVar(ir::Var var) {
  const std::string_view name = var.name();
  if (name.size() < 2 || name.size() > 9 || name[0] != 'v') return std::nullopt;
  int32_t id = 0;
  for (char c : name.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    id = id * 10 + (c - '0');
  }
  return id;
}

class RvSubstituter final : public ir::ExprMutator {
 public:
  explicit RvSubstituter(const Schedule& schedule) : schedule_(schedule) {}
  const absl::Status& status() const { return status_; }

 private:
  using ir::ExprMutator::Mutate;
  ir::Expr Mutate(const ir::VarNode* node) override {
    const std::optional<int32_t> id = RvOfVar(ir::Var(node));
    const absl::StatusOr<int64_t> value = schedule_.ValueOf(ExprRv{{id.value_or(-1)}});
    if (!value.ok()) {
      status_ = value.status();
      return node;
    }
    return ir::IntImm(node->dtype, *value);
  }

  const Schedule& schedule_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<int64_t> Schedule::Evaluate(const Value& value) const {
  if (value.is_integral()) return value.integer();
  if (value.is(Value::Kind::kRv)) return ValueOf(ExprRv{value.rv()});
  if (!value.is(Value::Kind::kExpr)) return absl::InvalidArgumentError("expected an integer or a number variable");
  RvSubstituter substituter(*this);
  const ir::Expr result = arith::Simplify(substituter.MutateExpr(value.expression()));
  HONE_RETURN_IF_ERROR(substituter.status());
  const int64_t* number = ir::ConstInt(result);
  if (number == nullptr) return absl::InvalidArgumentError("the expression is no constant");
  return *number;
}

absl::StatusOr<const ir::IndexMapNode*> Schedule::Resolve(const ir::IndexMapNode* map) const {
  class Resolver final : public ir::ExprMutator {
   public:
    Resolver(const Schedule& schedule, const ir::IndexMapNode* map) : schedule_(schedule), map_(map) {}

   private:
    using ir::ExprMutator::Mutate;
    ir::Expr Mutate(const ir::VarNode* node) override {
      for (ir::Var var : map_->initial_indices) {
        if (var.get() == node) return node;
      }
      const std::optional<int32_t> id = RvOfVar(ir::Var(node));
      const absl::StatusOr<int64_t> value = schedule_.ValueOf(ExprRv{{id.value_or(-1)}});
      return value.ok() ? ir::IntImm(node->dtype, *value) : ir::Expr(node);
    }
    const Schedule& schedule_;
    const ir::IndexMapNode* map_;
  };
  if (map == nullptr) return map;
  Resolver resolver(*this, map);
  const auto final_indices = ir::MapArray(map->final_indices, [&](ir::Expr e) { return resolver.MutateExpr(e); });
  if (final_indices.same_as(map->final_indices)) return map;
  return ir::MakeIndexMap(map->initial_indices, final_indices, map->inverse);
}

absl::StatusOr<const ir::BlockNode*> Schedule::Get(BlockRv rv) const {
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(rv));
  return state_.block(id);
}

absl::StatusOr<const ir::ForNode*> Schedule::Get(LoopRv rv) const {
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(rv));
  return state_.loop(id);
}

absl::Status Schedule::RemoveRv(Rv rv) {
  if (rv.id < 0 || static_cast<size_t>(rv.id) >= symbols_.size() || symbols_[rv.id].kind == ' ') {
    return absl::OutOfRangeError(StrCat("random variable ", rv.id, ": unknown"));
  }
  symbols_[rv.id].kind = ' ';
  return absl::OkStatus();
}

Rv Schedule::NewRv(char kind, int32_t value) {
  symbols_.push_back({kind, value});
  return Rv{static_cast<int32_t>(symbols_.size() - 1)};
}
BlockRv Schedule::NewBlockRv(SrefId block) { return BlockRv{NewRv('b', block)}; }
LoopRv Schedule::NewLoopRv(SrefId loop) { return LoopRv{NewRv('l', loop)}; }
LoopRv Schedule::NewRootMark() { return LoopRv{NewRv('l', kRootMark)}; }
LoopRv Schedule::NewInlineMark() { return LoopRv{NewRv('l', kInlineMark)}; }
ExprRv Schedule::NewExprRv(int64_t value) { return ExprRv{NewRv('v', static_cast<int32_t>(value))}; }

absl::Status Schedule::WorkOn(std::string_view function) {
  const ir::GlobalVarNode* var = state_.module().FindGlobalVar(function);
  if (var == nullptr) return absl::InvalidArgumentError(StrCat("function \"", function, "\": not in the module"));
  working_on_ = var->name;
  return absl::OkStatus();
}

// ---- the trace

namespace {

bool NeedsCopy(const Value& value) {
  return value.is(Value::Kind::kString) || value.is(Value::Kind::kList) || value.is(Value::Kind::kMap);
}

ir::Array<Value> CopyValues(absl::Span<const Value> values) {
  if (values.empty()) return {};
  auto* copy = static_cast<Value*>(ir::Arena::Current().Allocate(sizeof(Value) * values.size()));
  for (size_t i = 0; i < values.size(); ++i) copy[i] = NeedsCopy(values[i]) ? CopyValue(values[i]) : values[i];
  return ir::Array<Value>(copy, values.size());
}

}  // namespace

void Schedule::Record(const InstructionRow& row, absl::Span<const Value> inputs, absl::Span<const Value> attrs,
                      absl::Span<const Rv> outputs, const Value& decision) {
  if (!options_.traced) return;
  Instruction instruction;
  instruction.row = &row;
  instruction.inputs = CopyValues(inputs);
  instruction.attrs = CopyValues(attrs);
  instruction.outputs = ir::MakeArray(outputs.data(), outputs.size());
  instruction.decision = CopyValue(decision);
  trace_.Append(instruction);
}

// ---- errors

namespace {

// sample_perfect_tile -> sample-perfect-tile
std::string WithDashes(std::string_view method) {
  std::string out(method);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

}  // namespace

std::string Schedule::DescribeError(const absl::Status& status) const {
  std::string out;
  if (current_ != nullptr) out = WithDashes(current_->method);
  if (absl::IsFailedPrecondition(status) && ToStd(status.message()) == state_.last_refusal().message) {
    const char* separator = ": ";
    for (SrefId id : state_.last_refusal().nodes) {
      const Sref& node = state_.at(id);
      if (node.block() != nullptr) {
        StrAppend(&out, separator, "block \"", node.block()->name, "\"");
      } else if (node.loop() != nullptr) {
        StrAppend(&out, separator, "loop \"", node.loop()->loop_var.name(), "\"");
      }
      separator = ", ";
    }
  }
  std::string_view said = ToStd(status.message());
  if (!out.empty() && said.starts_with(StrCat(out, ": "))) said.remove_prefix(out.size() + 2);  // It named itself.
  StrAppend(&out, out.empty() ? "" : ": ", said);
  if (absl::IsFailedPrecondition(status) && !state_.last_refusal().extra.empty()) {
    StrAppend(&out, ": ", state_.last_refusal().extra);
  }
  return out;
}

}  // namespace hone::schedule
