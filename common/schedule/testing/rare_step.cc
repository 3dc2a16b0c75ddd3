#include "common/schedule/testing/rare_step.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/ir/ops.h"
#include "common/schedule/testing/random_step.h"
#include "common/support/status_macros.h"

namespace hone::schedule::testing {
namespace {

using ir::Expr;

constexpr std::string_view kRare[] = {"Unroll",
                                      "Parallel",
                                      "Vectorize",
                                      "Bind",
                                      "ReorderBlockIterVar",
                                      "SetScope",
                                      "StorageAlign",
                                      "UnsafeSetDType",
                                      "Unannotate",
                                      "TransformBlockLayout",
                                      "ReverseComputeAt",
                                      "DecomposeReduction",
                                      "GetBlock",
                                      "GetChildBlocks",
                                      "GetProducers",
                                      "GetConsumers",
                                      "GetOutputBlocks",
                                      "EnterPostproc",
                                      "AddUnitLoop",
                                      "SamplePerfectTile",
                                      "SampleCategorical",
                                      "SampleComputeLocation",
                                      "SamplePartitionedTile"};

template <typename T>
const typename T::value_type& Pick(const T& items, CounterRandom& random) {
  return items[random.Below(items.size())];
}

absl::StatusOr<BlockRv> RandomBlock(Schedule& s, CounterRandom& random) {
  const std::vector<std::string> names = BlockNames(s);
  if (names.empty()) return absl::NotFoundError("no blocks");
  return s.GetBlock(Pick(names, random));
}

absl::StatusOr<LoopRv> RandomLoop(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, s.GetLoops(block));
  if (loops.empty()) return absl::NotFoundError("no loops");
  return Pick(loops, random);
}

absl::Status ReorderIters(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, s.Get(block));
  std::vector<int64_t> order(node->iter_vars.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  if (random.Below(10) == 0) order.push_back(0);  // No permutation.
  return s.ReorderBlockIterVar(block, order);
}

absl::Status Annotations(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  BlockOrLoopRv target = block;
  if (random.Below(2) == 0) {
    HONE_ASSIGN_OR_RETURN(const LoopRv loop, RandomLoop(s, random));
    target = loop;
  }
  const Value items[] = {Value::Int(1), Value::Float(0.5), Value::String("x")};
  const ir::ArenaScope scope(s.state().arena());
  const Value values[] = {Value::Int(random.Between(-3, 300)), Value::String("local"), Value::Float(0.25),
                          Value::Bool(true), Value::List(ir::MakeArray(items, 3))};
  HONE_RETURN_IF_ERROR(s.Annotate(target, "random.first", values[random.Below(5)]));
  HONE_RETURN_IF_ERROR(s.Annotate(target, "random.second", values[random.Below(5)]));
  // Sometimes a key that is not there.
  HONE_RETURN_IF_ERROR(s.Unannotate(target, random.Below(8) == 0 ? "random.third" : "random.first"));
  return random.Below(2) == 0 ? s.Unannotate(target, "random.second") : absl::OkStatus();
}

// A wider type of the same kind, in which nothing is lost.
std::string_view Wider(ir::DataType dtype, CounterRandom& random) {
  if (dtype.is_float()) return random.Below(4) == 0 ? "float32" : "float64";
  return random.Below(4) == 0 ? "int32" : "int64";
}

absl::Status SetDType(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, s.Get(block));
  if (node->writes.empty()) return absl::NotFoundError("no writes");
  const ir::DataType dtype = node->writes[0]->buffer->dtype;
  const std::string_view wider = Wider(dtype, random);
  if (ir::DataType::Parse(wider)->bits < dtype.bits) return absl::NotFoundError("narrower");
  return s.UnsafeSetDType(block, 0, wider);
}

// A permutation of the iters, some of them split or fused with their neighbour of the same type.
absl::Status BlockLayout(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, s.Get(block));
  const ir::ArenaScope scope(s.state().arena());
  std::vector<ir::Var> inputs;
  std::vector<Expr> outputs;
  for (size_t i = 0; i < node->iter_vars.size(); ++i) {
    const ir::IterVar iter = node->iter_vars[i];
    inputs.push_back(ir::CopyVar(iter->var));
    const int64_t* extent = ir::ConstInt(iter->dom.extent);
    if (extent == nullptr) return absl::NotFoundError("unknown extent");
    const uint64_t way = random.Below(4);
    if (way == 0 && *extent % 2 == 0) {
      outputs.push_back(ir::FloorDiv(inputs.back(), 2));
      outputs.push_back(ir::FloorMod(inputs.back(), 2));
    } else if (way == 1 && i > 0 && node->iter_vars[i - 1]->iter_type == iter->iter_type &&
               outputs.back().get() == inputs[i - 1].get()) {
      outputs.back() = ir::Add(ir::Mul(inputs[i - 1], iter->dom.extent), inputs.back());
    } else {
      outputs.push_back(inputs.back());
    }
  }
  for (size_t i = outputs.size(); i > 1; --i) {
    if (random.Below(2) == 0) std::swap(outputs[i - 1], outputs[random.Below(i)]);
  }
  return s.TransformBlockLayout(block, ir::MakeIndexMap(ir::MakeArray(inputs), ir::MakeArray(outputs)));
}

absl::Status SplitBy(Schedule& s, LoopRv loop, const ExprRvs& tile) {
  std::vector<Value> factors;
  for (const ExprRv rv : tile) factors.push_back(rv ? Value::OfRv(rv) : Value::None());
  return s.Split(loop, factors).status();
}

absl::Status PerfectTile(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const LoopRv loop, RandomLoop(s, random));
  const int n = static_cast<int>(random.Between(2, 4));
  const int64_t limits[] = {-1, 1, 2, 16};
  HONE_ASSIGN_OR_RETURN(const ExprRvs tile, s.SamplePerfectTile(loop, n, static_cast<int>(limits[random.Below(4)])));
  return SplitBy(s, loop, tile);
}

absl::Status PartitionedTile(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const LoopRv loop, RandomLoop(s, random));
  const int n = static_cast<int>(random.Between(2, 4));
  const int position = static_cast<int>(random.Below(static_cast<uint64_t>(n)));
  HONE_ASSIGN_OR_RETURN(const ExprRvs tile,
                        s.SamplePartitionedTile(loop, n, position, static_cast<int>(random.Between(1, 3))));
  // Without a perfect tile the first factor is -1, which split refuses.
  HONE_ASSIGN_OR_RETURN(const int64_t first, s.ValueOf(tile[0]));
  return first == -1 ? absl::OkStatus() : SplitBy(s, loop, tile);
}

absl::Status Categorical(Schedule& s, CounterRandom& random) {
  const int64_t candidates[] = {1, 2, 3, 5};
  const double weights[] = {0.25, 0.5, 2.0, 0.0};
  HONE_ASSIGN_OR_RETURN(const ExprRv factor, s.SampleCategorical(candidates, weights));
  HONE_ASSIGN_OR_RETURN(const LoopRv loop, RandomLoop(s, random));
  if (random.Below(3) == 0) return s.Annotate(loop, "random.factor", Value::OfRv(factor));
  return s.Split(loop, {Value::None(), Value::OfRv(factor)}).status();
}

absl::Status ComputeLocation(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  std::optional<int64_t> decision;
  if (random.Below(3) == 0) decision = random.Between(-3, 6);
  HONE_ASSIGN_OR_RETURN(const LoopRv loop, s.SampleComputeLocation(block, decision));
  return s.ComputeAt(block, loop, /*preserve_unit_loops=*/true);
}

absl::Status LookUp(Schedule& s, std::string_view primitive, CounterRandom& random) {
  if (primitive == "GetBlock") {
    if (random.Below(8) == 0) return s.GetBlock("no such block").status();
    return RandomBlock(s, random).status();
  }
  HONE_ASSIGN_OR_RETURN(const BlockRv root, s.GetBlock("root"));
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  const BlockRv any = random.Below(4) == 0 ? root : block;
  if (primitive == "GetChildBlocks") {
    if (random.Below(2) == 0) return s.GetChildBlocks(any).status();
    HONE_ASSIGN_OR_RETURN(const LoopRv loop, RandomLoop(s, random));
    return s.GetChildBlocks(loop).status();
  }
  if (primitive == "GetProducers") return s.GetProducers(any).status();
  if (primitive == "GetConsumers") return s.GetConsumers(any).status();
  return s.GetOutputBlocks(any).status();
}

absl::Status OnBlock(Schedule& s, std::string_view primitive, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  const int index = random.Below(10) == 0 ? 1 : 0;
  if (primitive == "SetScope") {
    const std::string_view scopes[] = {"shared", "local", "global", "shared.dyn", "global.vtcm", "nowhere"};
    return s.SetScope(block, index, scopes[random.Below(6)]);
  }
  return s.StorageAlign(block, index, static_cast<int>(random.Between(-3, 2)), static_cast<int>(random.Between(0, 32)),
                        static_cast<int>(random.Between(0, 8)));
}

}  // namespace

absl::Span<const std::string_view> RarePrimitives() { return kRare; }

absl::Status RareStep(Schedule& s, std::string_view primitive, CounterRandom& random) {
  if (primitive == "ReverseComputeAt") return RandomStep(s, Step::kReverseComputeAt, random);
  if (primitive == "DecomposeReduction") return RandomStep(s, Step::kDecomposeReduction, random);
  if (primitive == "ReorderBlockIterVar") return ReorderIters(s, random);
  if (primitive == "SetScope" || primitive == "StorageAlign") return OnBlock(s, primitive, random);
  if (primitive == "UnsafeSetDType") return SetDType(s, random);
  if (primitive == "Unannotate") return Annotations(s, random);
  if (primitive == "TransformBlockLayout") return BlockLayout(s, random);
  if (primitive == "EnterPostproc") return s.EnterPostproc();
  if (primitive == "SamplePerfectTile") return PerfectTile(s, random);
  if (primitive == "SamplePartitionedTile") return PartitionedTile(s, random);
  if (primitive == "SampleCategorical") return Categorical(s, random);
  if (primitive == "SampleComputeLocation") return ComputeLocation(s, random);
  if (primitive.substr(0, 3) == "Get") return LookUp(s, primitive, random);
  HONE_ASSIGN_OR_RETURN(const LoopRv loop, RandomLoop(s, random));
  if (primitive == "Parallel") return s.Parallel(loop);
  if (primitive == "Vectorize") return s.Vectorize(loop);
  if (primitive == "Unroll") return s.Unroll(loop);
  if (primitive == "AddUnitLoop") {
    HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
    return s.AddUnitLoop(random.Below(2) == 0 ? BlockOrLoopRv(block) : BlockOrLoopRv(loop)).status();
  }
  const std::string_view axes[] = {"blockIdx.x",  "blockIdx.y", "blockIdx.z", "threadIdx.x", "threadIdx.y",
                                   "threadIdx.z", "vthread.x",  "vthread.y",  "vthread.z",   "threadIdx.w"};
  return s.Bind(loop, axes[random.Below(10)]);
}

}  // namespace hone::schedule::testing
