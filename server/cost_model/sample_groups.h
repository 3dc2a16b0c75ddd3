// Measured candidates that a cost model keeps, by task, and how they lie in the file of a saved model: little-endian
// values one after the other, behind a line that names the kind of model.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/cost_model/features.h"

namespace hone {

struct SampleGroup {
  uint64_t key;
  std::vector<FeatureMatrix> features;
  std::vector<double> costs;  // Seconds; as many as features.

  double BestCost() const;  // Infinite without samples.
};

// The group of the key, which is added at the end when there is none.
SampleGroup& GroupOf(uint64_t key, std::vector<SampleGroup>& groups);

template <typename T>
void PutValue(std::string& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}
// Takes a value from the front of `in`; false when that is too short.
template <typename T>
bool TakeValue(std::string_view& in, T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (in.size() < sizeof(T)) return false;
  std::memcpy(&value, in.data(), sizeof(T));
  in.remove_prefix(sizeof(T));
  return true;
}

void PutGroups(std::string& out, const std::vector<SampleGroup>& groups);
// False when `in` is cut short or has shapes that no model has; `groups` may then hold some of them.
bool TakeGroups(std::string_view& in, std::vector<SampleGroup>& groups);

// Unavailable when the file cannot be written.
absl::Status WriteModelFile(const std::string& path, const std::string& content);
// NotFound when the file cannot be read.
absl::StatusOr<std::string> ReadModelFile(const std::string& path);

}  // namespace hone
