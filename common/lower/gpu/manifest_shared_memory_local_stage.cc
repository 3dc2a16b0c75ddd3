// ManifestSharedMemoryLocalStage: a block with the annotation tir.manifest_shared_memory_local_stage, which stores one
// value into a shared buffer, is split in two: a copy of it and of the loops around it that stores the value into
// registers, put in front of the statement that holds the block, and the block itself, which now reads the registers.
// So the load and the store can go into different stages of a software pipeline.
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/gpu/thread_loop.h"
#include "common/lower/renew.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr std::string_view kKey = "tir.manifest_shared_memory_local_stage";

// The single block of `stmt` with the annotation, below nothing but loops; null when there is none.
struct Staged {
  std::vector<const ir::ForNode*> loops;  // Outermost first.
  const ir::BlockRealizeNode* realize = nullptr;
};
Staged FindStaged(ir::Stmt stmt) {
  Staged out;
  while (const auto* loop = stmt.as<ir::ForNode>()) {
    out.loops.push_back(loop);
    stmt = loop->body;
  }
  const auto* realize = stmt.as<ir::BlockRealizeNode>();
  if (realize != nullptr && realize->block->annotations.Has(kKey)) out.realize = realize;
  return out;
}

class Stager final : public ir::StmtExprMutator {
 public:
  absl::Status status;

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::BlockNode* node) override {
    std::vector<ir::Buffer> outer;
    std::swap(outer, registers_);
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    std::swap(outer, registers_);
    if (outer.empty()) return visited;
    auto* copy = ir::CopyNode(visited.as<ir::BlockNode>());
    std::vector<ir::Buffer> buffers = copy->alloc_buffers.ToVector();
    buffers.insert(buffers.end(), outer.begin(), outer.end());
    copy->alloc_buffers = ir::MakeArray(buffers);
    return copy;
  }

  ir::Stmt Mutate(const ir::SeqNode* node) override {
    std::vector<ir::Stmt> out;
    for (ir::Stmt stmt : node->seq) {
      const Staged staged = FindStaged(stmt);
      if (staged.realize != nullptr) {
        Split(staged, out);
      } else {
        out.push_back(MutateStmt(stmt));
      }
    }
    return ir::MakeSeq(out);
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    if (const Staged staged = FindStaged(node); staged.realize != nullptr) {
      std::vector<ir::Stmt> out;
      Split(staged, out);
      return ir::MakeSeq(out);
    }
    return ir::StmtExprMutator::Mutate(node);
  }

  static ir::Stmt Around(const std::vector<const ir::ForNode*>& loops, ir::Stmt body) {
    for (size_t i = loops.size(); i-- > 0;) {
      auto* copy = ir::CopyNode(loops[i]);
      copy->body = body;
      body = copy;
    }
    return body;
  }

  void Split(const Staged& staged, std::vector<ir::Stmt>& out) {
    const ir::BlockNode* block = staged.realize->block;
    const auto* store = block->body.as<ir::BufferStoreNode>();
    if (store == nullptr) {
      status = absl::InvalidArgumentError(
          StrCat("block \"", block->name, "\" cannot be staged through registers: its body is no single store"));
      return;
    }
    // The registers are shaped by the loops that one thread runs.
    std::vector<ir::Expr> shape, indices;
    for (const ir::ForNode* loop : staged.loops) {
      if (IsBound(loop)) continue;
      shape.push_back(loop->extent);
      indices.push_back(ir::Sub(loop->loop_var, loop->min));
    }
    if (shape.empty()) {
      shape.push_back(ir::Int32(1));
      indices.push_back(ir::Int32(0));
    }
    const ir::Buffer registers = ir::MakeBuffer(ir::CopyString(StrCat(store->buffer->name, "_local")),
                                                ir::MakeArray(shape), store->buffer->dtype, "local");
    registers_.push_back(registers);
    const ir::BufferRegion point = ir::PointRegion(registers, ir::MakeArray(indices));

    auto* fetch = ir::CopyNode(block);
    fetch->name = ir::CopyString(StrCat(block->name, "_local"));
    fetch->writes = ir::MakeArray({point});
    fetch->annotations = {};
    fetch->body = ir::MakeBufferStore(registers, store->value, ir::MakeArray(indices));
    const ir::Stmt fetched =
        Around(staged.loops, ir::MakeBlockRealize(staged.realize->iter_values, staged.realize->predicate, fetch));

    auto* keep = ir::CopyNode(block);
    keep->reads = ir::MakeArray({point});
    keep->annotations = block->annotations.Without(kKey);
    keep->body = ir::MakeBufferStore(store->buffer, ir::MakeBufferLoad(registers, ir::MakeArray(indices)),
                                     store->indices, store->predicate);
    const ir::Stmt kept =
        Around(staged.loops, ir::MakeBlockRealize(staged.realize->iter_values, staged.realize->predicate, keep));
    out.push_back(RenewDefinitions(fetched));
    out.push_back(kept);
  }

  std::vector<ir::Buffer> registers_;  // To be allocated by the enclosing block.
};

}  // namespace

absl::StatusOr<ir::PrimFunc> ManifestSharedMemoryLocalStage(ir::PrimFunc func, const PassContext&) {
  Stager stager;
  const ir::Stmt body = stager.MutateStmt(func->body);
  if (!stager.status.ok()) return stager.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
