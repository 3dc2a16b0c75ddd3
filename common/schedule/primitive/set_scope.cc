#include "common/schedule/primitive/set_scope.h"

#include <vector>

#include "common/ir/ops.h"
#include "common/schedule/analysis.h"
#include "common/schedule/buffer_rewriter.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_python.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::Buffer;

Buffer WithScope(Buffer buffer, std::string_view scope) {
  return ir::CopyBufferWithScope(buffer, StrCat(buffer->name, "_", scope), scope);
}

class ScopeRewriter final : public BufferRewriter {
 public:
  using BufferRewriter::BufferRewriter;

 private:
  Buffer RewriteView(Buffer view, Buffer source) override { return WithScope(view, source->scope()); }
};

Buffer WithDType(Buffer buffer, ir::DataType dtype) {
  auto* copy = ir::CopyNode(buffer.get());
  copy->dtype = dtype;
  copy->data = ir::MakeVar(buffer->data.name(), ir::PointerType(dtype, buffer->data->type->scope));
  return Buffer(copy);
}

class DTypeRewriter final : public BufferRewriter {
 public:
  DTypeRewriter(Buffer from, Buffer to) : BufferRewriter(from, to), old_(from->dtype), new_(to->dtype) {}

 private:
  using BufferRewriter::Mutate;
  Buffer RewriteView(Buffer view, Buffer) override { return WithDType(view, new_); }

  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    const ir::Expr out = BufferRewriter::Mutate(node);
    const bool changed = out.as<ir::BufferLoadNode>()->buffer != node->buffer;
    return changed ? ir::MakeCast(old_.with_lanes(out.dtype().lanes), out) : out;
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Stmt out = BufferRewriter::Mutate(node);
    const auto* store = out.as<ir::BufferStoreNode>();
    if (store->buffer == node->buffer) return out;
    return ir::MakeBufferStore(store->buffer, ir::MakeCast(new_.with_lanes(store->value.dtype().lanes), store->value),
                               store->indices, store->predicate);
  }

  ir::DataType old_;
  ir::DataType new_;
};

Buffer WithSeparators(Buffer buffer, ir::Array<ir::Expr> separators) {
  auto* copy = ir::CopyNode(buffer.get());
  copy->axis_separators = separators;
  return Buffer(copy);
}

class SeparatorRewriter final : public BufferRewriter {
 public:
  using BufferRewriter::BufferRewriter;

 private:
  Buffer RewriteView(Buffer view, Buffer source) override {
    if (view->shape.size() == source->shape.size()) return WithSeparators(view, source->axis_separators);
    const std::vector<ir::Expr> zeros(source->axis_separators.size(), ir::Int32(0));
    return WithSeparators(view, ir::MakeArray(zeros));
  }
};

template <typename Rewriter>
void RewriteAt(ScheduleState& state, SrefId site, Buffer from, Buffer to) {
  Rewriter rewriter(from, to);
  const ir::BlockNode* block = rewriter.Rewrite(state.block(site));
  state.ReplaceBlock(site, block, rewriter.reuses());
}

}  // namespace

absl::Status SetScope(ScheduleState& state, SrefId block, int buffer_index, std::string_view storage_scope) {
  HONE_RETURN_IF_ERROR(CheckStorageScope(state, block, storage_scope));
  HONE_ASSIGN_OR_RETURN(const Buffer buffer, AccessedBuffer(state, block, buffer_index, /*write=*/true));
  if (buffer->scope() == storage_scope) return absl::OkStatus();
  HONE_ASSIGN_OR_RETURN(const SrefId site, RequireAllocationSite(state, block, buffer));
  RewriteAt<ScopeRewriter>(state, site, buffer, WithScope(buffer, storage_scope));
  return absl::OkStatus();
}

absl::Status UnsafeSetDType(ScheduleState& state, SrefId block, int buffer_index, ir::DataType dtype) {
  HONE_ASSIGN_OR_RETURN(const Buffer buffer, AccessedBuffer(state, block, buffer_index, /*write=*/true));
  if (buffer->dtype == dtype) return absl::OkStatus();
  if (buffer->dtype.lanes != dtype.lanes) return state.Refuse("The data type has another number of lanes", {block});
  HONE_ASSIGN_OR_RETURN(const SrefId site, RequireAllocationSite(state, block, buffer));
  RewriteAt<DTypeRewriter>(state, site, buffer, WithDType(buffer, dtype));
  return absl::OkStatus();
}

absl::Status SetAxisSeparator(ScheduleState& state, SrefId block, int buffer_index, bool write,
                              absl::Span<const int64_t> separators) {
  HONE_ASSIGN_OR_RETURN(const Buffer buffer, AccessedBuffer(state, block, buffer_index, write));
  const DefiningSite site = FindDefiningSite(state, block, buffer);
  if (site.block != kNoSref && !site.allocated) {
    return state.Refuse("The buffer is a match_buffer view, whose layout is that of its source", {block});
  }
  for (size_t i = 0; i < separators.size(); ++i) {
    if (separators[i] < 0 || separators[i] > static_cast<int64_t>(buffer->shape.size()) ||
        (i > 0 && separators[i] < separators[i - 1])) {
      return state.Refuse("The axis separators must be increasing and at most the number of dimensions", {block});
    }
  }
  SrefId scope = site.block;
  if (scope == kNoSref) {
    HONE_RETURN_IF_ERROR(RequireScopeRoot(state, block).status());
    scope = FunctionRootOf(state, block);
  }
  std::vector<ir::Expr> literals;
  for (int64_t s : separators) literals.push_back(ir::Int32(s));
  const Buffer to = WithSeparators(buffer, ir::MakeArray(literals));
  RewriteAt<SeparatorRewriter>(state, scope, buffer, to);
  if (site.block == kNoSref) ReplaceParameterBuffer(state, scope, buffer, to);
  return absl::OkStatus();
}

// ---- methods

absl::Status Schedule::SetScope(BlockRv block, int buffer_index, std::string_view storage_scope) {
  const PrimitiveScope scope(*this, kSetScopeRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(schedule::SetScope(state_, id, buffer_index, storage_scope));
  Record(kSetScopeRow, {Value::OfRv(block)}, {Value::Int(buffer_index), Value::String(storage_scope)}, {});
  return absl::OkStatus();
}

absl::Status Schedule::UnsafeSetDType(BlockRv block, int buffer_index, std::string_view dtype) {
  const PrimitiveScope scope(*this, kUnsafeSetDTypeRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  const std::optional<ir::DataType> parsed = ir::DataType::Parse(dtype);
  if (!parsed.has_value() || parsed->is_void())
    return absl::InvalidArgumentError(StrCat("dtype \"", dtype, "\": not a data type"));
  HONE_RETURN_IF_ERROR(schedule::UnsafeSetDType(state_, id, buffer_index, *parsed));
  Record(kUnsafeSetDTypeRow, {Value::OfRv(block)}, {Value::Int(buffer_index), Value::String(dtype)}, {});
  return absl::OkStatus();
}

absl::Status Schedule::SetAxisSeparator(BlockRv block, int buffer_index, BufferSide side,
                                        absl::Span<const int64_t> axis_separators) {
  const PrimitiveScope scope(*this, kSetAxisSeparatorRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(
      schedule::SetAxisSeparator(state_, id, buffer_index, side == BufferSide::kWrite, axis_separators));
  Record(kSetAxisSeparatorRow, {Value::OfRv(block)},
         {Value::Int(buffer_index), Value::Int(static_cast<int64_t>(side)), ListOfInts(axis_separators)}, {});
  return absl::OkStatus();
}

// ---- rows

const InstructionRow kSetScopeRow = {
    .name = "SetScope",
    .pure = false,
    .inputs = "b",
    .attrs = "ns",
    .outputs = Outputs::kNone,
    .output_kind = ' ',
    .method = "set_scope",
    .arguments = "block,buffer_index,storage_scope",
    .apply = [](Schedule& s, Call& c) { return s.SetScope(BlockOf(c, 0), IntOf(c.attrs[0]), c.attrs[1].text()); }};

const InstructionRow kUnsafeSetDTypeRow = {.name = "UnsafeSetDType",
                                           .pure = false,
                                           .inputs = "b",
                                           .attrs = "ns",
                                           .outputs = Outputs::kNone,
                                           .output_kind = ' ',
                                           .method = "unsafe_set_dtype",
                                           .arguments = "block,buffer_index,dtype",
                                           .apply = [](Schedule& s, Call& c) {
                                             return s.UnsafeSetDType(BlockOf(c, 0), IntOf(c.attrs[0]),
                                                                     c.attrs[1].text());
                                           }};

namespace {

void SetAxisSeparatorPython(const PythonWriter& writer, absl::Span<const std::string> inputs,
                            absl::Span<const Value> attrs, PythonArgs& out) {
  out.emplace_back("block", inputs[0]);
  out.emplace_back("buffer", writer.BufferPosition(attrs[0], attrs[1]));
  out.emplace_back("axis_separators", writer.Attr(attrs[2]));
}

}  // namespace

const InstructionRow kSetAxisSeparatorRow = {.name = "SetAxisSeparator",
                                             .pure = false,
                                             .inputs = "b",
                                             .attrs = "nr[n]",
                                             .outputs = Outputs::kNone,
                                             .output_kind = ' ',
                                             .method = "set_axis_separator",
                                             .arguments = "",
                                             .apply =
                                                 [](Schedule& s, Call& c) {
                                                   return s.SetAxisSeparator(BlockOf(c, 0), IntOf(c.attrs[0]),
                                                                             static_cast<BufferSide>(IntOf(c.attrs[1])),
                                                                             IntsOf(c.attrs[2]));
                                                 },
                                             .python = SetAxisSeparatorPython};

}  // namespace hone::schedule
