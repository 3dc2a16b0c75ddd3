// Integer expressions as sums of constants times atoms, with constant bounds: the fast reasoning that lowering needs
// for loop indices of kernels, where nearly everything is affine with constant extents. It knows floordiv and floormod
// by constants, recombines (x // c) * c + x % c, and decides comparisons by intervals and by the conditions in scope.
// Signed 32 and 64 bit scalars only, taken not to overflow; everything else is an opaque atom.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "common/ir/expr.h"
#include "common/ir/mutator.h"

namespace hone::lower {

// Inclusive on both ends.
struct Bounds {
  static constexpr int64_t kUnbounded = int64_t{1} << 60;  // |ends| at or beyond this are infinite.
  int64_t lo = -kUnbounded;
  int64_t hi = kUnbounded;
  bool bounded() const { return lo > -kUnbounded && hi < kUnbounded; }
  int64_t width() const { return hi - lo; }
};

struct Linear {
  struct Term {
    int atom;  // An id of the LinearContext.
    int64_t coef;
    bool operator==(const Term&) const = default;
  };
  absl::InlinedVector<Term, 6> terms;  // By atom, coefficients not zero.
  int64_t constant = 0;

  bool is_const() const { return terms.empty(); }
  bool operator==(const Linear&) const = default;
};

Linear operator+(const Linear& a, const Linear& b);
Linear operator-(const Linear& a, const Linear& b);
Linear operator*(const Linear& a, int64_t factor);
Linear ConstLinear(int64_t value);

// Not thread-safe; builds nodes in the current arena.
class LinearContext {
 public:
  // Bounds of a variable from here on (replacing earlier ones).
  void Bind(ir::Var var, Bounds bounds);
  // [min, min + extent) with what is known about both.
  void BindLoop(ir::Var var, ir::Expr min, ir::Expr extent);
  Bounds BoundsOfVar(ir::Var var) const;

  // Assumes `condition` until the matching LeaveCondition.
  void EnterCondition(ir::Expr condition);
  void LeaveCondition();

  Linear Of(ir::Expr e);
  Linear OfVar(ir::Var var);
  Linear FloorDiv(const Linear& a, int64_t divisor);
  Linear FloorMod(const Linear& a, int64_t divisor);
  ir::Expr ToExpr(const Linear& linear, ir::DataType dtype);
  Bounds BoundsOf(const Linear& linear) const;
  Bounds BoundsOf(ir::Expr e) { return BoundsOf(Of(e)); }

  // Simplifies integer arithmetic and conditions anywhere below `e`.
  ir::Expr Simplify(ir::Expr e);
  // True or false when decided, for boolean scalars.
  std::optional<bool> Decide(ir::Expr condition);

  // Whether an atom of `linear` mentions a variable for which `wanted` holds.
  bool Mentions(const Linear& linear, absl::FunctionRef<bool(ir::Var)> wanted) const;

  enum class AtomKind : uint8_t { kVar, kOpaque, kDiv, kMod, kMin, kMax };
  struct Atom {
    AtomKind kind;
    ir::Expr expr;    // kVar, kOpaque.
    Linear a;         // Others: the operand(s).
    Linear b;         // kMin, kMax.
    int64_t divisor;  // kDiv, kMod.
  };
  const Atom& atom(int id) const { return atoms_[id]; }

 private:
  friend class LinearSimplifier;
  int Intern(Atom atom);
  int InternExpr(ir::Expr e, AtomKind kind);
  Linear MinMax(AtomKind kind, const Linear& a, const Linear& b);
  Bounds BoundsOfAtom(const Atom& atom) const;
  void Recombine(Linear& linear) const;
  // x = high * scale + low with 0 <= low < scale, for the greatest scale of a term that divides `divisor`.
  bool SplitOffLow(const Linear& x, int64_t divisor, Linear& high, Linear& low, int64_t& scale) const;
  void Assume(ir::Expr condition, bool positive);
  std::optional<bool> DecideNonPositive(const Linear& linear) const;  // linear <= 0?

  std::deque<Atom> atoms_;
  absl::flat_hash_map<ir::Expr, int> by_expr_;
  absl::flat_hash_map<size_t, absl::InlinedVector<int, 2>> by_hash_;
  absl::flat_hash_map<const ir::VarNode*, Bounds> bounds_;
  struct Scope {
    size_t facts;
    std::vector<std::pair<const ir::VarNode*, std::optional<Bounds>>> saved;
  };
  std::vector<Scope> scopes_;
  std::vector<Linear> facts_;  // Each is <= 0.
};

}  // namespace hone::lower
