#include "common/schedule/primitive/loop_partition.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/renew.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::Expr;

// Ends of the parts, relative to the loop's minimum.
absl::StatusOr<std::vector<int64_t>> CutPoints(const ScheduleState& state, SrefId loop,
                                               absl::Span<const int64_t> factors, int64_t extent) {
  int64_t sum = 0;
  int inferred = -1;
  for (size_t i = 0; i < factors.size(); ++i) {
    if (factors[i] == kInferFactor) {
      if (inferred >= 0) return state.Refuse("only one factor can be specified as -1 or none", {loop});
      inferred = static_cast<int>(i);
    } else if (factors[i] <= 0) {
      return state.Refuse("All the constant factors are required to be positive", {loop});
    } else {
      sum = factors[i] >= extent - sum ? extent : sum + factors[i];
    }
  }
  if (sum >= extent) return state.Refuse("The sum of factors is larger than or equal to the extent of loop", {loop});
  std::vector<int64_t> out;
  int64_t end = 0;
  for (int64_t factor : factors) {
    end += factor == kInferFactor ? extent - sum : factor;
    out.push_back(end);
  }
  if (inferred < 0) out.push_back(extent);
  return out;
}

// The box of a buffer that accesses by iters alone touch.
struct TouchedBox {
  ir::Buffer buffer;
  bool plain = true;                              // Every index so far is an iter with a constant domain.
  std::vector<std::pair<int64_t, int64_t>> dims;  // [begin, end)
};

// What the accesses of a block's body and init touch when its iters run over their domains.
class BoxCollector final : public ir::StmtExprMutator {
 public:
  explicit BoxCollector(const std::vector<ir::IterVar>& iters) : iters_(iters) {}
  // Null when the buffer is accessed otherwise, or not at all.
  const TouchedBox* Find(ir::Buffer buffer) const {
    for (const TouchedBox& box : boxes_) {
      if (box.buffer == buffer) return box.plain ? &box : nullptr;
    }
    return nullptr;
  }

 private:
  using StmtExprMutator::Mutate;

  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    Touch(ir::Buffer(node->buffer), node->indices);
    return StmtExprMutator::Mutate(node);
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    Touch(node->buffer, node->indices);
    return StmtExprMutator::Mutate(node);
  }

  void Touch(ir::Buffer buffer, ir::Array<ir::Expr> indices) {
    TouchedBox* box = nullptr;
    for (TouchedBox& known : boxes_) {
      if (known.buffer == buffer) box = &known;
    }
    const bool first = box == nullptr;
    if (first) {
      boxes_.push_back({buffer, true, {}});
      box = &boxes_.back();
    }
    for (size_t i = 0; i < indices.size() && box->plain; ++i) {
      const auto iter =
          std::find_if(iters_.begin(), iters_.end(), [&](ir::IterVar v) { return Expr(v->var) == indices[i]; });
      const int64_t* min = iter != iters_.end() ? ir::ConstInt((*iter)->dom.min) : nullptr;
      const int64_t* extent = iter != iters_.end() ? ir::ConstInt((*iter)->dom.extent) : nullptr;
      if (min == nullptr || extent == nullptr) {
        box->plain = false;
      } else if (first) {
        box->dims.emplace_back(*min, *min + *extent);
      } else {
        box->dims[i] = {std::min(box->dims[i].first, *min), std::max(box->dims[i].second, *min + *extent)};
      }
    }
  }

  const std::vector<ir::IterVar>& iters_;
  std::vector<TouchedBox> boxes_;
};

// Gives the iters bound to the new loop its range. A block with such an iter declares buffers that it indexes by iters
// alone by what its domains touch.
class DomainUpdater final : public ir::StmtExprMutator {
 public:
  DomainUpdater(ir::Var var, ir::Range range) : var_(var), range_(range) {}

 private:
  using StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::BlockRealizeNode* node) override {
    auto* block = ir::CopyNode(node->block);
    std::vector<ir::IterVar> iters;
    bool bound = false;
    for (size_t i = 0; i < node->iter_values.size(); ++i) {
      auto* iter = ir::CopyNode(node->block->iter_vars[i]);
      if (node->iter_values[i] == var_) {
        iter->dom = range_;
        bound = true;
      }
      iters.push_back(iter);
    }
    block->iter_vars = ir::MakeArray(iters);
    if (bound) {
      BoxCollector boxes(iters);
      boxes.MutateStmt(block->init);
      boxes.MutateStmt(block->body);
      block->reads = Widen(block->reads, boxes);
      block->writes = Widen(block->writes, boxes);
    }
    block->body = MutateStmt(block->body);
    auto* copy = ir::CopyNode(node);
    copy->block = block;
    return copy;
  }

  static ir::Array<ir::BufferRegion> Widen(ir::Array<ir::BufferRegion> regions, const BoxCollector& boxes) {
    return ir::MapArray(regions, [&](ir::BufferRegion region) -> ir::BufferRegion {
      const TouchedBox* box = boxes.Find(region->buffer);
      if (box == nullptr) return region;
      std::vector<ir::Range> ranges;
      for (size_t i = 0; i < box->dims.size(); ++i) {
        const ir::DataType dtype = region->region[i].min.dtype();
        ranges.push_back(
            {ir::IntImm(dtype, box->dims[i].first), ir::IntImm(dtype, box->dims[i].second - box->dims[i].first)});
      }
      return ir::MakeBufferRegion(region->buffer, ir::MakeArray(ranges));
    });
  }

  ir::Var var_;
  ir::Range range_;
};

const ir::BlockNode* OpaqueBlock(std::string_view name, ir::Stmt body) { return ir::MakeBlock({}, {}, {}, name, body); }

}  // namespace

absl::StatusOr<SrefList> LoopPartition(ScheduleState& state, SrefId loop, absl::Span<const int64_t> factors) {
  HONE_RETURN_IF_ERROR(CheckPlainLoop(state, loop));
  const ir::ForNode* node = state.loop(loop);
  const int64_t* min = ir::ConstInt(node->min);
  const int64_t* extent = ir::ConstInt(node->extent);
  if (min == nullptr || extent == nullptr) {
    return state.Refuse("The loop's range must be constant: dynamic shape has been detected", {loop});
  }
  const SrefList blocks = ChildBlocks(state, loop);
  if (blocks.empty()) return absl::InvalidArgumentError("loop_partition: expected a block below the loop");
  HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> cuts, CutPoints(state, loop, factors, *extent));

  const ir::DataType dtype = node->loop_var.dtype();
  const std::string base = StrCat(state.block(blocks[0])->name, "_", node->loop_var.name());
  std::vector<ir::Stmt> parts;
  std::vector<const ir::StmtNode*> loops;
  int64_t start = *min;
  for (size_t k = 0; k < cuts.size(); ++k) {
    const int64_t end = *min + cuts[k];
    const ir::Range range{ir::IntImm(dtype, start), ir::IntImm(dtype, end - start)};
    const ir::Var var = ir::CopyVar(node->loop_var, StrCat(node->loop_var.name(), k));
    ir::VarMap map;
    map[node->loop_var.get()] = var;
    const ir::Stmt body = RenewDefinitions(node->body, StrCat("_", node->loop_var.name(), k), map);
    const ir::Stmt part =
        ir::MakeFor(var, range.min, range.extent, ir::ForKind::kSerial, DomainUpdater(var, range).MutateStmt(body));
    loops.push_back(part.get());
    parts.push_back(ir::MakeBlockRealize({}, ir::GT(ir::IntImm(dtype, end), ir::IntImm(dtype, 0)),
                                         OpaqueBlock(StrCat(base, k, "_partition"), part)));
    start = end;
  }
  const SrefId scope = ScopeRootOf(state, loop);
  state.Replace(loop, ir::MakeBlockRealize({}, ir::BoolImm(true), OpaqueBlock(base + "_common", ir::MakeSeq(parts))));
  SrefList out;
  for (const ir::StmtNode* part : loops) out.push_back(state.Find(part, scope));
  state.RecomputeScope(scope);
  return out;
}

absl::StatusOr<LoopRvs> Schedule::LoopPartition(LoopRv loop, absl::Span<const Value> factors,
                                                bool preserve_unit_iters) {
  const PrimitiveScope scope(*this, kLoopPartitionRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
  absl::InlinedVector<int64_t, 8> numbers;
  for (const Value& factor : factors) {
    if (factor.is_none()) {
      numbers.push_back(kInferFactor);
      continue;
    }
    HONE_ASSIGN_OR_RETURN(const int64_t number, Evaluate(factor));
    numbers.push_back(number == kInferFactor ? 0 : number);
  }
  HONE_ASSIGN_OR_RETURN(const SrefList loops, schedule::LoopPartition(state_, id, numbers));
  LoopRvs out;
  for (SrefId l : loops) out.push_back(NewLoopRv(l));
  absl::InlinedVector<Value, 8> inputs = {Value::OfRv(loop)};
  inputs.insert(inputs.end(), factors.begin(), factors.end());
  Record(kLoopPartitionRow, inputs, {Value::Int(preserve_unit_iters)}, RvsOf(out));
  return out;
}

const InstructionRow kLoopPartitionRow = {
    .name = "LoopPartition",
    .pure = false,
    .inputs = "lv*",
    .attrs = "n",
    .outputs = Outputs::kList,
    .output_kind = 'l',
    .method = "loop_partition",
    .arguments = "loop,factors*,preserve_unit_iters",
    .apply = [](Schedule& s,
                Call& c) { return PutAll(s.LoopPartition(LoopOf(c, 0), c.inputs.subspan(1), BoolOf(c.attrs[0])), c); },
    .python_bool_attrs = 1};

}  // namespace hone::schedule
