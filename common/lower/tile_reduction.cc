// TileReduction: where a reduction loop runs over more accumulators than there are registers,
//   for k: for i in 64: C[i, 0:16] += A[i, k] * B[k, 0:16]
// the loops over the accumulators are cut so that one tile of them fits, and the reduction moves inside of the cut:
//   for io in 4: for k: for ii in 16: C[io * 16 + ii, 0:16] += ...
// RegisterTile then holds the tile in registers for the whole reduction, where every step had to load and store it.
//
// Legal because the body only stores to buffers whose accessed places do not depend on the reduction loops and differ
// between any two iterations of the cut loops: each accumulator sees the same steps in the same order. Buffers do not
// overlap (nothing is done when tir.noalias says otherwise).
#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/linear_mutator.h"
#include "common/lower/passes.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr int64_t kMostPlaces = 4096;  // Accumulators that are looked at.
constexpr int64_t kMostCopies = 96;    // Statements in a tile, as RegisterTile takes them.
constexpr int64_t kEnoughSteps = 64;   // Of reduction loops: more of them are left outside.
constexpr int kRegistersForOperands = 4;

// The places of one buffer that the body stores to.
struct Accumulators {
  ir::Buffer buffer;
  bool stored = false;
  bool refused = false;
  struct Place {
    Linear at;
    int lanes;
  };
  std::vector<Place> places;
};

// Accesses of a straight line of stores, by data pointer.
class BodyAccesses final : public ir::StmtExprVisitor {
 public:
  absl::flat_hash_map<const ir::VarNode*, Accumulators> buffers;
  int64_t stores = 0;
  bool refused = false;

  BodyAccesses(LinearContext& context, ir::Stmt body) : context_(context) { VisitStmt(body); }

 private:
  using ir::StmtExprVisitor::Visit;

  void Access(ir::Buffer buffer, ir::Array<ir::Expr> indices, ir::Expr predicate, bool is_store) {
    Accumulators& all = buffers[buffer->data.get()];
    if (!all.buffer) all.buffer = buffer;
    all.stored |= is_store;
    stores += is_store ? 1 : 0;
    const ir::Expr index = indices.size() == 1 ? indices[0] : ir::Expr();
    if (!index || predicate || buffer->dtype.lanes != 1 || all.buffer->dtype != buffer->dtype) {
      all.refused = true;
      return;
    }
    const auto* ramp = index.as<ir::RampNode>();
    if (ramp != nullptr && ir::IsOne(ramp->stride) && ramp->base.dtype().is_index()) {
      all.places.push_back({context_.Of(ramp->base), index.dtype().lanes});
    } else if (index.dtype().is_index()) {
      all.places.push_back({context_.Of(index), 1});
    } else {
      all.refused = true;
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
  // A pointer used as a value, a call that may do anything.
  void Visit(const ir::VarNode* node) override { refused |= node->dtype.is_handle(); }
  void Visit(const ir::CallNode* node) override {
    refused |= ir::SideEffect(ir::Expr(node)) > ir::CallEffect::kReadState;
    ir::StmtExprVisitor::Visit(node);
  }

  LinearContext& context_;
};

bool IsStraightLine(ir::Stmt stmt) {
  if (const auto* seq = stmt.as<ir::SeqNode>()) {
    return std::all_of(seq->seq.begin(), seq->seq.end(), [](ir::Stmt s) { return IsStraightLine(s); });
  }
  return stmt.kind() == ir::StmtKind::kBufferStore;
}

class ReductionTiler final : public LinearMutator {
 public:
  explicit ReductionTiler(const MachineTraits& machine) : machine_(machine) {}

 private:
  using LinearMutator::Mutate;

  ir::Stmt Mutate(const ir::ForNode* node) override {
    std::vector<const ir::ForNode*> nest;
    ir::Stmt inner = node;
    while (const auto* loop = inner.as<ir::ForNode>()) {
      if (!IsPlain(loop)) break;
      context_.BindLoop(loop->loop_var, loop->min, loop->extent);
      nest.push_back(loop);
      inner = loop->body;
    }
    if (nest.size() < 2 || !IsStraightLine(inner)) return LinearMutator::Mutate(node);
    const ir::Stmt tiled = Tiled(nest, inner);
    return tiled ? tiled : ir::Stmt(node);
  }

  static bool IsPlain(const ir::ForNode* loop) {
    const int64_t* extent = ir::ConstInt(loop->extent);
    const bool kind = loop->for_kind == ir::ForKind::kSerial || loop->for_kind == ir::ForKind::kUnrolled;
    return kind && extent != nullptr && *extent >= 1 && loop->annotations.empty() && ir::IsZero(loop->min);
  }

  static int64_t ExtentOf(const ir::ForNode* loop) { return *ir::ConstInt(loop->extent); }

  // The coefficient of a loop's variable in the first place of `all`.
  int64_t Step(const Accumulators& all, const ir::ForNode* loop) {
    const int self = context_.OfVar(loop->loop_var).terms[0].atom;
    for (const auto& term : all.places[0].at.terms) {
      if (term.atom == self) return term.coef;
    }
    return 0;
  }

  // Whether places are the same sum of loop variables and of what does not change in the nest, up to constants.
  bool Understood(const Accumulators& all, const std::vector<const ir::ForNode*>& nest) {
    if (all.refused || all.places.empty()) return false;
    for (const auto& place : all.places) {
      if (!(place.at - all.places[0].at).is_const()) return false;
    }
    for (const auto& term : all.places[0].at.terms) {
      Linear single;
      single.terms.push_back(term);
      for (const ir::ForNode* loop : nest) {
        if (context_.OfVar(loop->loop_var).terms.size() != 1) return false;  // A loop of one step.
        if (term.atom == context_.OfVar(loop->loop_var).terms[0].atom) continue;
        if (context_.Mentions(single, [&](ir::Var v) { return v == loop->loop_var; })) return false;
      }
    }
    return true;
  }

  // Whether any two iterations of `loops` touch places of their own.
  bool Disjoint(const Accumulators& all, const std::vector<const ir::ForNode*>& loops) {
    std::vector<int64_t> bases = {0};
    for (const ir::ForNode* loop : loops) {
      const int64_t step = Step(all, loop), extent = ExtentOf(loop);
      if (step == 0 || static_cast<int64_t>(bases.size()) * extent > kMostPlaces) return false;
      std::vector<int64_t> next;
      for (int64_t base : bases) {
        for (int64_t i = 0; i < extent; ++i) next.push_back(base + i * step);
      }
      bases = std::move(next);
    }
    if (static_cast<int64_t>(bases.size() * all.places.size()) > 4 * kMostPlaces) return false;
    struct Span {
      int64_t begin, end;
      size_t iteration;
    };
    std::vector<Span> spans;
    for (size_t i = 0; i < bases.size(); ++i) {
      for (const auto& place : all.places) {
        const int64_t begin = bases[i] + (place.at - all.places[0].at).constant;
        spans.push_back({begin, begin + place.lanes, i});
      }
    }
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.begin < b.begin; });
    Span last = spans[0];
    for (const Span& span : spans) {
      if (span.begin < last.end && span.iteration != last.iteration) return false;
      if (span.end > last.end || span.iteration != last.iteration) last = span;
    }
    return true;
  }

  // Registers of the accumulators of one iteration: distinct places.
  int64_t RegistersOf(const Accumulators& all) const {
    std::vector<std::pair<int64_t, int>> seen;
    int64_t registers = 0;
    for (const auto& place : all.places) {
      const std::pair<int64_t, int> key = {(place.at - all.places[0].at).constant, place.lanes};
      if (std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
      seen.push_back(key);
      registers += (place.lanes * all.buffer->dtype.bits + machine_.vector_bits - 1) / machine_.vector_bits;
    }
    return registers;
  }

  ir::Stmt Tiled(const std::vector<const ir::ForNode*>& nest, ir::Stmt body) {
    const BodyAccesses accesses(context_, body);
    if (accesses.refused) return {};
    std::vector<const Accumulators*> stored;
    int64_t registers = 0;
    for (const auto& [data, all] : accesses.buffers) {
      if (!all.stored) continue;
      if (!Understood(all, nest)) return {};
      stored.push_back(&all);
      registers += RegistersOf(all);
    }
    const auto is_reduction = [&](const ir::ForNode* loop) {
      return std::all_of(stored.begin(), stored.end(), [&](const Accumulators* a) { return Step(*a, loop) == 0; });
    };
    // outer..., reductions [first, cut), loops over accumulators [cut, end).
    size_t cut = nest.size();
    while (cut > 0 && !is_reduction(nest[cut - 1])) --cut;
    if (cut == 0 || cut == nest.size()) return {};
    size_t first = cut - 1;
    int64_t steps = ExtentOf(nest[first]);
    while (first > 0 && is_reduction(nest[first - 1]) && steps * ExtentOf(nest[first - 1]) <= kEnoughSteps) {
      steps *= ExtentOf(nest[--first]);
    }
    const std::vector<const ir::ForNode*> over(nest.begin() + static_cast<int64_t>(cut), nest.end());
    const int64_t budget = machine_.vector_registers - kRegistersForOperands;
    if (registers > budget || steps < 2) return {};
    // How much of each loop stays inside, from the innermost outwards.
    std::vector<int64_t> inside(over.size(), 1);
    int64_t copies = 1;
    bool whole = true;
    for (size_t i = over.size(); i-- > 0 && whole;) {
      const int64_t extent = ExtentOf(over[i]);
      for (int64_t tile = extent; tile >= 1; --tile) {
        if (extent % tile != 0 || copies * tile * registers > budget || copies * tile * accesses.stores > kMostCopies) {
          continue;
        }
        inside[i] = tile;
        break;
      }
      copies *= inside[i];
      whole = inside[i] == extent;
    }
    if (whole) return {};  // All fit as they are.
    for (const Accumulators* all : stored) {
      if (!Disjoint(*all, over)) return {};
    }
    return Rebuilt(nest, first, over, inside, body);
  }

  static ir::Stmt WithBody(const ir::ForNode* loop, ir::Stmt body) {
    auto* copy = ir::CopyNode(loop);
    copy->body = body;
    return copy;
  }

  static ir::Stmt Rebuilt(const std::vector<const ir::ForNode*>& nest, size_t first,
                          const std::vector<const ir::ForNode*>& over, const std::vector<int64_t>& inside,
                          ir::Stmt body) {
    const size_t cut = nest.size() - over.size();
    std::vector<const ir::ForNode*> outer_parts, inner_parts;
    ir::VarMap values;
    for (size_t i = 0; i < over.size(); ++i) {
      const ir::ForNode* loop = over[i];
      const int64_t extent = ExtentOf(loop);
      if (inside[i] == extent) {
        inner_parts.push_back(loop);
        continue;
      }
      auto* outer = ir::CopyNode(loop);
      outer->for_kind = ir::ForKind::kSerial;
      if (inside[i] > 1) {
        const ir::DataType dtype = loop->loop_var.dtype();
        auto* inner = ir::CopyNode(loop);
        outer->loop_var = ir::CopyVar(loop->loop_var, StrCat(loop->loop_var.name(), "_o"));
        inner->loop_var = ir::CopyVar(loop->loop_var, StrCat(loop->loop_var.name(), "_i"));
        outer->extent = ir::IntImm(dtype, extent / inside[i]);
        inner->extent = ir::IntImm(dtype, inside[i]);
        values[loop->loop_var.get()] =
            ir::Add(ir::Mul(ir::Expr(outer->loop_var), ir::IntImm(dtype, inside[i])), ir::Expr(inner->loop_var));
        inner_parts.push_back(inner);
      }
      outer_parts.push_back(outer);
    }
    ir::Stmt out = values.empty() ? body : ir::Substitute(body, values);
    for (size_t i = inner_parts.size(); i-- > 0;) out = WithBody(inner_parts[i], out);
    for (size_t i = cut; i-- > first;) out = WithBody(nest[i], out);
    for (size_t i = outer_parts.size(); i-- > 0;) out = WithBody(outer_parts[i], out);
    for (size_t i = first; i-- > 0;) out = WithBody(nest[i], out);
    return out;
  }

  const MachineTraits& machine_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> TileReduction(ir::PrimFunc func, const PassContext& context) {
  if (func->attrs.GetInt("tir.noalias", 1) == 0) return func;
  return WithBody(func, ReductionTiler(context.machine).MutateStmt(func->body));
}

}  // namespace hone::lower
