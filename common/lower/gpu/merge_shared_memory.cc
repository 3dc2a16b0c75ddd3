// MergeSharedMemoryAllocations: all dynamic shared memory (scope shared.dyn) of a kernel becomes one allocation of
// bytes, buf_dyn_shmem, in which buffers that are never alive together overlap. Each buffer becomes a pointer into it.
// Comes after the barriers, which take all dynamic shared memory for one buffer.
#include <algorithm>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/gpu_passes.h"

namespace hone::lower {
namespace {

constexpr int64_t kAlignment = 128;  // Bytes; what matrix instructions and vectors ask for, and more.

struct Shared {
  const ir::AllocateNode* allocate;
  int level;  // Of the list of statements in which it is allocated.
  int64_t bytes;
  int first = -1;  // Numbers of statements between which it is alive.
  int last = -1;
  int64_t offset = 0;
};

// Numbers statements; a buffer is alive from the first to the last statement, of the list that it is allocated in, that
// uses it.
class Liveness final : public ir::StmtExprVisitor {
 public:
  std::vector<Shared> buffers;
  bool constant = true;  // All sizes are known.

  explicit Liveness(ir::Stmt kernel) { VisitStmt(kernel); }

  void VisitStmt(ir::Stmt stmt) override {
    if (!stmt) return;
    const bool transparent = stmt.kind() == ir::StmtKind::kSeq || stmt.kind() == ir::StmtKind::kAllocate ||
                             stmt.kind() == ir::StmtKind::kLetStmt || stmt.kind() == ir::StmtKind::kDeclBuffer;
    if (transparent) return ir::StmtExprVisitor::VisitStmt(stmt);
    Statement([&] { ir::StmtExprVisitor::VisitStmt(stmt); });
  }

 private:
  using ir::StmtExprVisitor::Visit;

  template <typename F>
  void Statement(F visit) {
    const int begin = number_++;
    std::vector<size_t> outer;
    std::swap(outer, used_);
    ++level_;
    visit();
    --level_;
    const int end = number_++;
    for (size_t index : used_) {
      Shared& buffer = buffers[index];
      if (buffer.level == level_) {
        if (buffer.first < 0) buffer.first = begin;
        buffer.last = end;
      } else if (buffer.level < level_) {
        outer.push_back(index);
      }
    }
    std::swap(outer, used_);
  }

  void Visit(const ir::LetStmtNode* node) override {
    Statement([&] { VisitExpr(node->value); });
    VisitStmt(node->body);
  }

  void Use(const ir::VarNode* data) {
    if (auto it = index_of_.find(data); it != index_of_.end()) used_.push_back(it->second);
  }
  void Visit(const ir::VarNode* node) override { Use(node); }
  void Visit(const ir::BufferLoadNode* node) override {
    Use(node->buffer->data.get());
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    Use(node->buffer->data.get());
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::AllocateNode* node) override {
    if (node->buffer_var->type->scope == "shared.dyn") {
      int64_t bytes = node->dtype.bytes();
      for (ir::Expr extent : node->extents) {
        const int64_t* value = ir::ConstInt(extent);
        constant = constant && value != nullptr;
        bytes *= value != nullptr ? *value : 0;
      }
      index_of_[node->buffer_var.get()] = buffers.size();
      buffers.push_back({node, level_, bytes});
    }
    ir::StmtExprVisitor::Visit(node);
  }

  int number_ = 0;
  int level_ = 0;
  std::vector<size_t> used_;
  absl::flat_hash_map<const ir::VarNode*, size_t> index_of_;
};

// Gives each buffer the lowest place that no buffer alive at the same time takes, big ones first. The bytes of all.
int64_t Place(std::vector<Shared>& buffers) {
  std::vector<Shared*> order;
  for (Shared& buffer : buffers) order.push_back(&buffer);
  std::stable_sort(order.begin(), order.end(), [](const Shared* a, const Shared* b) { return a->bytes > b->bytes; });
  int64_t total = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    Shared& buffer = *order[i];
    bool moved = true;
    while (moved) {
      moved = false;
      for (size_t j = 0; j < i; ++j) {
        const Shared& other = *order[j];
        const bool together = buffer.first <= other.last && other.first <= buffer.last;
        const bool overlap = buffer.offset < other.offset + other.bytes && other.offset < buffer.offset + buffer.bytes;
        if (!together || !overlap) continue;
        buffer.offset = (other.offset + other.bytes + kAlignment - 1) / kAlignment * kAlignment;
        moved = true;
      }
    }
    total = std::max(total, buffer.offset + buffer.bytes);
  }
  return (total + kAlignment - 1) / kAlignment * kAlignment;
}

class Merger final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    if (node->attr_key != "thread_extent" || merged_) return ir::StmtExprMutator::Mutate(node);
    Liveness live(node);
    if (live.buffers.size() < 2 || !live.constant) return node;
    // A buffer that is used where its list of statements does not see it is taken to be alive always.
    for (Shared& buffer : live.buffers) {
      if (buffer.first >= 0) continue;
      buffer.first = 0;
      buffer.last = INT32_MAX;
    }
    const int64_t bytes = Place(live.buffers);
    merged_ = ir::MakeBuffer("buf_dyn_shmem", ir::MakeArray({ir::Int32(bytes)}), ir::DataType::UInt(8), "shared.dyn");
    for (const Shared& buffer : live.buffers) offsets_[buffer.allocate] = buffer.offset;
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
