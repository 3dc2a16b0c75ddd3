// InjectDoubleBuffer: a buffer under double_buffer_scope is kept twice; the loop around its producer fills one half for
// the next iteration while the other is read. The producer of the first iteration moves in front of the loop, and so
// does an allocation inside of it; the last iteration, which fills nothing, stands behind.
//   for i: { double_buffer_scope: fill(i); use(i) }
//   =>  fill(0); for i < n - 1: { double_buffer_write: fill(i + 1) into the other; use(i) }; use(n - 1)
#include <algorithm>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"
#include "common/lower/renew.h"
#include "common/lower/vector_index.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr std::string_view kScope = "double_buffer_scope";
constexpr std::string_view kWrite = "double_buffer_write";

const ir::VarNode* VarOf(const ir::Object* object) {
  if (object == nullptr || object->object_kind != ir::ObjectKind::kExpr) return nullptr;
  return ir::Expr(static_cast<const ir::ExprNode*>(object)).as<ir::VarNode>();
}

struct Doubled {
  ir::Expr stride;                    // Elements of one half.
  const ir::ForNode* loop = nullptr;  // The innermost loop around the producers.
};
using DoubledMap = absl::flat_hash_map<const ir::VarNode*, Doubled>;

// Buffers with a producer inside of a loop.
class Finder final : public ir::StmtExprVisitor {
 public:
  DoubledMap doubled;
  absl::Status status;

 private:
  using ir::StmtExprVisitor::Visit;
  void VisitExpr(ir::Expr) override {}
  void Visit(const ir::ForNode* node) override {
    loops_.push_back(node);
    VisitStmt(node->body);
    loops_.pop_back();
  }
  void Visit(const ir::AllocateNode* node) override {
    if (node->extents.size() == 1) extents_[node->buffer_var.get()] = node->extents[0];
    VisitStmt(node->body);
  }
  void Visit(const ir::AttrStmtNode* node) override {
    if (const ir::VarNode* data = VarOf(node->node); node->attr_key == kScope && data != nullptr) {
      auto it = extents_.find(data);
      if (it == extents_.end() || loops_.empty()) {
        status = absl::InvalidArgumentError(
            StrCat("buffer \"", data->name,
                   "\" cannot be double-buffered: it needs a flat allocation and a loop around its producer"));
        return;
      }
      const ir::ForNode* loop = loops_.back();
      if (loop->for_kind != ir::ForKind::kSerial && loop->for_kind != ir::ForKind::kUnrolled) {
        status = absl::InvalidArgumentError(StrCat("buffer \"", data->name, "\" cannot be double-buffered: loop \"",
                                                   loop->loop_var.name(), "\" around its producer is not serial"));
        return;
      }
      const auto [entry, inserted] = doubled.try_emplace(data, Doubled{it->second, loop});
      if (!inserted && entry->second.loop != loop) {
        status = absl::InvalidArgumentError(
            StrCat("buffer \"", data->name, "\" cannot be double-buffered: its producers lie in different loops"));
        return;
      }
    }
    VisitStmt(node->body);
  }

  std::vector<const ir::ForNode*> loops_;
  absl::flat_hash_map<const ir::VarNode*, ir::Expr> extents_;
};

// Takes out what fills the other half of some buffers.
class WritesStripper final : public ir::StmtExprMutator {
 public:
  explicit WritesStripper(const std::vector<const ir::VarNode*>& buffers) : buffers_(buffers) {}

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }
  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    const bool fills =
        node->attr_key == kWrite && std::find(buffers_.begin(), buffers_.end(), VarOf(node->node)) != buffers_.end();
    return fills ? ir::MakeEvaluate(ir::Int32(0)) : ir::StmtExprMutator::Mutate(node);
  }

  const std::vector<const ir::VarNode*>& buffers_;
};

class Injector final : public ir::StmtExprMutator {
 public:
  explicit Injector(const DoubledMap& doubled) : doubled_(doubled) {}

 private:
  using ir::StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    auto it = doubled_.find(node->buffer_var.get());
    if (it == doubled_.end()) return ir::StmtExprMutator::Mutate(node);
    auto* copy = ir::CopyNode(node);
    copy->extents = ir::MakeArray({ir::Mul(node->extents[0], ir::IntImm(node->extents[0].dtype(), 2))});
    const ir::Stmt body = MutateStmt(node->body);
    // What is filled before the loop must live around it.
    if (std::find(open_.begin(), open_.end(), it->second.loop) != open_.end()) {
      lifted_.push_back(copy);
      return body;
    }
    copy->body = body;
    return copy;
  }

  ir::Buffer MutateBuffer(ir::Buffer buffer) override {
    if (!doubled_.contains(buffer->data.get())) return buffer;
    auto [it, inserted] = buffers_.try_emplace(buffer.get(), buffer);
    if (inserted) {
      auto* copy = ir::CopyNode(buffer.get());
      copy->shape = ir::MakeArray({ir::Mul(buffer->shape[0], ir::IntImm(buffer->shape[0].dtype(), 2))});
      it->second = ir::Buffer(copy);
    }
    return it->second;
  }

  ir::Array<ir::Expr> Shifted(ir::Buffer buffer, ir::Array<ir::Expr> indices) const {
    auto it = doubled_.find(buffer->data.get());
    auto slot = slots_.find(buffer->data.get());
    if (it == doubled_.end() || slot == slots_.end()) return indices;
    const ir::DataType dtype = indices[0].dtype().element();
    return ir::MakeArray(
        {ShiftIndex(indices[0], ir::Mul(ir::Cast(dtype, slot->second), ir::Cast(dtype, it->second.stride)))});
  }
  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    const ir::Expr visited = ir::StmtExprMutator::Mutate(node);
    const auto* load = visited.as<ir::BufferLoadNode>();
    return ir::MakeBufferLoad(load->buffer, Shifted(node->buffer, load->indices), load->predicate);
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const auto* store = visited.as<ir::BufferStoreNode>();
    return ir::MakeBufferStore(store->buffer, store->value, Shifted(node->buffer, store->indices), store->predicate);
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    std::vector<const ir::VarNode*> mine;
    for (const auto& [data, entry] : doubled_) {
      if (entry.loop == node) mine.push_back(data);
    }
    if (mine.empty()) return ir::StmtExprMutator::Mutate(node);
    const ir::Expr two = ir::IntImm(node->loop_var.dtype(), 2);
    for (const ir::VarNode* data : mine) slots_[data] = ir::FloorMod(ir::Sub(node->loop_var, node->min), two);
    const size_t first = hoisted_.size();
    const size_t first_lifted = lifted_.size();
    open_.push_back(node);
    const ir::Stmt body = MutateStmt(node->body);
    open_.pop_back();
    std::vector<ir::Stmt> out;
    for (size_t i = first; i < hoisted_.size(); ++i) out.push_back(At(node, hoisted_[i], node->min));
    hoisted_.resize(first);
    for (const ir::VarNode* data : mine) slots_.erase(data);
    const ir::Expr one = ir::IntImm(node->loop_var.dtype(), 1);
    const ir::Expr rest = ir::Sub(node->extent, one);
    auto* ahead = ir::CopyNode(node);
    ahead->extent = rest;
    ahead->body = body;
    out.push_back(ahead);
    out.push_back(At(node, WritesStripper(mine).MutateStmt(body), ir::Add(node->min, rest)));
    ir::Stmt stmt = ir::MakeSeq(out);
    if (const int64_t* extent = ir::ConstInt(node->extent); extent == nullptr || *extent < 1) {
      stmt = ir::MakeIfThenElse(ir::LE(one, node->extent), stmt);
    }
    for (; lifted_.size() > first_lifted; lifted_.pop_back()) {
      lifted_.back()->body = stmt;
      stmt = lifted_.back();
    }
    return stmt;
  }

  // A copy of what the loop's body has, for one iteration.
  static ir::Stmt At(const ir::ForNode* loop, ir::Stmt stmt, ir::Expr iteration) {
    return RenewDefinitions(ir::Substitute(stmt, {{loop->loop_var.get(), iteration}}));
  }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    const ir::VarNode* data = VarOf(node->node);
    auto it = node->attr_key == kScope && data != nullptr ? doubled_.find(data) : doubled_.end();
    if (it == doubled_.end()) return ir::StmtExprMutator::Mutate(node);
    const ir::ForNode* loop = it->second.loop;
    const ir::Stmt fill = MutateStmt(node->body);
    hoisted_.push_back(fill);
    const ir::Expr next = ir::Add(loop->loop_var, ir::IntImm(loop->loop_var.dtype(), 1));
    return ir::MakeAttrStmt(data, kWrite, ir::Int32(1), At(loop, fill, next));
  }

  const DoubledMap& doubled_;
  absl::flat_hash_map<const ir::VarNode*, ir::Expr> slots_;  // The half that an iteration reads.
  absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> buffers_;
  std::vector<const ir::ForNode*> open_;   // Loops of such buffers around the statement.
  std::vector<ir::Stmt> hoisted_;          // Producers for the first iteration.
  std::vector<ir::AllocateNode*> lifted_;  // Allocations that move out of their loop, without a body yet.
};

}  // namespace

absl::StatusOr<ir::PrimFunc> InjectDoubleBuffer(ir::PrimFunc func, const PassContext&) {
  Finder finder;
  finder.VisitStmt(func->body);
  if (!finder.status.ok()) return finder.status;
  if (finder.doubled.empty()) return func;
  return WithBody(func, Injector(finder.doubled).MutateStmt(func->body));
}

}  // namespace hone::lower
