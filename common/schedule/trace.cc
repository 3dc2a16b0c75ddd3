#include "common/schedule/trace.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "common/ir/mutator.h"
#include "common/ir/visitor.h"
#include "common/schedule/replay.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_python.h"
#include "common/support/strings.h"

namespace hone::schedule {

Trace::Trace(std::vector<Instruction> instructions, std::shared_ptr<const ir::Arena> arena)
    : instructions_(std::move(instructions)), arena_(std::move(arena)) {}

std::optional<Instruction> Trace::Pop() {
  if (instructions_.empty()) return std::nullopt;
  const Instruction last = instructions_.back();
  instructions_.pop_back();
  return last;
}

size_t Trace::SizeWithoutPostproc() const {
  for (size_t i = 0; i < instructions_.size(); ++i) {
    if (instructions_[i].row->name == "EnterPostproc") return i;
  }
  return instructions_.size();
}

Trace Trace::WithDecision(size_t instruction, const Value& decision, bool remove_postproc) const {
  const size_t size = remove_postproc ? SizeWithoutPostproc() : instructions_.size();
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(arena_);
  std::vector<Instruction> copy(instructions_.begin(), instructions_.begin() + static_cast<std::ptrdiff_t>(size));
  if (instruction < size) {
    const ir::ArenaScope scope(arena);
    copy[instruction].decision = CopyValue(decision);
  }
  return Trace(std::move(copy), std::move(arena));
}

namespace {

// Points into IR, which CopyValue does not copy.
bool HoldsIr(const Value& value) {
  if (value.is(Value::Kind::kIndexMap) || value.is(Value::Kind::kExpr)) return true;
  if (value.is(Value::Kind::kList)) {
    for (const Value& item : value.list()) {
      if (HoldsIr(item)) return true;
    }
  }
  return false;
}

}  // namespace

Trace Trace::WithDecisionsOf(const Trace& replayed) const {
  auto arena = std::make_shared<ir::Arena>();
  const ir::ArenaScope scope(arena);
  auto copy_values = [&](ir::Array<Value> values) {
    std::vector<Value> out;
    out.reserve(values.size());
    for (const Value& value : values) {
      if (HoldsIr(value)) arena->KeepAlive(arena_);
      out.push_back(CopyValue(value));
    }
    return ir::MakeArray(out);
  };
  std::vector<Instruction> copy = instructions_;
  for (size_t i = 0; i < copy.size(); ++i) {
    copy[i].inputs = copy_values(copy[i].inputs);
    copy[i].attrs = copy_values(copy[i].attrs);
    copy[i].outputs = ir::MakeArray(copy[i].outputs.data(), copy[i].outputs.size());
    copy[i].decision = CopyValue(replayed.instructions_[i].decision);
  }
  return Trace(std::move(copy), std::move(arena));
}

Trace Trace::Simplified(bool remove_postproc) const {
  const size_t size = remove_postproc ? SizeWithoutPostproc() : instructions_.size();
  absl::flat_hash_set<int32_t> used;
  std::vector<Instruction> kept;
  for (size_t i = size; i-- > 0;) {
    const Instruction& instruction = instructions_[i];
    const bool needed = std::any_of(instruction.outputs.begin(), instruction.outputs.end(),
                                    [&](Rv rv) { return used.contains(rv.id); });
    if (instruction.row->pure && !needed) continue;
    for (const Value& input : instruction.inputs) {
      if (input.is(Value::Kind::kRv)) used.insert(input.rv().id);
      if (!input.is(Value::Kind::kExpr)) continue;
      ir::PostOrderVisitExprs(input.expression(), [&](ir::Expr e) {
        if (const auto* var = e.as<ir::VarNode>()) {
          int32_t id = -1;
          if (var->name.size() > 1 && absl::SimpleAtoi(ToAbsl(var->name.substr(1)), &id)) used.insert(id);
        }
      });
    }
    kept.push_back(instruction);
  }
  std::reverse(kept.begin(), kept.end());
  return Trace(std::move(kept), arena_);
}

// ---- replay

namespace {

// Copies an expression into the current arena, with variables that stand for numbers renamed. So a schedule that has
// replayed a trace does not need the trace's arena.
class ExprRenamer final : public ir::ExprMutator {
 public:
  explicit ExprRenamer(const RvMap& map) : map_(map) {}
  void Define(ir::Var from, ir::Var to) { defined_.emplace_back(from, to); }

  // A node that is used several times stays one node: the JSON of an index map shows it.
  ir::Expr MutateExpr(ir::Expr e) override {
    if (!e) return e;
    auto it = copies_.find(e.get());
    if (it != copies_.end()) return it->second;
    const ir::Expr copy = ExprMutator::MutateExpr(e);
    copies_.emplace(e.get(), copy);
    return copy;
  }

 private:
  using ir::ExprMutator::Mutate;
  ir::Expr Mutate(const ir::VarNode* node) override {
    for (const auto& [from, to] : defined_) {
      if (from.get() == node) return to;
    }
    Rv from;
    Rv to;
    ir::Var out;
    if (node->name.size() > 1 && node->name[0] == 'v' && absl::SimpleAtoi(ToAbsl(node->name.substr(1)), &from.id) &&
        map_.Get(from, &to)) {
      out = ir::MakeVar(StrCat("v", to.id), node->dtype);
    } else {
      out = ir::MakeVar(node->name, node->dtype);
    }
    Define(ir::Var(node), out);
    return out;
  }
  ir::Expr Mutate(const ir::IntImmNode* node) override { return ir::IntImm(node->dtype, node->value); }
  ir::Expr Mutate(const ir::FloatImmNode* node) override { return ir::FloatImm(node->dtype, node->value); }
  ir::Expr Mutate(const ir::StringImmNode* node) override { return ir::StringImm(node->value); }

  const RvMap& map_;
  absl::InlinedVector<std::pair<ir::Var, ir::Var>, 8> defined_;
  absl::flat_hash_map<const ir::ExprNode*, ir::Expr> copies_;
};

const ir::IndexMapNode* CopyIndexMap(const ir::IndexMapNode* map, ExprRenamer& renamer) {
  if (map == nullptr) return nullptr;
  std::vector<ir::Var> initial;
  for (ir::Var var : map->initial_indices) {
    // Made anew: a copied variable would keep its name and type in the old arena.
    initial.push_back(var->is_size_var ? ir::MakeSizeVar(var.name(), var.dtype())
                                       : ir::MakeVar(var.name(), var.dtype()));
    renamer.Define(var, initial.back());
  }
  std::vector<ir::Expr> final_indices;
  for (ir::Expr e : map->final_indices) final_indices.push_back(renamer.MutateExpr(e));
  return ir::MakeIndexMap(ir::MakeArray(initial), ir::MakeArray(final_indices), CopyIndexMap(map->inverse, renamer));
}

const ir::IndexMapNode* CopyIndexMap(const ir::IndexMapNode* map, const RvMap& rvs) {
  ExprRenamer renamer(rvs);
  return CopyIndexMap(map, renamer);
}

absl::StatusOr<Value> Translate(const Value& value, const RvMap& map) {
  switch (value.kind()) {
    case Value::Kind::kRv: {
      Rv to;
      if (!map.Get(value.rv(), &to))
        return absl::OutOfRangeError(StrCat("random variable ", value.rv().id, ": unknown"));
      return to.id < 0 ? Value::None() : Value::OfRv(to);
    }
    case Value::Kind::kList: {
      absl::InlinedVector<Value, 8> items;
      for (const Value& item : value.list()) {
        absl::StatusOr<Value> translated = Translate(item, map);
        if (!translated.ok()) return translated.status();
        items.push_back(*translated);
      }
      return Value::List(ir::MakeArray(items.data(), items.size()));
    }
    case Value::Kind::kExpr:
      return Value::Expression(ExprRenamer(map).MutateExpr(value.expression()));
    case Value::Kind::kIndexMap:
      return Value::IndexMap(CopyIndexMap(value.index_map(), map));
    case Value::Kind::kNone:
    case Value::Kind::kInt:
    case Value::Kind::kFloat:
    case Value::Kind::kBool:
    case Value::Kind::kString:
    case Value::Kind::kMap:
      return value;
  }
  return value;
}

absl::Status Describe(const Schedule& schedule, size_t index, const Instruction& instruction,
                      const absl::Status& status) {
  return absl::Status(status.code(),
                      StrCat("instruction ", index, " ", instruction.row->name, ": ", schedule.DescribeError(status)));
}

}  // namespace

absl::Status Trace::Apply(Schedule& schedule, bool remove_postproc, const DecisionProvider* provider) const {
  RvMap map;
  const size_t end = remove_postproc ? SizeWithoutPostproc() : size();
  return ReplayPart(*this, 0, end, schedule, map, provider);
}

absl::Status ReplayPart(const Trace& trace, size_t begin, size_t end, Schedule& schedule, RvMap& map,
                        const Trace::DecisionProvider* provider) {
  const ir::ArenaScope scope(schedule.state().arena());
  absl::InlinedVector<Value, 16> inputs;
  absl::InlinedVector<Value, 4>
      attrs;  // With index maps copied, so that the schedule does not need this trace's arena.
  Call call;
  for (size_t i = begin; i < end; ++i) {
    const Instruction& instruction = trace.instructions()[i];
    inputs.clear();
    schedule.SetCurrent(*instruction.row);
    for (const Value& input : instruction.inputs) {
      if (input.is(Value::Kind::kInt)) {
        inputs.push_back(input);
        continue;
      }
      absl::StatusOr<Value> translated = Translate(input, map);
      if (!translated.ok()) return Describe(schedule, i, instruction, translated.status());
      inputs.push_back(*translated);
    }
    call.inputs = inputs;
    call.attrs = absl::MakeConstSpan(instruction.attrs.data(), instruction.attrs.size());
    if (std::any_of(call.attrs.begin(), call.attrs.end(),
                    [](const Value& attr) { return attr.is(Value::Kind::kIndexMap); })) {
      attrs.clear();
      for (const Value& attr : call.attrs) {
        attrs.push_back(attr.is(Value::Kind::kIndexMap) ? Value::IndexMap(CopyIndexMap(attr.index_map(), map)) : attr);
      }
      call.attrs = attrs;
    }
    call.decision = provider != nullptr ? (*provider)(i, instruction) : instruction.decision;
    call.outputs.clear();
    absl::Status status = instruction.row->apply(schedule, call);
    if (status.ok() && call.outputs.size() != instruction.outputs.size()) {
      status = absl::InvalidArgumentError(
          StrCat("gave ", call.outputs.size(), " results, the trace has ", instruction.outputs.size()));
    }
    if (!status.ok()) return Describe(schedule, i, instruction, status);
    for (size_t k = 0; k < call.outputs.size(); ++k) map.Set(instruction.outputs[k], call.outputs[k]);
  }
  return absl::OkStatus();
}

absl::Status Trace::ApplyTo(Schedule& schedule, bool remove_postproc) const {
  return Apply(schedule, remove_postproc, nullptr);
}

absl::Status Trace::ApplyTo(Schedule& schedule, bool remove_postproc, DecisionProvider provider) const {
  return Apply(schedule, remove_postproc, &provider);
}

// ---- text

std::vector<std::string> Trace::AsPython(bool remove_postproc) const { return TraceAsPython(*this, remove_postproc); }

std::string Trace::ToString() const {
  std::string out = "# from tvm import tir\ndef apply_trace(sch: tir.Schedule) -> None:\n";
  const std::vector<std::string> lines = AsPython();
  if (lines.empty()) out += "  pass";
  for (size_t i = 0; i < lines.size(); ++i) StrAppend(&out, i == 0 ? "  " : "\n  ", lines[i]);
  return out;
}

}  // namespace hone::schedule
