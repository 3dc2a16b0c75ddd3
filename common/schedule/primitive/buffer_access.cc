#include "common/schedule/primitive/buffer_access.h"

#include <algorithm>
#include <vector>

#include "common/arith/index_map.h"
#include "common/ir/ops.h"
#include "common/schedule/buffer_rewriter.h"
#include "common/schedule/expr_text.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_python.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

// The list under `key` with `index` in it.
const ir::Object* WithIndex(const ir::Object* before, int index) {
  std::vector<const ir::Object*> items;
  if (const auto* array = ir::As<ir::ArrayNode>(before)) items = array->items.ToVector();
  for (const ir::Object* item : items) {
    if (item == nullptr || item->object_kind != ir::ObjectKind::kExpr) continue;
    if (ir::IsConstInt(ir::Expr(static_cast<const ir::ExprNode*>(item)), index)) return before;
  }
  items.push_back(ir::AnnotationInt(index));
  return ir::ObjectArray(ir::MakeArray(items));
}

}  // namespace

absl::Status AnnotateBufferAccess(ScheduleState& state, SrefId block, int buffer_index, bool write,
                                  const ir::IndexMapNode* index_map) {
  HONE_ASSIGN_OR_RETURN(const ir::Buffer buffer, AccessedBuffer(state, block, buffer_index, write));
  const ir::BlockNode* old = state.block(block);
  if (index_map->initial_indices.size() != old->iter_vars.size()) {
    return absl::InvalidArgumentError(StrCat("index map: expected one input an iter (", old->iter_vars.size(), ")"));
  }
  if (index_map->final_indices.size() != buffer->shape.size() * 2) {
    return state.Refuse("The new region needs a begin and an end for each dimension of the buffer", {block});
  }
  std::vector<ir::Expr> iters;
  for (ir::IterVar iter : old->iter_vars) iters.push_back(iter->var);
  arith::Analyzer analyzer;
  const std::vector<ir::Expr> ends = arith::MapIndices(index_map, iters, analyzer);
  std::vector<ir::Range> ranges;
  for (size_t i = 0; i < ends.size(); i += 2) {
    ranges.push_back({ends[i], analyzer.Simplify(ir::Sub(ends[i + 1], ends[i]))});
  }
  std::vector<ir::BufferRegion> regions = (write ? old->writes : old->reads).ToVector();
  regions[static_cast<size_t>(buffer_index)] = ir::MakeBufferRegion(buffer, ir::MakeArray(ranges));
  const std::string_view key = write ? "explicit_write_region" : "explicit_read_region";
  auto* copy = ir::CopyNode(old);
  (write ? copy->writes : copy->reads) = ir::MakeArray(regions);
  copy->annotations = old->annotations.With(key, WithIndex(old->annotations.Get(key), buffer_index));
  state.ReplaceShallow(block, copy);
  return absl::OkStatus();
}

absl::Status UnsafeHideBufferAccess(ScheduleState& state, SrefId block, bool write, absl::Span<const int64_t> indices) {
  for (int64_t index : indices) {
    HONE_RETURN_IF_ERROR(AccessedBuffer(state, block, static_cast<int>(index), write).status());
  }
  const ir::BlockNode* old = state.block(block);
  const auto& regions = write ? old->writes : old->reads;
  std::vector<ir::BufferRegion> kept;
  for (size_t i = 0; i < regions.size(); ++i) {
    if (std::find(indices.begin(), indices.end(), static_cast<int64_t>(i)) == indices.end()) kept.push_back(regions[i]);
  }
  state.ReplaceShallow(block, WithRegions(old, write, ir::MakeArray(kept)));
  return absl::OkStatus();
}

// ---- methods

absl::Status Schedule::AnnotateBufferAccess(BlockRv block, int buffer_index, BufferSide side,
                                            const ir::IndexMapNode* index_map) {
  const PrimitiveScope scope(*this, kAnnotateBufferAccessRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(schedule::AnnotateBufferAccess(state_, id, buffer_index, side == BufferSide::kWrite, index_map));
  Record(kAnnotateBufferAccessRow,
         {Value::OfRv(block), Value::Int(buffer_index), Value::Int(static_cast<int64_t>(side)),
          Value::IndexMap(index_map)},
         {}, {});
  return absl::OkStatus();
}

absl::Status Schedule::UnsafeHideBufferAccess(BlockRv block, std::string_view buffer_side,
                                              absl::Span<const int64_t> buffer_indices) {
  const PrimitiveScope scope(*this, kUnsafeHideBufferAccessRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  if (buffer_side != "read" && buffer_side != "write") {
    return absl::InvalidArgumentError(StrCat("buf_type \"", buffer_side, "\": expected \"read\" or \"write\""));
  }
  HONE_RETURN_IF_ERROR(schedule::UnsafeHideBufferAccess(state_, id, buffer_side == "write", buffer_indices));
  Record(kUnsafeHideBufferAccessRow, {Value::OfRv(block), Value::String(buffer_side), ListOfInts(buffer_indices)}, {},
         {});
  return absl::OkStatus();
}

// ---- rows

namespace {

absl::Status ApplyAnnotateBufferAccess(Schedule& s, Call& c) {
  return s.AnnotateBufferAccess(BlockOf(c, 0), IntOf(c.inputs[1]), static_cast<BufferSide>(IntOf(c.inputs[2])),
                                c.inputs[3].index_map());
}

// gen_new_ranges=lambda vi, vj: [(vi, vi + 1), (vj, vj + 2)]
void AnnotateBufferAccessPython(const PythonWriter& writer, absl::Span<const std::string> inputs,
                                absl::Span<const Value>, PythonArgs& out) {
  out.emplace_back("block", inputs[0]);
  out.emplace_back("buffer_index", inputs[1]);
  out.emplace_back("buf_type", writer.inputs()[2].integer() == 0 ? "\"read\"" : "\"write\"");
  const ir::IndexMapNode* map = writer.inputs()[3].index_map();
  std::string text = "lambda";
  for (size_t i = 0; i < map->initial_indices.size(); ++i) {
    StrAppend(&text, i > 0 ? ", " : " ", map->initial_indices[i].name());
  }
  text += ": [";
  for (size_t i = 0; i + 1 < map->final_indices.size(); i += 2) {
    StrAppend(&text, i > 0 ? ", (" : "(", ExprText(map->final_indices[i]), ", ", ExprText(map->final_indices[i + 1]),
              ")");
  }
  out.emplace_back("gen_new_ranges", text + "]");
}

}  // namespace

const InstructionRow kAnnotateBufferAccessRow = {.name = "AnnotateBufferAccess",
                                                 .pure = false,
                                                 .inputs = "bnrm",
                                                 .attrs = "",
                                                 .outputs = Outputs::kNone,
                                                 .output_kind = ' ',
                                                 .method = "annotate_buffer_access",
                                                 .arguments = "",
                                                 .apply = ApplyAnnotateBufferAccess,
                                                 .python = AnnotateBufferAccessPython};

const InstructionRow kUnsafeHideBufferAccessRow = {.name = "UnsafeHideBufferAccess",
                                                   .pure = false,
                                                   .inputs = "bs[n]",
                                                   .attrs = "",
                                                   .outputs = Outputs::kNone,
                                                   .output_kind = ' ',
                                                   .method = "unsafe_hide_buffer_access",
                                                   .arguments = "block,buf_type,buf_index_array",
                                                   .apply = [](Schedule& s, Call& c) {
                                                     return s.UnsafeHideBufferAccess(BlockOf(c, 0), c.inputs[1].text(),
                                                                                     IntsOf(c.inputs[2]));
                                                   }};

}  // namespace hone::schedule
