// Sums of scaled quotients and remainders of variables: the canonical form of nearly all index expressions, as numbers.
#pragma once

#include <cstdint>

namespace hone::direct {

// ((key_0 % upper_0) / lower_0) * scale_0 + ... + base, rounding down, the terms in the order in which canonical
// simplification prints them. A Key stands for a variable and is compared by ==. A key appears in one term at most and
// all numbers are small enough to multiply two of them; sums beyond that are refused (the operations return false, the
// sum is then in no useful state).
template <typename Key>
class SplitSum {
 public:
  static constexpr int kMaxTerms = 12;
  static constexpr int64_t kLimit = int64_t{1} << 27;
  struct Term {
    Key key;
    int64_t lower;
    int64_t upper;  // 0: no remainder is taken.
    int64_t scale;
  };

  int size() const { return size_; }
  const Term& operator[](int i) const { return terms_[i]; }
  const Term* begin() const { return terms_; }
  const Term* end() const { return terms_ + size_; }
  int64_t base() const { return base_; }
  void set_base(int64_t base) { base_ = base; }

  const Term* Find(Key key) const {
    for (int i = 0; i < size_; ++i) {
      if (terms_[i].key == key) return &terms_[i];
    }
    return nullptr;
  }

  bool AddBase(int64_t value) {
    base_ += value;
    return base_ <= kLimit && base_ >= -kLimit;
  }
  bool Add(const Term& term, int64_t scale) {
    scale *= term.scale;
    if (scale > kLimit || scale < -kLimit) return false;
    for (int i = 0; i < size_; ++i) {
      if (!(terms_[i].key == term.key)) continue;
      if (terms_[i].lower != term.lower || terms_[i].upper != term.upper) return false;
      terms_[i].scale += scale;
      return terms_[i].scale <= kLimit && terms_[i].scale >= -kLimit;
    }
    if (size_ == kMaxTerms) return false;
    terms_[size_] = term;
    terms_[size_++].scale = scale;
    return true;
  }
  bool Add(Key key, int64_t scale) { return Add(Term{key, 1, 0, 1}, scale); }
  bool Add(const SplitSum& other, int64_t scale) {
    if (scale > kLimit || scale < -kLimit) return false;
    for (int i = 0; i < other.size_; ++i) {
      if (!Add(other.terms_[i], scale)) return false;
    }
    return AddBase(other.base_ * scale);
  }

  // Drops what cancelled. False when a scale is negative: such sums are printed in another order.
  bool Finish() {
    int kept = 0;
    for (int i = 0; i < size_; ++i) {
      if (terms_[i].scale < 0) return false;
      if (terms_[i].scale != 0) terms_[kept++] = terms_[i];
    }
    size_ = kept;
    return true;
  }

  // The largest value of the term without its scale, given the largest of its key, which is not negative.
  static int64_t LargestQuotient(const Term& term, int64_t largest_key) {
    return (term.upper != 0 && term.upper <= largest_key ? term.upper - 1 : largest_key) / term.lower;
  }

  // Quotient and remainder of this finished sum by `divisor` > 0. `largest(key)` gives the largest value of a key that
  // is known not to be negative, or -1. With `by_value` a term with a sum below its scale is told apart, too, which
  // simplification leaves as it is: the result is equal, but not as it would be printed.
  template <typename Largest>
  bool FloorDiv(int64_t divisor, const Largest& largest, bool by_value = false) {
    SplitSum whole, rest;
    Separate(divisor, whole, rest);
    whole.DivideExactly(divisor);
    if (!rest.IsBelow(divisor, largest)) {
      const int leading = by_value || (rest.size_ == 1 && rest.base_ == 0) ? rest.Leading(divisor, largest) : -1;
      if (leading < 0) return false;
      Term term = rest.terms_[leading];
      const int64_t lower = term.lower * (divisor / term.scale);
      if (lower > kLimit || (term.upper != 0 && (term.upper % lower != 0 || term.upper == lower))) return false;
      term.lower = lower;
      term.scale = 1;
      if (!whole.Add(term, 1)) return false;
    }
    *this = whole;
    return true;
  }
  template <typename Largest>
  bool FloorMod(int64_t divisor, const Largest& largest, bool by_value = false) {
    SplitSum whole, rest;
    Separate(divisor, whole, rest);
    if (!rest.IsBelow(divisor, largest)) {
      const int leading = by_value || (rest.size_ == 1 && rest.base_ == 0) ? rest.Leading(divisor, largest) : -1;
      if (leading < 0) return false;
      Term& term = rest.terms_[leading];
      const int64_t upper = term.lower * (divisor / term.scale);
      if (upper > kLimit || (term.upper != 0 && term.upper != upper)) return false;
      term.upper = upper;
    }
    *this = rest;
    return true;
  }

 private:
  // The terms that `divisor` divides, and the others; the base goes as a whole.
  void Separate(int64_t divisor, SplitSum& whole, SplitSum& rest) const {
    (base_ % divisor == 0 ? whole : rest).base_ = base_;
    for (int i = 0; i < size_; ++i) {
      SplitSum& to = terms_[i].scale % divisor == 0 ? whole : rest;
      to.terms_[to.size_++] = terms_[i];
    }
  }
  void DivideExactly(int64_t divisor) {
    base_ /= divisor;
    for (int i = 0; i < size_; ++i) terms_[i].scale /= divisor;
  }
  // The term whose scale divides `divisor` and is more than all others come to, or -1.
  template <typename Largest>
  int Leading(int64_t divisor, const Largest& largest) const {
    int leading = -1;
    for (int i = 0; i < size_; ++i) {
      if (leading < 0 || terms_[i].scale > terms_[leading].scale) leading = i;
    }
    if (leading < 0 || terms_[leading].scale <= 0 || divisor % terms_[leading].scale != 0) return -1;
    return IsBelow(terms_[leading].scale, largest, leading) ? leading : -1;
  }
  // Known to be in [0, limit), but for the term `without`.
  template <typename Largest>
  bool IsBelow(int64_t limit, const Largest& largest, int without = -1) const {
    if (base_ < 0) return false;
    int64_t sum = base_;
    for (int i = 0; i < size_; ++i) {
      if (i == without) continue;
      const int64_t key = largest(terms_[i].key);
      if (key < 0 || key > kLimit || terms_[i].scale < 0) return false;
      sum += LargestQuotient(terms_[i], key) * terms_[i].scale;
      if (sum >= limit) return false;
    }
    return sum < limit;
  }

  int size_ = 0;
  int64_t base_ = 0;
  Term terms_[kMaxTerms];
};

}  // namespace hone::direct
