#include "server/search/evolution.h"

#include <algorithm>
#include <numeric>

namespace hone {

WeightedSampler::WeightedSampler(absl::Span<const double> weights) {
  double sum = 0;
  prefix_.reserve(weights.size());
  for (double w : weights) prefix_.push_back(sum += w);
}

int WeightedSampler::Draw(CounterRandom& random) const {
  const double u = random.Unit() * prefix_.back();
  const auto at = std::upper_bound(prefix_.begin(), prefix_.end(), u);
  if (prefix_.back() <= 0) return 0;
  return static_cast<int>(
      std::min<std::ptrdiff_t>(at - prefix_.begin(), static_cast<std::ptrdiff_t>(prefix_.size()) - 1));
}

namespace {
// The better item first: a heap by it has the worst on top.
bool Better(const BestList::Item& a, const BestList::Item& b) {
  return a.score != b.score ? a.score > b.score : a.index < b.index;
}
}  // namespace

void BestList::Push(double score, int index) {
  if (static_cast<int>(items_.size()) < capacity_) {
    items_.push_back({score, index});
    std::push_heap(items_.begin(), items_.end(), Better);
    return;
  }
  if (capacity_ == 0 || score <= items_.front().score) return;
  std::pop_heap(items_.begin(), items_.end(), Better);
  items_.back() = {score, index};
  std::push_heap(items_.begin(), items_.end(), Better);
}

std::vector<BestList::Item> BestList::Sorted() const {
  std::vector<Item> out = items_;
  std::sort(out.begin(), out.end(), Better);
  return out;
}

std::vector<int> RandomPermutation(int n, CounterRandom& random) {
  std::vector<int> out(n);
  std::iota(out.begin(), out.end(), 0);
  for (int i = n - 1; i > 0; --i) std::swap(out[i], out[random.Below(static_cast<uint64_t>(i) + 1)]);
  return out;
}

}  // namespace hone
