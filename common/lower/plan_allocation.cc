// PlanAndUpdateBufferAllocationLocation: every buffer allocated in a block moves to the lowest loop or block that
// contains all its accesses; buffers that nothing accesses are dropped.
#include <algorithm>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

// A loop or block of the tree of scopes; the function itself is the root with no statement.
struct Scope {
  const ir::StmtNode* stmt;
  Scope* parent;
  int depth;
};

Scope* CommonAncestor(Scope* a, Scope* b) {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  while (a->depth > b->depth) a = a->parent;
  while (b->depth > a->depth) b = b->parent;
  while (a != b) {
    a = a->parent;
    b = b->parent;
  }
  return a;
}

class AccessScopes final : public ir::StmtExprVisitor {
 public:
  // Owned by this object.
  absl::flat_hash_map<const ir::BufferNode*, Scope*> scope_of;
  std::vector<ir::Buffer> allocated;   // In the order of their allocation lists.
  std::vector<ir::Buffer> first_seen;  // Accessed buffers.

  explicit AccessScopes(ir::PrimFunc func) {
    scopes_.push_back(std::make_unique<Scope>(Scope{nullptr, nullptr, 0}));
    current_ = scopes_.back().get();
    VisitStmt(func->body);
    for (auto& [buffer, scope] : scope_of) {
      if (buffer->scope() == "global" && under_block_idx_ != nullptr) {
        scope = JoinWithKernels(scope);
      }
    }
  }

 private:
  using ir::StmtExprVisitor::Visit;

  void Enter(const ir::StmtNode* stmt) {
    scopes_.push_back(std::make_unique<Scope>(Scope{stmt, current_, current_->depth + 1}));
    current_ = scopes_.back().get();
  }
  void Leave() { current_ = current_->parent; }

  // Global temporaries never land inside of a kernel.
  Scope* JoinWithKernels(Scope* scope) {
    for (Scope* s = scope; s != nullptr; s = s->parent) {
      const auto* loop = ir::Stmt(s->stmt).as<ir::ForNode>();
      if (loop != nullptr && loop->thread_binding != nullptr &&
          loop->thread_binding->thread_tag.substr(0, 8) == "blockIdx") {
        scope = s->parent;
      }
    }
    return scope;
  }

  void Touch(ir::Buffer buffer) { TouchAt(buffer, current_); }
  void TouchAt(ir::Buffer buffer, Scope* scope) {
    if (auto it = source_of_.find(buffer.get()); it != source_of_.end()) return TouchAt(it->second, scope);
    auto [it, inserted] = scope_of.try_emplace(buffer.get(), nullptr);
    if (inserted) {
      first_seen.push_back(buffer);
      by_data_.try_emplace(buffer->data.get(), buffer);
    }
    it->second = CommonAncestor(it->second, scope);
  }

  void Visit(const ir::VarNode* node) override {
    if (auto it = by_data_.find(node); it != by_data_.end()) Touch(it->second);
  }
  void Visit(const ir::BufferLoadNode* node) override {
    Touch(node->buffer);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    Touch(node->buffer);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::ForNode* node) override {
    VisitExpr(node->min);
    VisitExpr(node->extent);
    if (node->thread_binding != nullptr && node->thread_binding->thread_tag.substr(0, 8) == "blockIdx") {
      under_block_idx_ = node;
    }
    loop_scope_[node->loop_var.get()] = current_;
    Enter(node);
    VisitStmt(node->body);
    Leave();
  }
  void Visit(const ir::BlockNode* node) override {
    for (ir::Buffer buffer : node->alloc_buffers) {
      allocated.push_back(buffer);
      by_data_.try_emplace(buffer->data.get(), buffer);
    }
    Enter(node);
    for (ir::MatchBufferRegion match : node->match_buffers) {
      Touch(match->source->buffer);
      source_of_[match->buffer.get()] = match->source->buffer;
      by_data_.try_emplace(match->buffer->data.get(), match->source->buffer);
    }
    VisitStmt(node->init);
    VisitStmt(node->body);
    Leave();
  }
  void Visit(const ir::BlockRealizeNode* node) override {
    for (ir::Expr value : node->iter_values) VisitExpr(value);
    VisitExpr(node->predicate);
    VisitStmt(ir::Stmt(node->block));
    RaiseLoopCarried(node);
  }

  // An accumulator is carried by the loops of its reduction. Regions that depend on an opaque or ordered iter may carry
  // values between iterations: the buffer lives above all loops that feed the iter.
  void RaiseLoopCarried(const ir::BlockRealizeNode* realize) {
    const ir::BlockNode* block = realize->block;
    for (size_t i = 0; i < block->iter_vars.size(); ++i) {
      const ir::IterType type = block->iter_vars[i]->iter_type;
      const bool reduces = type == ir::IterType::kReduce;
      if (!reduces && type != ir::IterType::kOpaque && type != ir::IterType::kScan) continue;
      Scope* above = nullptr;
      ir::UsesVar(realize->iter_values[i], [&](ir::Var var) {
        if (auto it = loop_scope_.find(var.get()); it != loop_scope_.end()) {
          above = CommonAncestor(above, it->second);
        }
        return false;
      });
      if (above == nullptr) continue;
      if (reduces) {
        // What is accumulated lives on from one iteration of the reduction to the next.
        for (ir::BufferRegion region : block->writes) TouchAt(region->buffer, above);
        continue;
      }
      const ir::Var var = block->iter_vars[i]->var;
      for (const auto& regions : {block->reads, block->writes}) {
        for (ir::BufferRegion region : regions) {
          for (const ir::Range& range : region->region) {
            if (ir::UsesVar(range.min, var) || ir::UsesVar(range.extent, var)) {
              TouchAt(region->buffer, above);
              break;
            }
          }
        }
      }
    }
  }

  std::vector<std::unique_ptr<Scope>> scopes_;
  Scope* current_;
  const ir::ForNode* under_block_idx_ = nullptr;
  absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> source_of_;
  absl::flat_hash_map<const ir::VarNode*, ir::Buffer> by_data_;
  absl::flat_hash_map<const ir::VarNode*, Scope*> loop_scope_;
};

class AllocationMover final : public ir::StmtExprMutator {
 public:
  absl::flat_hash_map<const ir::StmtNode*, std::vector<ir::Buffer>> planned;

 private:
  using ir::StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::BlockNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const auto* block = visited.as<ir::BlockNode>();
    auto it = planned.find(node);
    if (it == planned.end() && block->alloc_buffers.empty()) return visited;
    auto* copy = ir::CopyNode(block);
    copy->alloc_buffers = it != planned.end() ? ir::MakeArray(it->second) : ir::Array<ir::Buffer>();
    return copy;
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    auto it = planned.find(node);
    if (it == planned.end()) return visited;
    auto* copy = ir::CopyNode(visited.as<ir::ForNode>());
    const ir::BlockNode* holder = ir::MakeBlock({}, {}, {}, "", copy->body, {}, ir::MakeArray(it->second));
    copy->body = ir::MakeBlockRealize({}, ir::BoolImm(true), holder);
    return copy;
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> PlanAndUpdateBufferAllocationLocation(ir::PrimFunc func, const PassContext&) {
  const AccessScopes access(func);
  AllocationMover mover;
  for (ir::Buffer buffer : access.first_seen) {
    if (std::find(access.allocated.begin(), access.allocated.end(), buffer) == access.allocated.end()) continue;
    const Scope* scope = access.scope_of.at(buffer.get());
    // Nothing but the function itself encloses the accesses: the root block, which always exists, holds the buffer.
    const ir::StmtNode* stmt = scope->stmt;
    if (stmt == nullptr) {
      const auto* realize = func->body.as<ir::BlockRealizeNode>();
      if (realize == nullptr) return absl::InvalidArgumentError("the body of the function is no block");
      stmt = realize->block;
    }
    mover.planned[stmt].push_back(buffer);
  }
  return WithBody(func, mover.MutateStmt(func->body));
}

}  // namespace hone::lower
