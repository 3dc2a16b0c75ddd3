// What a condition says about the variables of a domain map.
#pragma once

#include "common/arith/analyzer.h"
#include "common/arith/int_set.h"

namespace hone::arith {

// While this lives, each interval of `domains` is narrowed by `condition` (by its negation when !holds): by the
// comparisons in a conjunction that are linear in the variable and mention no other variable of `domains`.
class ConditionalBounds {
 public:
  ConditionalBounds(ir::Expr condition, bool holds, DomMap& domains, Analyzer& analyzer);
  ~ConditionalBounds();
  ConditionalBounds(const ConditionalBounds&) = delete;
  ConditionalBounds& operator=(const ConditionalBounds&) = delete;

 private:
  void Narrow(ir::Expr condition);
  void NarrowBy(const ir::BinaryNode* comparison);
  void Intersect(ir::Var var, const IntSet& set);

  DomMap& domains_;
  Analyzer& analyzer_;
  absl::InlinedVector<std::pair<ir::Var, IntSet>, 2> saved_;
};

}  // namespace hone::arith
