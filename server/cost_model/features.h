// A candidate's feature matrix: one row a buffer store, row-major.
#pragma once

#include <cstddef>
#include <vector>

namespace hone {

struct FeatureMatrix {
  int rows = 0;
  int columns = 0;
  std::vector<float> values;  // rows * columns

  const float* Row(int r) const { return values.data() + static_cast<size_t>(r) * columns; }
};

}  // namespace hone
