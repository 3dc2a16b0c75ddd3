#include "common/lower/remove_weight_layout_rewrite.h"

#include <vector>

#include "common/ir/mutator.h"

namespace hone::lower {
namespace {

constexpr std::string_view kPreproc = "meta_schedule.layout_rewrite_preproc";

class Remover final : public ir::StmtExprMutator {
 public:
  explicit Remover(ir::PrimFunc func) : func_(func) {}

  // Parameter's buffer and the packed one.
  std::vector<std::pair<ir::Buffer, ir::Buffer>> packed;

 private:
  using ir::StmtExprMutator::Mutate;

  bool IsParameter(ir::Buffer buffer) const {
    for (const ir::BufferBinding& binding : func_->buffer_map) {
      if (binding.buffer == buffer) return true;
    }
    return false;
  }

  ir::Stmt Mutate(const ir::BlockRealizeNode* node) override {
    const ir::BlockNode* block = node->block;
    if (block->annotations.GetInt(kPreproc, 0) == 0 || block->reads.size() != 1 || block->writes.size() != 1 ||
        !IsParameter(block->reads[0]->buffer)) {
      return ir::StmtExprMutator::Mutate(node);
    }
    packed.emplace_back(block->reads[0]->buffer, block->writes[0]->buffer);
    return nullptr;
  }

  // A loop around nothing is nothing, and a sequence passes over what is gone.
  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Stmt body = MutateStmt(node->body);
    if (body == node->body) return node;
    if (!body) return nullptr;
    auto* copy = ir::CopyNode(node);
    copy->body = body;
    return copy;
  }

  ir::Stmt Mutate(const ir::SeqNode* node) override {
    std::vector<ir::Stmt> kept;
    bool changed = false;
    for (ir::Stmt stmt : node->seq) {
      const ir::Stmt next = MutateStmt(stmt);
      changed |= !(next == stmt);
      if (next) kept.push_back(next);
    }
    if (!changed) return node;
    if (kept.empty()) return nullptr;
    return kept.size() == 1 ? kept[0] : ir::MakeSeq(kept);
  }

  ir::Stmt Mutate(const ir::BlockNode* node) override {
    const size_t before = packed.size();
    const ir::Stmt out = ir::StmtExprMutator::Mutate(node);
    if (packed.size() == before) return out;
    auto* copy = ir::CopyNode(static_cast<const ir::BlockNode*>(out.get()));
    std::vector<ir::Buffer> allocations;
    for (ir::Buffer buffer : copy->alloc_buffers) {
      bool is_packed = false;
      for (const auto& [source, target] : packed) is_packed |= target == buffer;
      if (!is_packed) allocations.push_back(buffer);
    }
    copy->alloc_buffers = ir::MakeArray(allocations);
    return copy;
  }

  const ir::PrimFunc func_;
};

}  // namespace

ir::PrimFunc RemoveWeightLayoutRewriteBlock(ir::PrimFunc func) {
  Remover remover(func);
  const ir::Stmt body = remover.MutateStmt(func->body);
  if (remover.packed.empty()) return func;
  auto* copy = ir::CopyNode(func);
  copy->body = body;
  std::vector<ir::BufferBinding> bindings(func->buffer_map.begin(), func->buffer_map.end());
  for (const auto& [source, target] : remover.packed) {
    for (ir::BufferBinding& binding : bindings) {
      if (binding.buffer == source) binding.buffer = target;
    }
  }
  copy->buffer_map = ir::MakeArray(bindings);
  return copy;
}

}  // namespace hone::lower
