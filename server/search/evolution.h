// The parts of a round that do not depend on what a candidate is made of: bounded best lists, weighted draws, picks.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/support/random.h"

namespace hone {

// Draws indices with given non-negative weights. All zero: always index 0.
class WeightedSampler {
 public:
  explicit WeightedSampler(absl::Span<const double> weights);
  int Draw(CounterRandom& random) const;

 private:
  std::vector<double> prefix_;
};

// Keeps the `capacity` items with the largest scores; among equal scores, those that came first.
class BestList {
 public:
  struct Item {
    double score;
    int index;  // Of the caller's.
  };
  explicit BestList(int capacity) : capacity_(capacity) {}
  // A full list takes an item only for a strictly smaller one.
  void Push(double score, int index);
  // By descending score.
  std::vector<Item> Sorted() const;

 private:
  int capacity_;
  std::vector<Item> items_;  // A heap, the worst on top.
};

// A permutation of [0, n), uniform.
std::vector<int> RandomPermutation(int n, CounterRandom& random);

}  // namespace hone
