#include "common/lower/gpu/storage_plan.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "common/ir/visitor.h"

namespace hone::lower {
namespace {

constexpr uint64_t kMatchRange = 16;
constexpr uint64_t kSmallBits = 32;

using Allocation = PlannedAllocation;

// Numbers the statements of a kernel; a compound one has the numbers of its begin and end. An allocation is alive from
// the first to the last statement, of the list that it is allocated in, that touches it.
class Liveness final : public ir::StmtExprVisitor {
 public:
  std::vector<Allocation> allocations;  // Alive between events.

  Liveness(ir::Stmt stmt, std::string_view scope_prefix) : scope_prefix_(scope_prefix) { VisitStmt(stmt); }

 private:
  using ir::StmtExprVisitor::Visit;

  void Touch(const ir::VarNode* data) {
    auto it = index_of_.find(data);
    if (it == index_of_.end()) return;
    touched_.push_back(it->second);
  }
  void Visit(const ir::VarNode* node) override { Touch(node); }
  void Visit(const ir::BufferLoadNode* node) override {
    Touch(node->buffer->data.get());
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    Compound([&] {
      Touch(node->buffer->data.get());
      ir::StmtExprVisitor::Visit(node);
    });
  }
  void Visit(const ir::EvaluateNode* node) override {
    Compound([&] { ir::StmtExprVisitor::Visit(node); });
  }
  void Visit(const ir::LetStmtNode* node) override {
    Compound([&] { VisitExpr(node->value); });
    VisitStmt(node->body);
  }
  void Visit(const ir::ForNode* node) override {
    Compound([&] { ir::StmtExprVisitor::Visit(node); });
  }
  void Visit(const ir::WhileNode* node) override {
    Compound([&] { ir::StmtExprVisitor::Visit(node); });
  }
  void Visit(const ir::IfThenElseNode* node) override {
    Compound([&] { ir::StmtExprVisitor::Visit(node); });
  }
  void Visit(const ir::AttrStmtNode* node) override {
    const bool scope = node->attr_key == "virtual_thread" || node->attr_key == "thread_extent";
    if (!scope) return ir::StmtExprVisitor::Visit(node);
    Compound([&] { VisitStmt(node->body); });
  }

  // A statement with others (or expressions) inside: what is touched in there touches it, too.
  template <typename F>
  void Compound(F visit) {
    const int begin = events_++;
    std::vector<int> outer;
    std::swap(outer, touched_);
    ++level_;
    visit();
    --level_;
    const int end = events_++;
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
    for (int index : touched_) {
      Allocation& a = allocations[index];
      if (level_of_[index] == level_) {
        if (a.first < 0) a.first = begin;
        a.last = end;
      } else if (level_of_[index] < level_) {
        outer.push_back(index);
      }
    }
    std::swap(outer, touched_);
  }

  void Visit(const ir::AllocateNode* node) override {
    const std::string_view scope = node->buffer_var->type->scope;
    uint64_t elements = 1;
    bool known = true;
    for (ir::Expr extent : node->extents) {
      const int64_t* value = ir::ConstInt(extent);
      known = known && value != nullptr && *value > 0;
      if (known) elements *= static_cast<uint64_t>(*value);
    }
    if (known && scope.starts_with(scope_prefix_)) {
      const uint64_t element_bits = static_cast<uint64_t>(node->dtype.bits) * node->dtype.lanes;
      index_of_[node->buffer_var.get()] = static_cast<int>(allocations.size());
      level_of_.push_back(level_);
      allocations.push_back({scope, node->dtype, elements * element_bits});
    }
    ir::StmtExprVisitor::Visit(node);
  }

  const std::string_view scope_prefix_;
  int events_ = 0;
  int level_ = 0;
  std::vector<int> level_of_;  // Of the statement list that each is allocated in.
  std::vector<int> touched_;
  absl::flat_hash_map<const ir::VarNode*, int> index_of_;
};

// A piece of memory and who may have it next.
struct Piece {
  std::string_view scope;
  ir::DataType element;
  uint64_t bits;
};

}  // namespace

int64_t PlannedBytes(ir::Stmt stmt, std::string_view scope_prefix) {
  return PlannedBytes(Liveness(stmt, scope_prefix).allocations);
}

int64_t PlannedBytes(absl::Span<const PlannedAllocation> allocations) {
  // Allocations in the order in which they come alive; pieces are let go in the order of deaths.
  std::vector<const Allocation*> births;
  for (const Allocation& a : allocations) {
    if (a.first >= 0) births.push_back(&a);
  }
  std::vector<const Allocation*> deaths = births;
  std::stable_sort(births.begin(), births.end(),
                   [](const Allocation* a, const Allocation* b) { return a->first < b->first; });
  std::stable_sort(deaths.begin(), deaths.end(),
                   [](const Allocation* a, const Allocation* b) { return a->last < b->last; });
  std::vector<Piece> pieces;
  std::multimap<uint64_t, size_t> free;
  absl::flat_hash_map<const Allocation*, size_t> piece_of;
  size_t dead = 0;
  for (const Allocation* a : births) {
    for (; dead < deaths.size() && deaths[dead]->last < a->first; ++dead) {
      const Allocation* d = deaths[dead];
      const Piece& piece = pieces[piece_of.at(d)];
      const bool tagged = piece.scope.find('.') != std::string_view::npos;
      if (!tagged && piece.bits <= kSmallBits) continue;
      free.emplace(piece.bits, piece_of.at(d));
    }
    const bool tagged = a->scope.find('.') != std::string_view::npos;
    auto found = free.end();
    if (tagged || a->bits > kSmallBits) {
      const auto middle = free.lower_bound(a->bits);
      for (auto it = middle; it != free.end() && it->first <= a->bits * kMatchRange; ++it) {
        if (pieces[it->second].scope == a->scope) {
          found = it;
          break;
        }
      }
      for (auto it = middle; found == free.end() && it != free.begin();) {
        --it;
        if (it->first < a->bits / kMatchRange) break;
        const Piece& piece = pieces[it->second];
        if (piece.scope == a->scope && piece.element == a->dtype.element()) found = it;
      }
    }
    if (found != free.end()) {
      piece_of[a] = found->second;
      pieces[found->second].bits = std::max(pieces[found->second].bits, a->bits);
      free.erase(found);
    } else {
      piece_of[a] = pieces.size();
      pieces.push_back({a->scope, a->dtype.element(), a->bits});
    }
  }
  uint64_t bytes = 0;
  for (const Piece& piece : pieces) bytes += (piece.bits + 7) / 8;
  return static_cast<int64_t>(bytes);
}

}  // namespace hone::lower
