// Sums of split terms: adding, merging, printing them as expressions, dividing one term.
#include "common/arith/canonical_simplify.h"

namespace hone::arith {

using ir::DataType;
using ir::Expr;

namespace {

Expr DivOf(Expr a, Expr b, bool floor) { return floor ? ir::FloorDiv(a, b) : ir::TruncDiv(a, b); }
Expr ModOf(Expr a, Expr b, bool floor) { return floor ? ir::FloorMod(a, b) : ir::TruncMod(a, b); }

}  // namespace

int64_t CanonicalSimplifier::CheckedMul(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_mul_overflow(a, b, &out) || out == INT64_MIN || out == INT64_MAX) {
    overflow_ = true;
    return 1;
  }
  return out;
}

int64_t CanonicalSimplifier::CheckedAdd(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_add_overflow(a, b, &out) || out == INT64_MIN) {
    overflow_ = true;
    return 0;
  }
  return out;
}

Expr CanonicalSimplifier::Literal(DataType dtype, int64_t value) {
  if (!FitsType(dtype, value)) overflow_ = true;
  return ir::IntImm(dtype, value);
}

void CanonicalSimplifier::AddTerm(TermSum& sum, SplitTerm term, int64_t scale) {
  term.scale = CheckedMul(term.scale, scale);
  if (term.scale == 0) return;
  auto& terms = sum.terms;
  size_t i = 0;
  while (i < terms.size() && !Same(terms[i].index, term.index)) ++i;
  for (; i < terms.size(); ++i) {
    SplitTerm& other = terms[i];
    if (!Same(other.index, term.index) || term.lower > other.lower) {
      terms.Insert(i, term);
      return;
    }
    if (term.lower == other.lower && term.upper == other.upper && term.FitsMode(other.floor)) {
      other.scale = CheckedAdd(other.scale, term.scale);
      NoteRule("x * c1 + x * c2");
      return;
    }
  }
  terms.push_back(term);
}

void CanonicalSimplifier::AddSum(TermSum& sum, const TermSum& other, int64_t scale) {
  for (const SplitTerm& term : other.terms) AddTerm(sum, term, scale);
  sum.base = CheckedAdd(sum.base, CheckedMul(other.base, scale));
}

void CanonicalSimplifier::Scale(TermSum& sum, int64_t factor) {
  for (SplitTerm& term : sum.terms) term.scale = CheckedMul(term.scale, factor);
  sum.base = CheckedMul(sum.base, factor);
  if (factor == 0) sum.terms.clear();
}

// Joins neighbours of the same index: equal ones, and (x / (c * s)) * s + (x % (c * s)) / c = x / c (scaled).
void CanonicalSimplifier::MergeTerms(TermSum& sum) {
  auto& terms = sum.terms;
  for (size_t i = 0; i < terms.size(); ++i) {
    SplitTerm& high = terms[i];
    for (size_t j = i + 1; j < terms.size() && high.scale != 0; ++j) {
      SplitTerm& low = terms[j];
      if (low.scale == 0) continue;
      if (!Same(high.index, low.index)) break;
      if (!high.FitsMode(low.floor) && !low.FitsMode(high.floor)) continue;
      if (high.lower == low.lower && high.upper == low.upper) {
        low.scale = CheckedAdd(low.scale, high.scale);
        high.scale = 0;
        NoteRule("x // c + (x // (c * s)) * s + x % (c * s) // c");
        break;
      }
      // high = (x % u) / (c * s) * (s * k), low = (x % (c * s)) / c * k.
      if (low.upper == SplitTerm::kNoUpper || high.lower != low.upper || high.scale % low.scale != 0) continue;
      const int64_t s = high.scale / low.scale;
      if (s <= 0 || high.lower % s != 0 || high.lower / s != low.lower) continue;
      const bool floor = low.FitsMode(high.floor) ? high.floor : low.floor;
      low.upper = high.upper;
      low.floor = floor;
      high.scale = 0;
      NoteRule("(x / (c * s)) * s + (x % (c * s)) / c");
      break;
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (terms[i].scale == 0) continue;
    if (kept != i) terms[kept] = terms[i];
    ++kept;
  }
  terms.Truncate(kept);
}

Expr CanonicalSimplifier::Normalize(const SplitTerm& term, DataType dtype, bool negate) {
  Expr out = term.index;
  if (term.upper != SplitTerm::kNoUpper) out = ModOf(out, Literal(dtype, term.upper), term.floor);
  if (term.lower != 1) out = DivOf(out, Literal(dtype, term.lower), term.floor);
  const int64_t scale = negate ? -term.scale : term.scale;
  if (scale == 0) return ir::IntImm(dtype, 0);
  if (scale != 1) out = ir::Mul(out, Literal(dtype, scale));
  return out;
}

// Positive terms, a positive literal, then what is subtracted.
Expr CanonicalSimplifier::Normalize(const TermSum& original) {
  const DataType dtype = original.dtype;
  if (original.terms.empty()) return Literal(dtype, original.base);
  if (original.terms.size() == 1 && original.base == 0 && original.terms[0].scale > 0) {
    return Normalize(original.terms[0], dtype);
  }
  TermSum sum = original;
  MergeTerms(sum);
  Expr out;
  auto add = [&](Expr e) { out = out ? ir::Add(out, e) : e; };
  for (const SplitTerm& term : sum.terms) {
    if (term.scale > 0) add(Normalize(term, dtype));
  }
  if (sum.base > 0) add(Literal(dtype, sum.base));
  if (!out) out = ir::IntImm(dtype, 0);
  for (const SplitTerm& term : sum.terms) {
    if (term.scale < 0) out = ir::Sub(out, Normalize(term, dtype, /*negate=*/true));
  }
  if (sum.base < 0) {
    // The least value has no positive counterpart.
    out = FitsType(dtype, -static_cast<__int128>(sum.base)) ? ir::Sub(out, Literal(dtype, -sum.base))
                                                            : ir::Add(out, Literal(dtype, sum.base));
  }
  return out;
}

TermSum CanonicalSimplifier::SumOf(SplitTerm term, DataType dtype) {
  TermSum out;
  out.dtype = dtype;
  if (const auto* imm = term.index.as<ir::IntImmNode>();
      imm != nullptr && term.lower == 1 && term.upper == SplitTerm::kNoUpper) {
    out.base = CheckedMul(CheckedAdd(imm->value, 0), term.scale);
  } else if (term.scale != 0) {
    out.terms.push_back(term);
  }
  return out;
}

TermSum CanonicalSimplifier::SumOf(Expr e) { return SumOf(SplitTerm{.index = e}, e.dtype()); }

SplitTerm CanonicalSimplifier::ToTerm(const TermSum& sum) {
  if (sum.base == 0 && sum.terms.size() == 1) return sum.terms[0];
  return SplitTerm{.index = Normalize(sum)};
}

SplitTerm CanonicalSimplifier::ConvertMode(SplitTerm term, DataType dtype, bool floor) {
  if (term.FitsMode(floor)) {
    term.floor = floor;
    return term;
  }
  if (NonNegative(term.index)) {
    term.floor = floor;  // Both roundings agree.
    return Fired("the other rounding, x >= 0", term);
  }
  return Fired("the other rounding, sign unknown", SplitTerm{.index = Normalize(term, dtype), .floor = floor});
}

// Neither here nor in ModTerm is the term smaller than the divisor: that is found by bounds before.
SplitTerm CanonicalSimplifier::DivTerm(SplitTerm term, DataType dtype, int64_t divisor, bool floor) {
  term = ConvertMode(term, dtype, floor);
  if (term.scale % divisor == 0) {
    term.scale /= divisor;
    return Fired("term * (c * d) / d", term);
  }
  if (term.scale > 0 && divisor % term.scale == 0) {
    const int64_t lower = CheckedMul(term.lower, divisor / term.scale);
    if (term.upper != SplitTerm::kNoUpper && term.upper % lower != 0) {
      NoteRule("x % c1 / c2, c2 does not divide c1");
      term.index = ModOf(term.index, Literal(dtype, term.upper), floor);
      term.upper = SplitTerm::kNoUpper;
    }
    term.scale = 1;
    term.lower = lower;
    return Fired("x / c1 / c2 as one term", term);
  }
  return Fired("term / c as a new index", SplitTerm{.index = Normalize(term, dtype), .lower = divisor, .floor = floor});
}

SplitTerm CanonicalSimplifier::ModTerm(SplitTerm term, DataType dtype, int64_t divisor, bool floor) {
  term = ConvertMode(term, dtype, floor);
  if (term.scale % divisor == 0) {
    return Fired("term * (c * d) % d", SplitTerm{.index = ir::IntImm(dtype, 0), .floor = floor});
  }
  if (term.scale > 0 && divisor % term.scale == 0) {
    // (x / c1 * s) % (s * c2) = x % (c1 * c2) / c1 * s.
    const int64_t upper = CheckedMul(term.lower, divisor / term.scale);
    if (term.upper == SplitTerm::kNoUpper) {
      term.upper = upper;
      return Fired("x / c1 % c2 as one term", term);
    }
    if (term.upper % upper == 0) {
      // A smaller remainder of the index: it may simplify further.
      const TermSum inner = ToSum(ModOf(term.index, Literal(dtype, upper), floor));
      SplitTerm out = ToTerm(inner);
      if (inner.IsConst()) out = SplitTerm{.index = Literal(dtype, inner.base), .floor = floor};
      if (term.lower != 1) out = DivTerm(out, dtype, term.lower, floor);
      out.scale = CheckedMul(out.scale, term.scale);
      return Fired("x % (c1 * c2) % c1", out);
    }
  }
  return Fired("term % c as a new index", SplitTerm{.index = Normalize(term, dtype), .upper = divisor, .floor = floor});
}

}  // namespace hone::arith
