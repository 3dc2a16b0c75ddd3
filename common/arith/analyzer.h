// Integer analysis and simplification in the context of known variable ranges and conditions.
//
// Arithmetic of signed integers of 32 bits or more is taken not to overflow; nothing is assumed of other types. A
// division by zero is taken not to happen. Calls and loads are opaque: equal ones are merged only when they have no
// effect beyond reading. Float arithmetic is left alone, with one exception that the peer makes, too: a division by a
// literal becomes a product with its reciprocal.
#pragma once

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "common/arith/const_int_bound.h"
#include "common/arith/int_set.h"
#include "common/arith/modular_set.h"
#include "common/ir/expr.h"

namespace hone::arith {

enum class ProofStrength {
  kDefault,
  // Also tries the lower bound of the difference by interval evaluation with symbolic ends.
  kSymbolicBound,
};

// What is known of the order of two values: the union of the possible outcomes less (1), equal (2), greater (4).
enum class CompareResult : uint8_t {
  kInconsistent = 0,
  kLT = 1,
  kEQ = 2,
  kLE = 3,
  kGT = 4,
  kNE = 5,
  kGE = 6,
  kUnknown = 7,
};

class Analyzer;

// A condition that holds while this object lives. Scopes nest: the last one made is destroyed first, and no variable
// that the condition mentions is bound meanwhile.
class ConstraintScope {
 public:
  ConstraintScope(Analyzer& analyzer, ir::Expr condition);
  ~ConstraintScope();
  ConstraintScope(const ConstraintScope&) = delete;
  ConstraintScope& operator=(const ConstraintScope&) = delete;

 private:
  Analyzer& analyzer_;
  size_t literals_;
  size_t bounds_;
  size_t facts_;
  size_t saved_modular_;
};

// Cheap to make: holds a few inline arrays. Not thread-safe. Results go into the current arena; the analyzer points to
// the nodes it was given.
class Analyzer {
 public:
  Analyzer() = default;
  Analyzer(const Analyzer&) = delete;
  Analyzer& operator=(const Analyzer&) = delete;

  // `var` is in the range from now on; an extent of literal 1 binds it to the minimum. Replaces what was known of it.
  void Bind(ir::Var var, const ir::Range& range);
  // `var` has this value: Simplify puts the value in its place.
  void Bind(ir::Var var, ir::Expr value);
  // `var` lies in [min, max].
  void Bind(ir::Var var, ConstIntBound bound);
  [[nodiscard]] ConstraintScope EnterConstraint(ir::Expr condition) { return ConstraintScope(*this, condition); }

  // Canonical, rewrite, canonical simplification (steps = 2 each adds one more); returns `e` itself when nothing
  // changed. Null stays null.
  ir::Expr Simplify(ir::Expr e, int steps = 2);
  ir::Expr RewriteSimplify(ir::Expr e);
  ir::Expr CanonicalSimplify(ir::Expr e);

  // True only when `condition` is true for all values that the context allows.
  bool CanProve(ir::Expr condition, ProofStrength strength = ProofStrength::kDefault);
  bool CanProveEqual(ir::Expr a, ir::Expr b);
  bool CanProveGreaterEqual(ir::Expr e, int64_t lower_bound);
  bool CanProveLess(ir::Expr e, int64_t upper_bound);
  // By bounds, modular sets and chains of known comparisons.
  CompareResult Compare(ir::Expr a, ir::Expr b);

  ConstIntBound const_int_bound(ir::Expr e);
  ModularSet modular_set(ir::Expr e);
  // Over the ranges that variables were bound to.
  IntSet int_set(ir::Expr e);
  // Over `domains`; variables outside of it stay symbolic.
  IntSet int_set(ir::Expr e, const DomMap& domains);

 private:
  friend class ConstraintScope;
  friend class BoundVisitor;
  friend class ModularVisitor;
  friend class RewriteSimplifier;
  friend class CanonicalSimplifier;
  friend class IntervalEvaluator;

  struct VarInfo {
    const ir::VarNode* var = nullptr;
    ConstIntBound bound;
    ModularSet modular;
    ir::Expr value;   // Null when not bound to one.
    ir::Range range;  // Null when not bound to one.
  };
  struct BoundFact {
    ir::Expr expr;
    ConstIntBound bound;
  };
  // a <= b + offset; a null operand stands for 0.
  struct OrderFact {
    ir::Expr a;
    ir::Expr b;
    int64_t offset = 0;
  };
  struct SavedModular {
    size_t index = 0;
    ModularSet modular;
  };

  const VarInfo* Find(const ir::VarNode* var) const {
    // The innermost loops were bound last and are asked for most.
    for (size_t i = vars_.size(); i > 0; --i) {
      if (vars_[i - 1].var == var) return &vars_[i - 1];
    }
    return nullptr;
  }
  VarInfo& InfoOf(const ir::VarNode* var);
  // InfoOf(var) with everything known of it so far forgotten.
  VarInfo& Renew(const ir::VarNode* var);
  void Forget(const ir::VarNode* var);
  void AddConstraint(ir::Expr condition);
  void AddBoundFact(ir::Expr e, ConstIntBound bound);
  void AddCondition(ir::Expr condition);
  void AddOrderFact(ir::Expr a, ir::Expr b, int64_t offset);
  // The order of a and b that follows from chains of order facts.
  CompareResult CompareByFacts(ir::Expr a, ir::Expr b) const;
  // The smallest c with a <= b + c by the order facts; kPosInf when none follows.
  int64_t DifferenceBound(ir::Expr a, ir::Expr b) const;

  absl::InlinedVector<VarInfo, 8> vars_;
  absl::InlinedVector<ir::Expr, 2> literals_;  // Conditions known to be true.
  absl::InlinedVector<BoundFact, 2> bounds_;
  absl::InlinedVector<OrderFact, 2> facts_;
  absl::InlinedVector<SavedModular, 1> saved_modular_;
  int depth_ = 0;  // Of recursive rewriting; bounds the work.
};

// Simplification without context.
ir::Expr Simplify(ir::Expr e, int steps = 2);

}  // namespace hone::arith
