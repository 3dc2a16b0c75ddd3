// InjectDoubleBuffer: a buffer under double_buffer_scope is kept twice; the loop around its producer fills one half for
// the next iteration while the other is read. The producer of the first iteration moves in front of the loop.
//   for i: { double_buffer_write: fill(i); use }  =>  fill(0); for i: { if i + 1 < n: fill(i + 1) into the other; use }
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
  const ir::ForNode* loop = nullptr;  // The innermost loop around the producer.
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
      doubled[data] = {it->second, loops_.back()};
    }
    VisitStmt(node->body);
  }

  std::vector<const ir::ForNode*> loops_;
  absl::flat_hash_map<const ir::VarNode*, ir::Expr> extents_;
};

class Injector final : public ir::StmtExprMutator {
 public:
  explicit Injector(const DoubledMap& doubled) : doubled_(doubled) {}

 private:
  using ir::StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    if (!doubled_.contains(node->buffer_var.get())) return visited;
    auto* copy = ir::CopyNode(visited.as<ir::AllocateNode>());
    copy->extents = ir::MakeArray({ir::Mul(copy->extents[0], ir::IntImm(copy->extents[0].dtype(), 2))});
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
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    std::vector<ir::Stmt> out;
    for (size_t i = first; i < hoisted_.size(); ++i) {
      out.push_back(RenewDefinitions(ir::Substitute(hoisted_[i], {{node->loop_var.get(), node->min}})));
    }
    hoisted_.resize(first);
    for (const ir::VarNode* data : mine) slots_.erase(data);
    out.push_back(visited);
    return ir::MakeSeq(out);
  }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    const ir::VarNode* data = VarOf(node->node);
    auto it = node->attr_key == kScope && data != nullptr ? doubled_.find(data) : doubled_.end();
    if (it == doubled_.end()) return ir::StmtExprMutator::Mutate(node);
    const ir::ForNode* loop = it->second.loop;
    const ir::Stmt fill = MutateStmt(node->body);
    hoisted_.push_back(fill);
    const ir::Expr next = ir::Add(loop->loop_var, ir::IntImm(loop->loop_var.dtype(), 1));
    const ir::Stmt ahead = ir::MakeAttrStmt(data, kWrite, ir::Int32(1),
                                            RenewDefinitions(ir::Substitute(fill, {{loop->loop_var.get(), next}})));
    return ir::MakeIfThenElse(ir::LT(next, ir::Add(loop->min, loop->extent)), ahead);
  }

  const DoubledMap& doubled_;
  absl::flat_hash_map<const ir::VarNode*, ir::Expr> slots_;  // The half that an iteration reads.
  absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> buffers_;
  std::vector<ir::Stmt> hoisted_;
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
