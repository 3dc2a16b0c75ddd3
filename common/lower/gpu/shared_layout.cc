#include "common/lower/gpu/shared_layout.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "common/ir/visitor.h"

namespace hone::lower {
namespace {

// Shared memory that a block may have unasked.
constexpr int64_t kStaticSharedBytes = 48 * 1024;

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
        buffer.offset = AlignShared(other.offset + other.bytes);
        moved = true;
      }
    }
    total = std::max(total, buffer.offset + buffer.bytes);
  }
  return AlignShared(total);
}

// Zero where it is not known.
int64_t BytesOf(const ir::AllocateNode* allocate) {
  int64_t bytes = allocate->dtype.bytes();
  for (ir::Expr extent : allocate->extents) {
    const int64_t* value = ir::ConstInt(extent);
    bytes *= value != nullptr ? std::max<int64_t>(*value, 0) : 0;
  }
  return bytes;
}

bool IsDynamic(const ir::AllocateNode* allocate) { return allocate->buffer_var->type->scope == "shared.dyn"; }

// Looks at the kernels of a function.
class Kernels final : public ir::StmtExprVisitor {
 public:
  int64_t most = 0;

 private:
  using ir::StmtExprVisitor::Visit;
  void VisitExpr(ir::Expr) override {}

  void Visit(const ir::AllocateNode* node) override {
    if (IsSharedScope(node->buffer_var->type->scope)) around_.push_back(node);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::AttrStmtNode* node) override {
    if (node->attr_key != "thread_extent") return ir::StmtExprVisitor::Visit(node);
    const std::optional<SharedPlaces> overlapped = OverlapSharedBuffers(node);
    std::vector<const ir::AllocateNode*> allocations = around_;
    ir::PreOrderVisitStmts(node, [&](ir::Stmt stmt) {
      const auto* allocate = stmt.as<ir::AllocateNode>();
      if (allocate == nullptr || !IsSharedScope(allocate->buffer_var->type->scope)) return true;
      if (!overlapped.has_value() || !IsDynamic(allocate)) allocations.push_back(allocate);
      return true;
    });
    if (!overlapped.has_value()) {
      most = std::max(most, DynamicShared(allocations).bytes);
      return;
    }
    int64_t fixed = 0, dynamic = overlapped->bytes;
    for (const ir::AllocateNode* allocate : allocations) {
      (IsDynamic(allocate) ? dynamic : fixed) += AlignShared(BytesOf(allocate));
    }
    most = std::max(most, fixed + dynamic > kStaticSharedBytes ? fixed + dynamic : dynamic);
  }

  std::vector<const ir::AllocateNode*> around_;  // Allocated outside of kernels.
};

}  // namespace

std::optional<SharedPlaces> OverlapSharedBuffers(const ir::AttrStmtNode* kernel) {
  Liveness live(kernel);
  if (live.buffers.size() < 2 || !live.constant) return std::nullopt;
  // A buffer that is used where its list of statements does not see it is taken to be alive always.
  for (Shared& buffer : live.buffers) {
    if (buffer.first >= 0) continue;
    buffer.first = 0;
    buffer.last = INT32_MAX;
  }
  SharedPlaces out;
  out.bytes = Place(live.buffers);
  for (const Shared& buffer : live.buffers) out.offsets.emplace_back(buffer.allocate, buffer.offset);
  return out;
}

SharedPlaces DynamicShared(absl::Span<const ir::AllocateNode* const> allocations) {
  int64_t total = 0;
  for (const ir::AllocateNode* allocate : allocations) total += AlignShared(BytesOf(allocate));
  SharedPlaces out;
  for (const ir::AllocateNode* allocate : allocations) {
    if (total <= kStaticSharedBytes && !IsDynamic(allocate)) continue;
    out.offsets.emplace_back(allocate, out.bytes);
    out.bytes += AlignShared(BytesOf(allocate));
  }
  return out;
}

int64_t MostReductionScratchBytes(ir::Stmt stmt) {
  // For each value an element a thread, or one a warp and one a group of threads.
  constexpr int64_t kMostThreads = 1024;
  int64_t bytes = 0;
  ir::PreOrderVisitStmts(stmt, [&](ir::Stmt s) {
    const auto* evaluate = s.as<ir::EvaluateNode>();
    const auto* call = evaluate != nullptr ? evaluate->value.as<ir::CallNode>() : nullptr;
    if (call == nullptr || !call->Is(ir::Builtin::tvm_thread_allreduce)) return true;
    const int64_t* values = ir::ConstInt(call->args[0]);
    for (int64_t i = 1; values != nullptr && i <= *values; ++i) {
      bytes += 2 * AlignShared(kMostThreads * call->args[i].dtype().bytes());
    }
    return true;
  });
  return bytes;
}

int64_t LaunchSharedBytes(ir::Stmt body) {
  Kernels kernels;
  kernels.VisitStmt(body);
  return kernels.most;
}

}  // namespace hone::lower
