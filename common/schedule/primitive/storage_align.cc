#include "common/schedule/primitive/storage_align.h"

#include <vector>

#include "common/schedule/buffer_rewriter.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"

namespace hone::schedule {
namespace {

constexpr std::string_view kKey = "buffer_dim_align";

// The number at `index` of one entry of the annotation; -1 when it is none.
int64_t NumberAt(const ir::Object* entry, size_t index) {
  const auto* array = ir::As<ir::ArrayNode>(entry);
  if (array == nullptr || index >= array->items.size()) return -1;
  const ir::Object* item = array->items[index];
  if (item == nullptr || item->object_kind != ir::ObjectKind::kExpr) return -1;
  const int64_t* number = ir::ConstInt(ir::Expr(static_cast<const ir::ExprNode*>(item)));
  return number != nullptr ? *number : -1;
}

}  // namespace

absl::Status StorageAlign(ScheduleState& state, SrefId block, int buffer_index, int axis, int factor, int offset) {
  HONE_ASSIGN_OR_RETURN(const ir::Buffer buffer, AccessedBuffer(state, block, buffer_index, /*write=*/true));
  if (factor <= 0) return state.Refuse("The factor of storage_align must be positive", {block});
  const auto rank = static_cast<int>(buffer->shape.size());
  if (axis < -rank || axis >= rank) return state.Refuse("The axis of storage_align is out of range", {block});
  if (axis < 0) axis += rank;
  HONE_RETURN_IF_ERROR(RequireAllocationSite(state, block, buffer).status());

  const ir::BlockNode* old = state.block(block);
  const std::vector<const ir::Object*> numbers = {ir::AnnotationInt(buffer_index), ir::AnnotationInt(axis),
                                                  ir::AnnotationInt(factor), ir::AnnotationInt(offset)};
  const ir::Object* entry = ir::ObjectArray(ir::MakeArray(numbers));
  std::vector<const ir::Object*> entries;
  if (const auto* before = ir::As<ir::ArrayNode>(old->annotations.Get(kKey))) entries = before->items.ToVector();
  bool found = false;
  for (const ir::Object*& e : entries) {
    if (found || NumberAt(e, 0) != buffer_index || NumberAt(e, 1) != axis) continue;
    e = entry;
    found = true;
  }
  if (!found) entries.push_back(entry);
  auto* copy = ir::CopyNode(old);
  copy->annotations = old->annotations.With(kKey, ir::ObjectArray(ir::MakeArray(entries)));
  state.ReplaceShallow(block, copy);
  return absl::OkStatus();
}

absl::Status Schedule::StorageAlign(BlockRv block, int buffer_index, int axis, int factor, int offset) {
  const PrimitiveScope scope(*this, kStorageAlignRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(schedule::StorageAlign(state_, id, buffer_index, axis, factor, offset));
  Record(kStorageAlignRow, {Value::OfRv(block)},
         {Value::Int(buffer_index), Value::Int(axis), Value::Int(factor), Value::Int(offset)}, {});
  return absl::OkStatus();
}

const InstructionRow kStorageAlignRow = {.name = "StorageAlign",
                                         .pure = false,
                                         .inputs = "b",
                                         .attrs = "nnnn",
                                         .outputs = Outputs::kNone,
                                         .output_kind = ' ',
                                         .method = "storage_align",
                                         .arguments = "block,buffer_index,axis,factor,offset",
                                         .apply = [](Schedule& s, Call& c) {
                                           return s.StorageAlign(BlockOf(c, 0), IntOf(c.attrs[0]), IntOf(c.attrs[1]),
                                                                 IntOf(c.attrs[2]), IntOf(c.attrs[3]));
                                         }};

}  // namespace hone::schedule
