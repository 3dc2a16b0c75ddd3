#include "common/schedule/primitive/transform_layout.h"

#include <vector>

#include "common/arith/index_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/buffer_rewriter.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/layout_rewrite.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_python.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::Buffer;
using ir::Expr;

// The map over variables of the dtype that the buffer is indexed with.
const ir::IndexMapNode* WithIndexDType(const ir::IndexMapNode* map, ir::DataType dtype) {
  bool same = true;
  for (ir::Var var : map->initial_indices) same = same && var.dtype() == dtype;
  if (same) return map;
  ir::VarMap renamed;
  std::vector<ir::Var> inputs;
  for (ir::Var var : map->initial_indices) {
    inputs.push_back(ir::MakeVar(var.name(), dtype));
    renamed[var.get()] = inputs.back();
  }
  // Literals widen with the variables.
  class Widener final : public ir::ExprMutator {
   public:
    Widener(const ir::VarMap& map, ir::DataType dtype) : map_(map), dtype_(dtype) {}

   private:
    using ir::ExprMutator::Mutate;
    Expr Mutate(const ir::VarNode* node) override {
      const auto it = map_.find(node);
      return it != map_.end() ? it->second : Expr(node);
    }
    Expr Mutate(const ir::IntImmNode* node) override {
      return node->dtype.is_index() ? ir::IntImm(dtype_, node->value) : Expr(node);
    }
    Expr Mutate(const ir::BinaryNode* node) override {
      return ir::Binary(node->kind, MutateExpr(node->a), MutateExpr(node->b));
    }
    const ir::VarMap& map_;
    ir::DataType dtype_;
  };
  Widener widener(renamed, dtype);
  std::vector<Expr> outputs;
  for (Expr e : map->final_indices) outputs.push_back(widener.MutateExpr(e));
  return ir::MakeIndexMap(ir::MakeArray(inputs), ir::MakeArray(outputs),
                          map->inverse != nullptr ? WithIndexDType(map->inverse, dtype) : nullptr);
}

absl::Status CheckPadValue(const ScheduleState& state, SrefId block, Buffer buffer, const ir::IndexMapNode* pad_value) {
  if (pad_value == nullptr) return absl::OkStatus();
  if (pad_value->final_indices.size() != 1 || !(pad_value->final_indices[0].dtype() == buffer->dtype)) {
    return state.Refuse("The pad value must be one expression of the buffer's dtype", {block});
  }
  bool other = false;
  ir::PostOrderVisitExprs(pad_value->final_indices[0], [&](Expr e) {
    const auto* load = e.as<ir::BufferLoadNode>();
    other = other || (load != nullptr && load->buffer != buffer.get());
  });
  if (other) return state.Refuse("The pad value may only load from the transformed buffer", {block});
  return absl::OkStatus();
}

// The rewriting of each step as one from old blocks to final ones.
BlockReuses Compose(const BlockReuses& first, const BlockReuses& second) {
  BlockReuses out;
  for (const BlockReuse& reuse : first) {
    const ir::BlockNode* to = reuse.second;
    for (const BlockReuse& next : second) {
      if (next.first == to) to = next.second;
    }
    out.emplace_back(reuse.first, to);
  }
  for (const BlockReuse& reuse : second) out.push_back(reuse);
  return out;
}

}  // namespace

absl::Status TransformLayout(ScheduleState& state, SrefId block, int buffer_index, bool write,
                             const ir::IndexMapNode* index_map, const ir::IndexMapNode* pad_value,
                             bool assume_injective) {
  HONE_ASSIGN_OR_RETURN(const Buffer from, AccessedBuffer(state, block, buffer_index, write));
  if (index_map->initial_indices.size() != from->shape.size()) {
    return absl::InvalidArgumentError(StrCat("index map: expected one input a dimension of \"", from->name, "\" (",
                                             from->shape.size(), "), got ", index_map->initial_indices.size()));
  }
  const ir::IndexMapNode* map = WithIndexDType(index_map, from->index_dtype());
  const DefiningSite site = FindDefiningSite(state, block, from);
  if (site.block != kNoSref && !site.allocated) {
    return state.Refuse("The buffer is a match_buffer view, whose layout is that of its source", {block});
  }
  HONE_RETURN_IF_ERROR(CheckPadValue(state, block, from, pad_value));
  SrefId scope = site.block;
  if (scope == kNoSref) {
    HONE_RETURN_IF_ERROR(RequireScopeRoot(state, block).status());
    scope = FunctionRootOf(state, block);
  }
  arith::Analyzer analyzer;
  HONE_ASSIGN_OR_RETURN(const std::vector<Expr> shape,
                        arith::MapShape(map, absl::MakeConstSpan(from->shape.data(), from->shape.size()), analyzer));
  auto* to_node = ir::CopyNode(from.get());
  to_node->shape = ir::MakeArray(shape);
  const Buffer to(to_node);
  LayoutPadding padding{ir::BoolImm(false), nullptr, pad_value};
  if (!assume_injective) {
    std::vector<ir::Range> ranges;
    for (Expr dim : from->shape) ranges.push_back(ir::RangeFromExtent(dim));
    const absl::StatusOr<arith::NonSurjectiveInverseMap> inverse = arith::NonSurjectiveInverse(map, ranges, analyzer);
    if (!inverse.ok()) return inverse.status();
    padding.inverse = inverse->inverse;
    padding.predicate = inverse->padding_predicate;
    if (pad_value == nullptr && !ir::IsFalse(padding.predicate)) {
      return state.Refuse("Transformation would introduce padding, and no pad value is given", {block},
                          std::string(from->name));
    }
  }
  BlockReuses first;
  const ir::BlockNode* padded = HandlePadding(state.block(scope), from, to, padding, first);
  BlockReuses second;
  const ir::BlockNode* rewritten = RewriteLayout(padded, from, to, map, second);
  state.ReplaceBlock(scope, rewritten, Compose(first, second));
  if (site.block == kNoSref) ReplaceParameterBuffer(state, scope, from, to);
  return absl::OkStatus();
}

absl::Status Schedule::TransformLayout(BlockRv block, int buffer_index, BufferSide side,
                                       const ir::IndexMapNode* index_map, const ir::IndexMapNode* pad_value,
                                       bool assume_injective_transform) {
  const PrimitiveScope scope(*this, kTransformLayoutRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const ir::IndexMapNode* map, Resolve(index_map));
  HONE_RETURN_IF_ERROR(schedule::TransformLayout(state_, id, buffer_index, side == BufferSide::kWrite, map, pad_value,
                                                 assume_injective_transform));
  Record(kTransformLayoutRow, {Value::OfRv(block), Value::IndexMap(index_map)},
         {Value::Int(buffer_index), Value::Int(static_cast<int64_t>(side)),
          pad_value != nullptr ? Value::IndexMap(pad_value) : Value::None(), Value::Bool(assume_injective_transform)},
         {});
  return absl::OkStatus();
}

namespace {

absl::Status ApplyTransformLayout(Schedule& s, Call& c) {
  const ir::IndexMapNode* pad = c.attrs[2].is_none() ? nullptr : c.attrs[2].index_map();
  return s.TransformLayout(BlockOf(c, 0), IntOf(c.attrs[0]), static_cast<BufferSide>(IntOf(c.attrs[1])),
                           c.inputs[1].index_map(), pad, BoolOf(c.attrs[3]));
}

void TransformLayoutPython(const PythonWriter& writer, absl::Span<const std::string> inputs,
                           absl::Span<const Value> attrs, PythonArgs& out) {
  out.emplace_back("block", inputs[0]);
  out.emplace_back("buffer", writer.BufferPosition(attrs[0], attrs[1]));
  out.emplace_back("index_map", inputs[1]);
  out.emplace_back("pad_value", attrs[2].is_none() ? "None" : writer.IndexMap(attrs[2].index_map()));
  out.emplace_back("assume_injective_transform", writer.Bool(attrs[3]));
}

}  // namespace

const InstructionRow kTransformLayoutRow = {.name = "TransformLayout",
                                            .pure = false,
                                            .inputs = "bm",
                                            .attrs = "nrm?n",
                                            .outputs = Outputs::kNone,
                                            .output_kind = ' ',
                                            .method = "transform_layout",
                                            .arguments = "",
                                            .apply = ApplyTransformLayout,
                                            .python = TransformLayoutPython,
                                            .bool_attrs = 8};

}  // namespace hone::schedule
