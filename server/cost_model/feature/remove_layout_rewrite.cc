#include "server/cost_model/feature/remove_layout_rewrite.h"

#include "absl/container/flat_hash_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone {
namespace {

using namespace ir;  // NOLINT: an internal file about these nodes.

constexpr std::string_view kKey = "meta_schedule.layout_rewrite_preproc";

class Remover final : public StmtExprMutator {
 public:
  absl::flat_hash_map<const BufferNode*, Buffer> rewritten;  // By what was read.

 private:
  using StmtExprMutator::Mutate;
  Expr MutateExpr(Expr e) override { return e; }

  bool IsRewritten(Buffer buffer) const {
    for (const auto& [from, to] : rewritten) {
      if (to == buffer) return true;
    }
    return false;
  }

  Stmt Mutate(const BlockNode* node) override {
    if (node->annotations.Has(kKey) && node->reads.size() == 1 && node->writes.size() == 1) {
      rewritten[node->reads[0]->buffer.get()] = node->writes[0]->buffer;
      auto* copy = CopyNode(node);
      copy->reads = {};
      copy->writes = {};
      copy->body = MakeNop();
      return copy;
    }
    const Stmt visited = StmtExprMutator::Mutate(node);
    const auto* block = visited.as<BlockNode>();
    std::vector<Buffer> kept;
    for (Buffer buffer : block->alloc_buffers) {
      if (!IsRewritten(buffer)) kept.push_back(buffer);
    }
    if (kept.size() == block->alloc_buffers.size()) return visited;
    auto* copy = CopyNode(block);
    copy->alloc_buffers = MakeArray(kept);
    return copy;
  }
};

}  // namespace

PrimFunc RemoveLayoutRewrite(PrimFunc func) {
  bool any = false;
  PreOrderVisitStmts(func->body, [&](Stmt s) {
    const auto* block = s.as<BlockNode>();
    any = any || (block != nullptr && block->annotations.Has(kKey));
    return !any;
  });
  if (!any) return func;
  Remover remover;
  auto* copy = CopyNode(func);
  copy->body = remover.MutateStmt(func->body);
  std::vector<BufferBinding> bindings = func->buffer_map.ToVector();
  for (BufferBinding& binding : bindings) {
    auto it = remover.rewritten.find(binding.buffer.get());
    if (it != remover.rewritten.end()) binding.buffer = it->second;
  }
  copy->buffer_map = MakeArray(bindings);
  return copy;
}

}  // namespace hone
