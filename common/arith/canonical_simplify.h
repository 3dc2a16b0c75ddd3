// Sums of split terms: the normal form of index expressions. Internal to the analyzer.
#pragma once

#include <cstring>
#include <type_traits>

#include "common/arith/rewrite_simplify.h"

namespace hone::arith {

// ((index % upper) / lower) * scale, where both operations round in the same way. lower divides upper when there is
// one. upper kNoUpper: no remainder is taken.
struct SplitTerm {
  static constexpr int64_t kNoUpper = INT64_MAX;

  ir::Expr index;
  int64_t lower = 1;
  int64_t upper = kNoUpper;
  int64_t scale = 1;
  bool floor = true;

  // True when the way of rounding makes no difference to the term's form.
  bool FitsMode(bool other_floor) const { return floor == other_floor || (lower == 1 && upper == kNoUpper); }
};

// A sequence of terms: a few inline, more of them in the current arena.
class TermList {
 public:
  TermList() = default;
  TermList(const TermList& other) { *this = other; }
  TermList& operator=(const TermList& other) {
    if (this == &other) return *this;
    Reserve(other.size_);
    size_ = other.size_;
    std::memcpy(static_cast<void*>(data()), other.data(), size_ * sizeof(SplitTerm));
    return *this;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  SplitTerm& operator[](size_t i) { return data()[i]; }
  const SplitTerm& operator[](size_t i) const { return data()[i]; }
  SplitTerm* begin() { return data(); }
  SplitTerm* end() { return data() + size_; }
  const SplitTerm* begin() const { return data(); }
  const SplitTerm* end() const { return data() + size_; }
  void clear() { size_ = 0; }
  void Truncate(size_t size) { size_ = size; }
  void push_back(const SplitTerm& term) { Insert(size_, term); }
  void Insert(size_t at, SplitTerm term) {
    Reserve(size_ + 1);
    SplitTerm* place = data() + at;
    std::memmove(static_cast<void*>(place + 1), place, (size_ - at) * sizeof(SplitTerm));
    ::new (place) SplitTerm(term);
    ++size_;
  }

 private:
  static constexpr size_t kInline = 4;
  SplitTerm* data() { return more_ != nullptr ? more_ : reinterpret_cast<SplitTerm*>(inline_); }
  const SplitTerm* data() const { return more_ != nullptr ? more_ : reinterpret_cast<const SplitTerm*>(inline_); }
  void Reserve(size_t capacity) {
    if (capacity <= capacity_) return;
    capacity = capacity < 2 * capacity_ ? 2 * capacity_ : capacity;
    auto* memory = static_cast<SplitTerm*>(ir::Arena::Current().Allocate(capacity * sizeof(SplitTerm)));
    std::memcpy(static_cast<void*>(memory), data(), size_ * sizeof(SplitTerm));
    more_ = memory;
    capacity_ = capacity;
  }

  static_assert(std::is_trivially_copyable_v<SplitTerm>);
  alignas(SplitTerm) char inline_[kInline * sizeof(SplitTerm)];  // The first size_ are alive.
  SplitTerm* more_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = kInline;
};

// The sum of the terms and `base`. Terms of the same index stand together, larger `lower` first.
struct TermSum {
  TermList terms;
  int64_t base = 0;
  ir::DataType dtype;

  bool IsConst() const { return terms.empty(); }
};

class CanonicalSimplifier final : public RewriteSimplifier {
 public:
  explicit CanonicalSimplifier(Analyzer& analyzer) : RewriteSimplifier(analyzer) {}

  ir::Expr Visit(ir::Expr e) override;
  // A coefficient did not fit its type: results are not to be used.
  bool overflow() const { return overflow_; }

 private:
  // `e` is of an index type.
  TermSum ToSum(ir::Expr e);
  TermSum SumOf(ir::Expr e);  // Of a simplified expression, taken as it is.
  TermSum SumOf(SplitTerm term, ir::DataType dtype);
  TermSum MulToSum(const ir::BinaryNode* node);
  TermSum DivToSum(const ir::BinaryNode* node, bool floor);
  TermSum ModToSum(const ir::BinaryNode* node, bool floor);
  TermSum CastToSum(const ir::CastNode* node);
  ir::Expr VisitLess(const ir::BinaryNode* node);

  void AddTerm(TermSum& sum, SplitTerm term, int64_t scale);
  void AddSum(TermSum& sum, const TermSum& other, int64_t scale);
  void Scale(TermSum& sum, int64_t factor);
  void MergeTerms(TermSum& sum);
  ir::Expr Normalize(const TermSum& sum);
  ir::Expr Normalize(const SplitTerm& term, ir::DataType dtype, bool negate = false);
  SplitTerm ToTerm(const TermSum& sum);
  SplitTerm ConvertMode(SplitTerm term, ir::DataType dtype, bool floor);
  SplitTerm DivTerm(SplitTerm term, ir::DataType dtype, int64_t divisor, bool floor);
  SplitTerm ModTerm(SplitTerm term, ir::DataType dtype, int64_t divisor, bool floor);
  ir::Expr Literal(ir::DataType dtype, int64_t value);
  int64_t CheckedMul(int64_t a, int64_t b);
  int64_t CheckedAdd(int64_t a, int64_t b);

  bool overflow_ = false;
};

}  // namespace hone::arith
