// MergeSharedMemoryAllocations: all dynamic shared memory (scope shared.dyn) of a kernel becomes one allocation of
// bytes, buf_dyn_shmem, in which buffers that are never alive together overlap. Each buffer becomes a pointer into it.
// Comes after the barriers, which take all dynamic shared memory for one buffer.
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/gpu/shared_layout.h"

namespace hone::lower {
namespace {

class Merger final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    if (node->attr_key != "thread_extent" || merged_) return ir::StmtExprMutator::Mutate(node);
    const std::optional<SharedPlaces> places = OverlapSharedBuffers(node);
    if (!places.has_value()) return node;
    merged_ =
        ir::MakeBuffer("buf_dyn_shmem", ir::MakeArray({ir::Int32(places->bytes)}), ir::DataType::UInt(8), "shared.dyn");
    offsets_.insert(places->offsets.begin(), places->offsets.end());
    const ir::Stmt out = Enter(node);
    merged_ = {};
    offsets_.clear();
    return out;
  }

  // The allocation goes inside of all launch axes that follow each other.
  ir::Stmt Enter(const ir::AttrStmtNode* node) {
    const auto* inner = node->body.as<ir::AttrStmtNode>();
    if (inner != nullptr && inner->attr_key == "thread_extent") {
      return ir::MakeAttrStmt(node->node, node->attr_key, node->value, Enter(inner));
    }
    const ir::Stmt body = MutateStmt(node->body);
    return ir::MakeAttrStmt(node->node, node->attr_key, node->value,
                            ir::MakeAllocate(merged_->data, merged_->dtype, merged_->shape, ir::BoolImm(true), body));
  }

  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    auto it = offsets_.find(node);
    if (it == offsets_.end()) return visited;
    const ir::Expr place = ir::MakeBufferLoad(merged_, ir::MakeArray({ir::Int32(it->second)}));
    return ir::MakeLetStmt(node->buffer_var, ir::MakeCall(ir::DataType::Handle(), ir::Builtin::address_of, {place}),
                           visited.as<ir::AllocateNode>()->body);
  }

  ir::Buffer merged_;
  absl::flat_hash_map<const ir::AllocateNode*, int64_t> offsets_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> MergeSharedMemoryAllocations(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, Merger().MutateStmt(func->body));
}

}  // namespace hone::lower
