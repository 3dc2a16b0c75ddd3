#include "server/space/postproc/rewrite_layout.h"

#include <optional>
#include <string>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"
#include "server/space/suggest_layout.h"

namespace hone {
namespace {

using namespace ir;  // NOLINT: an internal file about these nodes.
using schedule::Schedule;
using schedule::ScheduleState;
using schedule::SrefId;

void AddUnique(std::vector<Buffer>& buffers, Buffer buffer) {
  for (Buffer b : buffers) {
    if (b == buffer) return;
  }
  buffers.push_back(buffer);
}

std::vector<Buffer> LayoutFreeBuffers(const ScheduleState& state, SrefId root) {
  std::vector<Buffer> out;
  const PrimFuncNode* func = state.PrimFuncOf(root);
  if (const auto* list = As<ArrayNode>(func->attrs.Get("layout_free_buffers"))) {
    for (const Object* item : list->items) {
      if (item == nullptr || item->object_kind != ObjectKind::kExpr) continue;
      const int64_t* index = ConstInt(Expr(static_cast<const ExprNode*>(item)));
      if (index == nullptr || *index < 0 || *index >= static_cast<int64_t>(func->params.size())) continue;
      if (const Buffer buffer = func->BufferOf(func->params[*index])) AddUnique(out, buffer);
    }
  }
  for (SrefId block : schedule::AllBlocksBelow(state, root)) {
    const auto* list = As<ArrayNode>(state.block(block)->annotations.Get("layout_free_placeholders"));
    if (list == nullptr) continue;
    for (const Object* item : list->items) {
      if (const auto* buffer = As<BufferNode>(item)) AddUnique(out, Buffer(buffer));
    }
  }
  return out;
}

struct Reader {
  SrefId block;
  int read_index;
  const IndexMapNode* layout;
};

// The last block that reads the buffer, with the layout that suits it.
std::optional<Reader> FindReader(const ScheduleState& state, SrefId root, Buffer buffer) {
  std::optional<Reader> out;
  for (SrefId id : schedule::AllBlocksBelow(state, root)) {
    const BlockNode* block = state.block(id);
    int read_index = -1;
    for (size_t i = 0; i < block->reads.size(); ++i) {
      if (block->reads[i]->buffer == buffer) read_index = static_cast<int>(i);
    }
    if (read_index < 0) continue;
    const BlockRealizeNode* realize = state.at(id).realize;
    VarMap bindings;
    for (size_t i = 0; i < block->iter_vars.size(); ++i) {
      bindings[block->iter_vars[i]->var.get()] = realize->iter_values[i];
    }
    std::vector<const ForNode*> loops;
    for (SrefId loop : schedule::LoopsAbove(state, id)) loops.push_back(state.loop(loop));
    PostOrderVisitExprs(block->body, [&](Expr e) {
      const auto* load = e.as<BufferLoadNode>();
      if (load == nullptr || !(Buffer(load->buffer) == buffer)) return;
      std::vector<Expr> indices;
      for (Expr index : load->indices) indices.push_back(Substitute(index, bindings));
      const IndexMapNode* layout = space::SuggestLayout(buffer, indices, loops, realize->predicate);
      if (layout != nullptr) out = Reader{id, read_index, layout};
    });
  }
  return out;
}

absl::StatusOr<schedule::BlockRv> BlockOf(Schedule& sch, std::string_view function, SrefId block) {
  return sch.GetBlock(sch.state().block(block)->name, function);
}

// A copy of what the block reads, made before the kernel proper runs.
absl::Status AddPreparingCopy(Schedule& sch, schedule::BlockRv block, int read_index) {
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRv copy, sch.CacheRead(block, read_index, "global"));
  return sch.Annotate(copy, "meta_schedule.layout_rewrite_preproc", schedule::Value::Bool(true));
}

absl::Status Pack(Schedule& sch, std::string_view function, const Reader& reader) {
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRv block, BlockOf(sch, function, reader.block));
  HONE_RETURN_IF_ERROR(AddPreparingCopy(sch, block, reader.read_index));
  return sch.TransformLayout(block, reader.read_index, schedule::BufferSide::kRead, reader.layout);
}

// The blocks that copy `buffer` on, one the result of the other, from the first reader of `buffer` on: cache reads and
// whatever else reads one buffer and writes one.
std::vector<SrefId> CopyChain(const ScheduleState& state, SrefId root, Buffer buffer) {
  std::vector<SrefId> chain;
  for (SrefId id : schedule::AllBlocksBelow(state, root)) {
    const BlockNode* block = state.block(id);
    if (block->init || block->reads.size() != 1 || block->writes.size() != 1) continue;
    if (!(block->reads[0]->buffer == buffer)) continue;
    chain.push_back(id);
    buffer = block->writes[0]->buffer;
  }
  return chain;
}

// Gives every buffer of the chain the layout that suits the reader of the last one, and lets the packing itself happen
// in a copy before the first.
absl::Status PackChain(Schedule& sch, std::string_view function, const std::vector<SrefId>& chain,
                       const Reader& reader) {
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRv anchor, BlockOf(sch, function, reader.block));
  HONE_RETURN_IF_ERROR(sch.TransformLayout(anchor, reader.read_index, schedule::BufferSide::kRead, reader.layout));
  for (size_t i = chain.size() - 1; i-- > 0;) {
    HONE_ASSIGN_OR_RETURN(const schedule::BlockRv block, BlockOf(sch, function, chain[i]));
    HONE_RETURN_IF_ERROR(sch.TransformLayout(block, 0, schedule::BufferSide::kWrite, reader.layout));
  }
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRv first, BlockOf(sch, function, chain[0]));
  HONE_RETURN_IF_ERROR(AddPreparingCopy(sch, first, 0));
  return sch.TransformLayout(first, 0, schedule::BufferSide::kRead, reader.layout);
}

}  // namespace

absl::StatusOr<bool> RewriteLayout::Apply(Schedule& sch) const {
  for (std::string_view function : sch.state().FunctionNames()) {
    const SrefId root = sch.state().RootOf(function);
    for (Buffer buffer : LayoutFreeBuffers(sch.state(), root)) {
      const ArenaScope scope(sch.state().arena());
      const std::vector<SrefId> chain = CopyChain(sch.state(), root, buffer);
      if (!chain.empty()) buffer = sch.state().block(chain.back())->writes[0]->buffer;
      const std::optional<Reader> reader = FindReader(sch.state(), root, buffer);
      if (!reader.has_value()) continue;
      const absl::Status packed =
          chain.empty() ? Pack(sch, function, *reader) : PackChain(sch, function, chain, *reader);
      // A primitive that refuses rejects the candidate, as the peer's does.
      if (!packed.ok()) return false;
    }
  }
  return true;
}

}  // namespace hone
