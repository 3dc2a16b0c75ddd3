// StorageRewrite: allocations made at one place share memory when they are not needed at the same time. An allocation
// is needed from the first to the last statement behind that place that mentions it:
//   A = alloc; B = alloc; C = alloc; { fill A; B from A; C from B; out from C }   =>   C uses A's memory
// Shared are allocations of one dtype and scope with constant sizes within a factor of 16; the larger size is kept.
// A statement that reads the last of one allocation and writes the first of another of the same size works in place
// when it stores each element once, from the element at the same place:
//   A = alloc; B = alloc; { fill A; for i: B[i] = f(A[i]); out from B }   =>   B uses A's memory
// Never those of 32 bits or less, and never registers ("local").
#include <algorithm>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/structural_equal.h"
#include "common/ir/visitor.h"
#include "common/lower/linear.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

constexpr int64_t kMostSizeRatio = 16;

struct Slot {
  const ir::AllocateNode* node = nullptr;
  int64_t elements = 0;     // 0 = not constant.
  size_t first = SIZE_MAX;  // Statements that mention it.
  size_t last = 0;
  int home = -1;                            // The slot whose memory it takes.
  std::vector<const ir::VarNode*> members;  // Data pointers of all slots that live here.
};

// Whether different values of the loop variables (and of the lanes) give different values of `index`: its coefficients,
// from the smallest, each exceed what the smaller terms reach.
bool IsInjective(ir::Expr index, const std::vector<const ir::ForNode*>& loops) {
  int64_t reach = 0;
  if (const auto* ramp = index.as<ir::RampNode>()) {
    const int64_t* stride = ir::ConstInt(ramp->stride);
    if (stride == nullptr || *stride != 1) return false;
    reach = index.dtype().lanes - 1;
    index = ramp->base;
  }
  LinearContext context;
  for (const ir::ForNode* loop : loops) context.BindLoop(loop->loop_var, loop->min, loop->extent);
  const Linear linear = context.Of(index);
  std::vector<std::pair<int64_t, int64_t>> terms;  // Size of the coefficient, extent.
  for (const ir::ForNode* loop : loops) {
    const int64_t* extent = ir::ConstInt(loop->extent);
    if (extent == nullptr) return false;
    if (*extent <= 1) continue;
    const Linear var = context.OfVar(loop->loop_var);
    int64_t coef = 0;
    for (const Linear::Term& term : linear.terms) {
      if (var.terms.size() == 1 && term.atom == var.terms[0].atom) coef = term.coef;
    }
    terms.emplace_back(std::abs(coef), *extent);
  }
  if (terms.size() != linear.terms.size()) return false;
  std::sort(terms.begin(), terms.end());
  for (const auto& [coef, extent] : terms) {
    if (coef <= reach) return false;
    reach += coef * (extent - 1);
  }
  return true;
}

// Whether `stmt` may write `born` where the data of `dying` lies: a loop nest around one store that reads `dying` only
// at the place that it writes, each place once.
bool WorksInPlace(ir::Stmt stmt, const std::vector<const ir::VarNode*>& dying, ir::Var born) {
  std::vector<const ir::ForNode*> loops;
  while (const auto* loop = stmt.as<ir::ForNode>()) {
    loops.push_back(loop);
    stmt = loop->body;
  }
  const auto* store = stmt.as<ir::BufferStoreNode>();
  if (store == nullptr || store->buffer->data != born || store->indices.size() != 1 || store->predicate) return false;
  bool fits = true;
  int loads = 0;
  const auto is_dying = [&](const ir::VarNode* data) {
    return std::find(dying.begin(), dying.end(), data) != dying.end();
  };
  ir::PostOrderVisitExprs(store->value, [&](ir::Expr e) {
    // Its address, in a call, could mean anything.
    if (const auto* var = e.as<ir::VarNode>()) fits &= !is_dying(var) && var != born.get();
    const auto* load = e.as<ir::BufferLoadNode>();
    if (load == nullptr) return;
    fits &= load->buffer->data != born;
    if (!is_dying(load->buffer->data.get())) return;
    ++loads;
    fits &= !load->predicate && load->indices.size() == 1 && ir::StructuralEqual(load->indices[0], store->indices[0]);
  });
  return fits && loads > 0 && IsInjective(store->indices[0], loops);
}

// Accesses of one data pointer go to another.
class Redirector final : public ir::StmtExprMutator {
 public:
  explicit Redirector(const absl::flat_hash_map<const ir::VarNode*, ir::Var>& to) : to_(to) {}

 private:
  using ir::StmtExprMutator::Mutate;

  ir::Expr Mutate(const ir::VarNode* node) override {
    auto it = to_.find(node);
    return it != to_.end() ? ir::Expr(it->second) : ir::Expr(node);
  }
  ir::Buffer MutateBuffer(ir::Buffer buffer) override {
    auto it = to_.find(buffer->data.get());
    if (it == to_.end()) return buffer;
    auto [entry, inserted] = buffers_.try_emplace(buffer.get(), buffer);
    if (inserted) {
      auto* copy = ir::CopyNode(buffer.get());
      copy->data = it->second;
      entry->second = ir::Buffer(copy);
    }
    return entry->second;
  }

  const absl::flat_hash_map<const ir::VarNode*, ir::Var>& to_;
  absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> buffers_;
};

class StorageSharer final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    std::vector<Slot> slots;
    ir::Stmt inner = node;
    while (const auto* allocate = inner.as<ir::AllocateNode>()) {
      Slot& slot = slots.emplace_back();
      slot.node = allocate;
      slot.elements = ElementsOf(allocate);
      inner = allocate->body;
    }
    const auto* seq = inner.as<ir::SeqNode>();
    if (slots.size() < 2 || seq == nullptr) return ir::StmtExprMutator::Mutate(node);
    for (size_t i = 0; i < seq->seq.size(); ++i) {
      for (Slot& slot : slots) {
        if (!Mentions(seq->seq[i], slot.node->buffer_var)) continue;
        slot.first = std::min(slot.first, i);
        slot.last = std::max(slot.last, i);
      }
    }
    absl::flat_hash_map<const ir::VarNode*, ir::Var> to;
    for (size_t i = 0; i < slots.size(); ++i) {
      slots[i].members.push_back(slots[i].node->buffer_var.get());
      const int home = HomeOf(slots, i, *seq);
      if (home < 0) continue;
      slots[i].home = home;
      Slot& host = slots[static_cast<size_t>(home)];
      host.first = std::min(host.first, slots[i].first);
      host.last = std::max(host.last, slots[i].last);
      host.elements = std::max(host.elements, slots[i].elements);
      host.members.push_back(slots[i].node->buffer_var.get());
      to[slots[i].node->buffer_var.get()] = host.node->buffer_var;
    }
    ir::Stmt body = MutateStmt(inner);
    if (!to.empty()) body = Redirector(to).MutateStmt(body);
    for (size_t i = slots.size(); i-- > 0;) {
      if (slots[i].home >= 0) continue;
      auto* copy = ir::CopyNode(slots[i].node);
      copy->body = body;
      if (slots[i].elements > 0) {
        copy->extents = ir::MakeArray({ir::IntImm(slots[i].node->extents[0].dtype(), slots[i].elements)});
      }
      body = copy;
    }
    return body;
  }

  static int64_t ElementsOf(const ir::AllocateNode* node) {
    if (node->extents.size() != 1) return 0;
    const int64_t* extent = ir::ConstInt(node->extents[0]);
    return extent != nullptr && *extent > 0 ? *extent : 0;
  }

  static bool Mentions(ir::Stmt stmt, ir::Var data) {
    bool found = ir::UsesVar(stmt, [&](ir::Var v) { return v == data; });
    ir::PreOrderVisitStmts(stmt, [&](ir::Stmt s) {
      const auto* store = s.as<ir::BufferStoreNode>();
      found |= store != nullptr && store->buffer->data == data;
      return !found;
    });
    ir::PostOrderVisitExprs(stmt, [&](ir::Expr e) {
      const auto* load = e.as<ir::BufferLoadNode>();
      found |= load != nullptr && load->buffer->data == data;
    });
    return found;
  }

  // An earlier slot with memory of its own that is not needed any more, or not yet; the closest in size.
  static int HomeOf(const std::vector<Slot>& slots, size_t i, const ir::SeqNode& seq) {
    const Slot& slot = slots[i];
    if (!MayShare(slot)) return -1;
    int best = -1;
    for (size_t j = 0; j < i; ++j) {
      const Slot& other = slots[j];
      if (other.home >= 0 || !MayShare(other) || other.node->dtype != slot.node->dtype) continue;
      if (ScopeOf(other) != ScopeOf(slot)) continue;
      const bool apart = other.first > slot.last || slot.first > other.last;
      const bool in_place = other.last == slot.first && other.elements == slot.elements &&
                            WorksInPlace(seq.seq[slot.first], other.members, slot.node->buffer_var);
      if (!apart && !in_place) continue;
      const auto [small, large] = std::minmax(other.elements, slot.elements);
      if (large > small * kMostSizeRatio) continue;
      const auto distance = [&](const Slot& s) { return std::abs(s.elements - slot.elements); };
      if (best < 0 || distance(other) < distance(slots[static_cast<size_t>(best)])) best = static_cast<int>(j);
    }
    return best;
  }

  static std::string_view ScopeOf(const Slot& slot) {
    const std::string_view scope = slot.node->buffer_var->type->scope;
    return scope.empty() ? "global" : scope;
  }

  static bool MayShare(const Slot& slot) {
    return slot.elements > 0 && slot.first != SIZE_MAX && slot.elements * slot.node->dtype.bits > 32 &&
           ScopeOf(slot) != "local" && slot.node->annotations.empty() && slot.node->dtype.lanes == 1 &&
           !slot.node->dtype.is_handle();
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> StorageRewrite(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, StorageSharer().MutateStmt(func->body));
}

}  // namespace hone::lower
