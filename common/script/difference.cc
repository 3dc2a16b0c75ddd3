#include "common/script/difference.h"

#include <vector>

#include "common/ir/ops.h"
#include "common/ir/structural_equal.h"

namespace hone::script {
namespace {

using ir::Expr;

// More terms than this are not worth the quadratic search.
constexpr size_t kMaxTerms = 64;

struct Term {
  Expr expr;
  int64_t scale;
};

// A sum of scaled terms and a constant.
struct Linear {
  std::vector<Term> terms;
  int64_t constant = 0;
  bool valid = true;

  void Add(Expr e, int64_t scale) {
    if (!valid) return;
    if (const int64_t* value = ir::ConstInt(e)) {
      int64_t product;
      if (__builtin_mul_overflow(*value, scale, &product) || __builtin_add_overflow(constant, product, &constant)) {
        valid = false;
      }
      return;
    }
    if (const auto* add = e.as<ir::AddNode>()) {
      Add(add->a, scale);
      Add(add->b, scale);
      return;
    }
    if (const auto* sub = e.as<ir::SubNode>(); sub != nullptr && scale != INT64_MIN) {
      Add(sub->a, scale);
      Add(sub->b, -scale);
      return;
    }
    if (const auto* mul = e.as<ir::MulNode>()) {
      const int64_t* factor = ir::ConstInt(mul->b);
      const Expr rest = factor != nullptr ? mul->a : mul->b;
      if (factor == nullptr) factor = ir::ConstInt(mul->a);
      int64_t product;
      if (factor != nullptr && !__builtin_mul_overflow(*factor, scale, &product)) {
        Add(rest, product);
        return;
      }
    }
    for (Term& term : terms) {
      if (ir::DeepEqual(term.expr, e)) {
        if (__builtin_add_overflow(term.scale, scale, &term.scale)) valid = false;
        return;
      }
    }
    if (terms.size() >= kMaxTerms) valid = false;
    terms.push_back({e, scale});
  }
};

}  // namespace

Expr Difference(Expr stop, Expr start) {
  if (ir::IsZero(start)) return stop;
  if (const auto* add = stop.as<ir::AddNode>()) {
    if (ir::DeepEqual(add->a, start)) return add->b;
  }
  Linear difference;
  difference.Add(stop, 1);
  difference.Add(start, -1);
  bool constant = difference.valid;
  for (const Term& term : difference.terms) constant = constant && term.scale == 0;
  if (constant) return ir::IntImm(stop.dtype(), difference.constant);
  return ir::Sub(stop, start);
}

}  // namespace hone::script
