#include "common/schedule/testing/any_call.h"

#include <algorithm>

#include "common/ir/ops.h"
#include "common/schedule/signature.h"
#include "common/schedule/testing/random_step.h"

namespace hone::schedule::testing {
namespace {

constexpr std::string_view kWords[] = {"",
                                       "global",
                                       "shared",
                                       "local",
                                       "shared.dyn",
                                       "warp",
                                       "wmma.matrix_a",
                                       "global.vtcm",
                                       "nowhere",
                                       "main",
                                       "root",
                                       "out",
                                       "s0",
                                       "s1",
                                       "blockIdx.x",
                                       "threadIdx.x",
                                       "threadIdx.y",
                                       "vthread.x",
                                       "float16",
                                       "float32",
                                       "int32",
                                       "int8",
                                       "read",
                                       "write",
                                       "float32x4",
                                       "handle",
                                       "software_pipeline_stage",
                                       "pragma_auto_unroll_max_step",
                                       "a\"b\\c\n",
                                       "wmma_load_16x16x16_f16_a",
                                       "dot_16x4_vnni",
                                       "meta_schedule.parallel"};
constexpr int64_t kNumbers[] = {-1,
                                -2,
                                0,
                                1,
                                2,
                                3,
                                4,
                                5,
                                7,
                                8,
                                16,
                                64,
                                1000,
                                -7,
                                INT32_MAX,
                                INT32_MIN,
                                INT64_MAX,
                                INT64_MIN,
                                int64_t{1} << 31,
                                int64_t{1} << 32};

template <typename T, size_t n>
const T& Pick(const T (&items)[n], CounterRandom& random) {
  return items[random.Below(n)];
}

}  // namespace

void AnyCaller::LookAround(CounterRandom& random) {
  for (const std::string& name : BlockNames(schedule_)) {
    if (known_.size() > 40 && random.Below(3) != 0) continue;
    const absl::StatusOr<BlockRv> block = schedule_.GetBlock(name);
    if (!block.ok()) continue;
    known_.emplace_back('b', *block);
    const absl::StatusOr<LoopRvs> loops = schedule_.GetLoops(*block);
    if (!loops.ok()) continue;
    for (const LoopRv loop : *loops) known_.emplace_back('l', loop);
  }
}

Value AnyCaller::RvOf(std::string_view kinds, CounterRandom& random) {
  // The newest are likely to be valid.
  for (int i = 0; i < 20 && !known_.empty(); ++i) {
    const size_t back = std::min(random.Below(known_.size()), random.Below(known_.size()));
    const auto& [kind, rv] = known_[known_.size() - 1 - back];
    if (kinds.find(kind) != std::string_view::npos) return Value::OfRv(rv);
  }
  return Value::None();
}

Value AnyCaller::Number(CounterRandom& random) {
  return Value::Int(random.Below(8) == 0 ? Pick(kNumbers, random) : random.Between(-1, 4));
}

Value AnyCaller::Word(CounterRandom& random) {
  if (random.Below(3) == 0) {
    const std::vector<std::string> names = BlockNames(schedule_);
    if (!names.empty()) return Value::String(ir::CopyString(names[random.Below(names.size())]));
  }
  return Value::String(Pick(kWords, random));
}

Value AnyCaller::Map(CounterRandom& random) {
  std::vector<ir::Var> inputs;
  const size_t count = random.Below(5) == 0 ? random.Below(4) : inputs_of_map_;
  for (size_t i = 0; i < count; ++i) inputs.push_back(ir::MakeVar(i == 0 ? "i" : i == 1 ? "j" : "k", ir::kInt32));
  std::vector<ir::Expr> results(inputs.begin(), inputs.end());
  for (size_t i = results.size(); i > 1; --i) std::swap(results[i - 1], results[random.Below(i)]);
  for (ir::Expr& e : results) {
    const ir::Expr constant = ir::Int32(random.Between(1, 5));
    const uint64_t way = random.Below(10);
    if (way == 0) e = ir::Add(e, constant);
    if (way == 1) e = ir::Mul(e, constant);
    if (way == 2) e = ir::FloorDiv(e, constant);
    if (way == 3) e = ir::FloorMod(e, constant);
    if (way == 4) e = ir::Add(ir::Mul(e, constant), inputs[random.Below(inputs.size())]);
    if (way == 5) e = ir::Sub(ir::Int32(random.Between(0, 9)), e);
  }
  if (random.Below(4) == 0 && !inputs.empty()) results.push_back(ir::FloorMod(inputs[random.Below(inputs.size())], 2));
  if (random.Below(8) == 0 && !results.empty()) results.pop_back();
  return Value::IndexMap(ir::MakeIndexMap(ir::MakeArray(inputs), ir::MakeArray(results)));
}

Value AnyCaller::Argument(char letter, CounterRandom& random) {
  switch (letter) {
    case 'b':
      return RvOf("b", random);
    case 'l':
      return RvOf("l", random);
    case 'x':
      return RvOf("bl", random);
    case 'v':
      return random.Below(4) == 0 ? Value::None() : random.Below(4) == 0 ? RvOf("v", random) : Number(random);
    case 'n':
      return Number(random);
    case 'r':
      return Value::Int(random.Below(2));
    case 'f':
      return Value::Float(random.Unit() * 4 - (random.Below(20) == 0 ? 3 : 0));
    case 's':
      return Word(random);
    case 'm':
      return Map(random);
    default: {
      const uint64_t way = random.Below(6);
      if (way == 0) return Number(random);
      if (way == 1) return Word(random);
      if (way == 2) return RvOf("blv", random);
      if (way == 3) return Value::Bool(true);
      const std::vector<Value> items = {way == 4 ? Number(random) : RvOf("b", random),
                                        way == 4 ? Word(random) : RvOf("b", random)};
      return Value::List(ir::MakeArray(items));
    }
  }
}

std::vector<Value> AnyCaller::Arguments(std::string_view signature, CounterRandom& random) {
  std::vector<Value> out;
  for (size_t i = 0; i < signature.size(); ++i) {
    if (signature[i] == '[') {
      std::vector<Value> items;
      const size_t count = random.Below(3) == 0 ? random.Below(5) : inputs_of_map_;
      for (size_t k = 0; k < count; ++k) items.push_back(Argument(signature[i + 1], random));
      out.push_back(Value::List(ir::MakeArray(items)));
      i += 2;
      continue;
    }
    const bool repeated = i + 1 < signature.size() && signature[i + 1] == '*';
    const bool optional = i + 1 < signature.size() && signature[i + 1] == '?';
    if (repeated || optional) ++i;
    if (optional && random.Below(2) == 0) {
      out.push_back(Value::None());
      continue;
    }
    const size_t count = repeated ? random.Below(4) : 1;
    const size_t first = out.size();
    for (size_t k = 0; k < count; ++k) {
      Value value = Argument(signature[repeated || optional ? i - 1 : i], random);
      // Neighbouring loops, as fuse and reorder want them.
      if (value.is(Value::Kind::kRv) && k > 0 && random.Below(4) != 0 && out[first].is(Value::Kind::kRv)) {
        value = Value::OfRv(Rv{out[first].rv().id + static_cast<int32_t>(k)});
      }
      out.push_back(value);
    }
  }
  return out;
}

absl::Status AnyCaller::Call(const InstructionRow& row, CounterRandom& random) {
  const ir::ArenaScope scope(schedule_.state().arena());
  inputs_of_map_ = random.Below(4);
  std::vector<Value> inputs = Arguments(row.inputs, random);
  // Index maps and permutations mostly have the size that the block wants.
  if (!inputs.empty() && inputs[0].is(Value::Kind::kRv)) {
    const absl::StatusOr<const ir::BlockNode*> block = schedule_.Get(BlockRv{inputs[0].rv().id});
    if (schedule_.IsBlock(inputs[0].rv()) && block.ok()) {
      inputs_of_map_ = (*block)->iter_vars.size();
      const Value first = inputs[0];
      inputs = Arguments(row.inputs, random);
      inputs[0] = first;
    }
  }
  const std::vector<Value> attrs = Arguments(row.attrs, random);
  for (size_t i = 0; i < inputs.size(); ++i) {
    // A variable of another kind, or none at all, does not get past the loader.
    const bool wants_rv =
        i < row.inputs.size() && (row.inputs[i] == 'b' || row.inputs[i] == 'l' || row.inputs[i] == 'x');
    if (wants_rv && !inputs[i].is(Value::Kind::kRv)) return absl::NotFoundError("nothing to call it on");
  }
  const auto kind_of = [this](Rv rv) {
    for (const auto& [kind, known] : known_) {
      if (known == rv) return kind;
    }
    return ' ';
  };
  if (!CheckSignature(row, ir::MakeArray(inputs), ir::MakeArray(attrs), kind_of).ok()) {
    return absl::NotFoundError("nothing to call it on");
  }
  schedule::Call call;
  call.inputs = inputs;
  call.attrs = attrs;
  if (random.Below(4) == 0) {
    const std::vector<Value> decision = {Number(random), Number(random), Number(random)};
    call.decision = random.Below(2) == 0 ? Number(random) : Value::List(ir::MakeArray(decision));
  }
  schedule_.SetCurrent(row);
  const absl::Status status = row.apply(schedule_, call);
  if (!status.ok()) return status;
  for (const Rv rv : call.outputs) {
    if (rv) known_.emplace_back(row.output_kind, rv);
  }
  return status;
}

absl::Status AnyCaller::Call(CounterRandom& random) {
  const auto rows = AllInstructions();
  return Call(*rows[random.Below(rows.size())], random);
}

bool MayChangeResults(std::string_view primitive) {
  constexpr std::string_view kUnsound[] = {
      // By their nature.
      "UnsafeSetDType", "UnsafeHideBufferAccess", "AnnotateBufferAccess", "CacheInplace", "Tensorize", "RollingBuffer",
      // As the peer.
      "Merge", "RFactor", "ReIndex", "ReindexCacheRead", "ReindexCacheWrite", "ReadAt", "WriteAt",
      "ReverseComputeInline", "ReverseComputeAt", "CacheIndex", "CacheRead", "CacheWrite", "TransformLayout",
      "SetAxisSeparator"};
  return std::find(std::begin(kUnsound), std::end(kUnsound), primitive) != std::end(kUnsound);
}

namespace {

double StepsOf(ir::Stmt stmt) {
  double out = 1;
  if (const auto* loop = stmt.as<ir::ForNode>()) {
    const int64_t* extent = ir::ConstInt(loop->extent);
    return 1 + (extent == nullptr ? 64.0 : std::max(0.0, static_cast<double>(*extent))) * StepsOf(loop->body);
  }
  if (const auto* seq = stmt.as<ir::SeqNode>()) {
    for (ir::Stmt s : seq->seq) out += StepsOf(s);
  } else if (const auto* realize = stmt.as<ir::BlockRealizeNode>()) {
    out += StepsOf(realize->block->body);
    if (realize->block->init) out += StepsOf(realize->block->init);
  } else if (const auto* choice = stmt.as<ir::IfThenElseNode>()) {
    out += StepsOf(choice->then_case);
  } else if (const auto* attr = stmt.as<ir::AttrStmtNode>()) {
    out += StepsOf(attr->body);
  } else if (const auto* let = stmt.as<ir::LetStmtNode>()) {
    out += StepsOf(let->body);
  } else if (stmt.kind() == ir::StmtKind::kWhile) {
    out = 1e18;
  }
  return out;
}

}  // namespace

double RoughSteps(const ir::IRModule& module) {
  double out = 0;
  for (const ir::ModuleEntry& entry : module->functions) {
    if (const ir::PrimFunc function = module.FindPrimFunc(entry.var->name)) out += StepsOf(function->body);
  }
  return out;
}

}  // namespace hone::schedule::testing
