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

absl::Status Pack(Schedule& sch, std::string_view function, const Reader& reader) {
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRv block, sch.GetBlock(sch.state().block(reader.block)->name, function));
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRv copy, sch.CacheRead(block, reader.read_index, "global"));
  HONE_RETURN_IF_ERROR(sch.Annotate(copy, "meta_schedule.layout_rewrite_preproc", schedule::Value::Bool(true)));
  return sch.TransformLayout(block, reader.read_index, schedule::BufferSide::kRead, reader.layout);
}

}  // namespace

absl::StatusOr<bool> RewriteLayout::Apply(Schedule& sch) const {
  for (std::string_view function : sch.state().FunctionNames()) {
    const SrefId root = sch.state().RootOf(function);
    for (Buffer buffer : LayoutFreeBuffers(sch.state(), root)) {
      const ArenaScope scope(sch.state().arena());
      const std::optional<Reader> reader = FindReader(sch.state(), root, buffer);
      // A primitive that refuses rejects the candidate, as the peer's does.
      if (reader.has_value() && !Pack(sch, function, *reader).ok()) return false;
    }
  }
  return true;
}

}  // namespace hone
