// RegisterTile: cells of a buffer that a serial loop reads and writes at places that do not depend on the loop are held
// in a `local` buffer with constant indices for the whole loop: loaded before it, stored after it. The code generator
// keeps such a buffer in registers, whatever LLVM can prove about memory.
//
// The same is done for a loop's body when it stores to a cell several times, as copies of a reduction's body do.
//
// When inner loops stand in the way (k: i: j: C[i, j] += ...) and their copies are few enough for the register file,
// they are unrolled. A tile that does not fit is left in memory.
//
// Legal because buffers do not overlap (tir.noalias; nothing is done when a function says otherwise), all accesses to
// the buffer inside of the loop are understood and unconditional, and the loop runs at least once.
#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/linear_mutator.h"
#include "common/lower/passes.h"
#include "common/lower/renew.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr int64_t kMostCopies = 96;

// A piece of a buffer that is accessed as a whole.
struct Cell {
  Linear base;
  int lanes;
  bool stored = false;
  bool loaded_first = false;
  int64_t at = 0;  // In the local buffer, in elements.
};

struct Candidate {
  ir::Buffer buffer;
  bool refused = false;
  bool stored = false;
  int64_t stores = 0;  // In the text, not at run time.
  std::vector<Cell> cells;
};

// The start and the lanes of a contiguous index; nullopt for another form.
struct Contiguous {
  Linear base;
  int lanes;
};
std::optional<Contiguous> ContiguousOf(LinearContext& context, ir::Expr index) {
  if (index.dtype().is_index()) return Contiguous{context.Of(index), 1};
  const auto* ramp = index.as<ir::RampNode>();
  if (ramp == nullptr || !ir::IsOne(ramp->stride) || !ramp->base.dtype().is_index()) return std::nullopt;
  return Contiguous{context.Of(ramp->base), index.dtype().lanes};
}

// All accesses inside of one loop, by data pointer.
class LoopAccesses final : public ir::StmtExprVisitor {
 public:
  absl::flat_hash_map<const ir::VarNode*, Candidate> candidates;
  bool hopeless = false;  // Something inside forbids any change.

  // Cells must not depend on `var` (may be null), nor on what is defined in `body`.
  LoopAccesses(LinearContext& context, ir::Stmt body, const ir::VarNode* var) : context_(context) {
    if (var != nullptr) inner_vars_.insert(var);
    VisitStmt(body);
  }

 private:
  using ir::StmtExprVisitor::Visit;

  void Access(ir::Buffer buffer, ir::Array<ir::Expr> indices, ir::Expr predicate, bool is_store) {
    Candidate& candidate = candidates[buffer->data.get()];
    if (candidate.refused) {
      candidate.stored |= is_store;
      return;
    }
    if (!candidate.buffer) candidate.buffer = buffer;
    candidate.stored |= is_store;
    candidate.stores += is_store ? 1 : 0;
    candidate.refused = true;  // Until shown otherwise.
    if (conditions_ > 0 || predicate || indices.size() != 1 || buffer->dtype.lanes != 1 ||
        candidate.buffer->dtype != buffer->dtype) {
      return;
    }
    const auto place = ContiguousOf(context_, indices[0]);
    if (!place) return;
    if (context_.Mentions(place->base, [this](ir::Var v) { return inner_vars_.contains(v.get()); })) return;
    for (Cell& cell : candidate.cells) {
      const Linear distance = place->base - cell.base;
      if (distance.is_const() && distance.constant == 0 && place->lanes == cell.lanes) {
        cell.stored |= is_store;
        candidate.refused = false;
        return;
      }
      const Bounds bounds = context_.BoundsOf(distance);
      if (bounds.lo < cell.lanes && bounds.hi > -place->lanes) return;  // May overlap in part.
    }
    if (candidate.cells.size() > 64) return;
    candidate.refused = false;
    candidate.cells.push_back({place->base, place->lanes, is_store, !is_store, 0});
  }

  void Visit(const ir::VarNode* node) override {
    // A data pointer that is used as a value.
    if (node->dtype.is_handle()) {
      candidates[node].refused = true;
      candidates[node].stored = true;
    }
  }
  void Visit(const ir::BufferLoadNode* node) override {
    ir::StmtExprVisitor::Visit(node);
    Access(node->buffer, node->indices, node->predicate, /*is_store=*/false);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    ir::StmtExprVisitor::Visit(node);
    Access(node->buffer, node->indices, node->predicate, /*is_store=*/true);
  }
  void Visit(const ir::CallNode* node) override {
    if (!node->Is(ir::Builtin::if_then_else)) return ir::StmtExprVisitor::Visit(node);
    VisitExpr(node->args[0]);
    ++conditions_;
    VisitExpr(node->args[1]);
    VisitExpr(node->args[2]);
    --conditions_;
  }
  void Visit(const ir::IfThenElseNode* node) override {
    VisitExpr(node->condition);
    ++conditions_;
    VisitStmt(node->then_case);
    VisitStmt(node->else_case);
    --conditions_;
  }
  void Visit(const ir::WhileNode* node) override {
    ++conditions_;
    ir::StmtExprVisitor::Visit(node);
    --conditions_;
  }
  void Visit(const ir::LetStmtNode* node) override {
    inner_vars_.insert(node->var.get());
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::AllocateNode* node) override {
    candidates[node->buffer_var.get()].refused = true;
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::ForNode* node) override {
    if (node->for_kind == ir::ForKind::kParallel) hopeless = true;
    inner_vars_.insert(node->loop_var.get());
    context_.BindLoop(node->loop_var, node->min, node->extent);
    const bool may_be_empty = context_.BoundsOf(node->extent).lo < 1;
    conditions_ += may_be_empty ? 1 : 0;
    ir::StmtExprVisitor::Visit(node);
    conditions_ -= may_be_empty ? 1 : 0;
  }
  void Visit(const ir::AttrStmtNode* node) override {
    if (node->attr_key == "thread_extent" || node->attr_key == "virtual_thread") hopeless = true;
    ir::StmtExprVisitor::Visit(node);
  }

  LinearContext& context_;
  absl::flat_hash_set<const ir::VarNode*> inner_vars_;
  int conditions_ = 0;
};

// Statements that the loops below `stmt` come to when all are unrolled; kMostCopies + 1 when some cannot be.
int64_t CopiesOf(ir::Stmt stmt) {
  switch (stmt.kind()) {
    case ir::StmtKind::kFor: {
      const auto* loop = stmt.as<ir::ForNode>();
      const int64_t* extent = ir::ConstInt(loop->extent);
      if (extent == nullptr || *extent < 1 || *extent > kMostCopies || loop->for_kind != ir::ForKind::kSerial) {
        return kMostCopies + 1;
      }
      return std::min(kMostCopies + 1, *extent * CopiesOf(loop->body));
    }
    case ir::StmtKind::kSeq: {
      int64_t sum = 0;
      for (ir::Stmt s : stmt.as<ir::SeqNode>()->seq) sum += CopiesOf(s);
      return std::min(kMostCopies + 1, sum);
    }
    case ir::StmtKind::kBufferStore:
      return 1;
    default:
      return kMostCopies + 1;
  }
}

// Every loop below unrolled.
class FullUnroller final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;
  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Stmt body = MutateStmt(node->body);
    std::vector<ir::Stmt> copies;
    for (int64_t i = 0; i < *ir::ConstInt(node->extent); ++i) {
      copies.push_back(
          ir::Substitute(body, {{node->loop_var.get(), ir::Add(node->min, ir::IntImm(node->loop_var.dtype(), i))}}));
    }
    return ir::MakeSeq(copies);
  }
};

// Redirects accesses of the chosen buffers to the local one.
class CellRewriter final : public ir::StmtExprMutator {
 public:
  CellRewriter(LinearContext& context, const Candidate& candidate, ir::Buffer local)
      : context_(context), candidate_(candidate), local_(local) {}

 private:
  using ir::StmtExprMutator::Mutate;

  ir::Array<ir::Expr> LocalIndex(ir::Expr index) {
    const auto place = ContiguousOf(context_, index);
    for (const Cell& cell : candidate_.cells) {
      if (cell.base == place->base && cell.lanes == place->lanes) {
        const ir::Expr at = ir::Int32(cell.at);
        return ir::MakeArray({cell.lanes == 1 ? at : ir::MakeRamp(at, ir::Int32(1), cell.lanes)});
      }
    }
    HONE_CHECK(false) << "no cell for an access that was analysed";
    return {};
  }

  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    if (!(node->buffer->data == candidate_.buffer->data)) return ir::StmtExprMutator::Mutate(node);
    return ir::MakeBufferLoad(local_, LocalIndex(node->indices[0]));
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    if (!(node->buffer->data == candidate_.buffer->data)) return ir::StmtExprMutator::Mutate(node);
    return ir::MakeBufferStore(local_, MutateExpr(node->value), LocalIndex(node->indices[0]));
  }

  LinearContext& context_;
  const Candidate& candidate_;
  const ir::Buffer local_;
};

class Tiler final : public LinearMutator {
 public:
  explicit Tiler(const MachineTraits& machine) : machine_(machine) {}

 private:
  using LinearMutator::Mutate;

  ir::Stmt Mutate(const ir::ForNode* node) override {
    context_.BindLoop(node->loop_var, node->min, node->extent);
    const bool fits = node->for_kind == ir::ForKind::kSerial && context_.BoundsOf(node->extent).lo >= 1;
    if (fits) {
      // As it stands, or with its inner loops unrolled.
      if (ir::Stmt done = Promoted(node)) return done;
      const int64_t copies = CopiesOf(node->body);
      if (copies > 1 && copies <= kMostCopies && DefinesVars(node->body)) {
        auto* unrolled = ir::CopyNode(node);
        unrolled->body = FullUnroller().MutateStmt(node->body);
        if (ir::Stmt done = Promoted(unrolled)) return done;
      }
    }
    if (ir::Stmt body = PromotedOnce(node->body)) {
      auto* copy = ir::CopyNode(node);
      copy->body = body;
      return copy;
    }
    return LinearMutator::Mutate(node);
  }

  int64_t RegistersOf(const Candidate& candidate) const {
    int64_t registers = 0;
    for (const Cell& cell : candidate.cells) {
      registers += (cell.lanes * candidate.buffer->dtype.bits + machine_.vector_bits - 1) / machine_.vector_bits;
    }
    return registers;
  }

  // The loop with the cells of every buffer for which it is possible in registers; null when there is none, or when
  // they do not fit.
  ir::Stmt Promoted(const ir::ForNode* loop) {
    LoopAccesses accesses(context_, loop->body, loop->loop_var.get());
    if (accesses.hopeless) return {};
    std::vector<Candidate*> chosen;
    int64_t registers = 0;
    for (auto& [data, candidate] : accesses.candidates) {
      if (!candidate.stored) continue;
      // A buffer whose accumulation stays in memory makes the promotion of others pointless.
      const bool is_local = candidate.buffer && candidate.buffer->scope() == "local";
      if (candidate.refused && is_local) continue;
      if (candidate.refused) return {};
      chosen.push_back(&candidate);
      registers += RegistersOf(candidate);
    }
    return Rewritten(loop, chosen, registers);
  }

  // `stmt` with the cells that it stores to more than once in registers from its begin to its end: copies of a
  // reduction's body, or an initialisation and the loop behind it. Null when there are none or they do not fit.
  ir::Stmt PromotedOnce(ir::Stmt stmt) {
    LoopAccesses accesses(context_, stmt, nullptr);
    if (accesses.hopeless) return {};
    std::vector<Candidate*> chosen;
    int64_t registers = 0;
    for (auto& [data, candidate] : accesses.candidates) {
      if (candidate.refused || candidate.stores <= static_cast<int64_t>(candidate.cells.size())) continue;
      if (candidate.buffer->scope() == "local") continue;
      chosen.push_back(&candidate);
      registers += RegistersOf(candidate);
    }
    return Rewritten(stmt, chosen, registers);
  }

  ir::Stmt Rewritten(ir::Stmt stmt, std::vector<Candidate*>& chosen, int64_t registers) {
    if (chosen.empty() || registers > machine_.vector_registers - 2) return {};
    std::sort(chosen.begin(), chosen.end(),
              [](const Candidate* a, const Candidate* b) { return a->buffer->name < b->buffer->name; });
    ir::Stmt out = stmt;
    for (Candidate* candidate : chosen) out = InRegisters(*candidate, out);
    return out;
  }

  ir::Stmt InRegisters(Candidate& candidate, ir::Stmt loop) {
    int64_t elements = 0;
    for (Cell& cell : candidate.cells) {
      cell.at = elements;
      elements += cell.lanes;
    }
    const ir::Buffer local =
        ir::MakeBuffer(StrCat(candidate.buffer->name, "_reg"), ir::MakeArray<ir::Expr>({ir::Int32(elements)}),
                       candidate.buffer->dtype, "local");
    std::vector<ir::Stmt> seq;
    std::vector<ir::Stmt> after;
    const ir::DataType index_type = candidate.buffer->index_dtype();
    for (const Cell& cell : candidate.cells) {
      const auto at = [&](ir::Expr base) {
        return ir::MakeArray({cell.lanes == 1 ? base : ir::MakeRamp(base, ir::IntImm(base.dtype(), 1), cell.lanes)});
      };
      const auto place = at(context_.ToExpr(cell.base, index_type));
      const auto local_place = at(ir::Int32(cell.at));
      if (cell.loaded_first) {
        seq.push_back(ir::MakeBufferStore(local, ir::MakeBufferLoad(candidate.buffer, place), local_place));
      }
      if (cell.stored) {
        after.push_back(ir::MakeBufferStore(candidate.buffer, ir::MakeBufferLoad(local, local_place), place));
      }
    }
    seq.push_back(CellRewriter(context_, candidate, local).MutateStmt(loop));
    seq.insert(seq.end(), after.begin(), after.end());
    return ir::MakeAllocate(local->data, local->dtype, local->shape, ir::BoolImm(true), ir::MakeSeq(seq));
  }

  const MachineTraits& machine_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> RegisterTile(ir::PrimFunc func, const PassContext& context) {
  if (func->attrs.GetInt("tir.noalias", 1) == 0) return func;
  return WithBody(func, Tiler(context.machine).MutateStmt(func->body));
}

}  // namespace hone::lower
