#include "server/cost_model/sample_groups.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include "common/support/strings.h"

namespace hone {
namespace {

constexpr int kMaxColumns = 100'000;

void PutMatrix(std::string& out, const FeatureMatrix& matrix) {
  PutValue(out, matrix.rows);
  PutValue(out, matrix.columns);
  out.append(reinterpret_cast<const char*>(matrix.values.data()), matrix.values.size() * sizeof(float));
}

bool TakeMatrix(std::string_view& in, FeatureMatrix& matrix) {
  if (!TakeValue(in, matrix.rows) || !TakeValue(in, matrix.columns)) return false;
  if (matrix.rows < 0 || matrix.columns < 0 || matrix.columns > kMaxColumns) return false;
  const size_t values = static_cast<size_t>(matrix.rows) * static_cast<size_t>(matrix.columns);
  if (in.size() < values * sizeof(float)) return false;
  matrix.values.resize(values);
  std::memcpy(matrix.values.data(), in.data(), values * sizeof(float));
  in.remove_prefix(values * sizeof(float));
  return true;
}

}  // namespace

double SampleGroup::BestCost() const {
  return costs.empty() ? std::numeric_limits<double>::infinity() : *std::min_element(costs.begin(), costs.end());
}

SampleGroup& GroupOf(uint64_t key, std::vector<SampleGroup>& groups) {
  for (SampleGroup& group : groups) {
    if (group.key == key) return group;
  }
  return groups.emplace_back(SampleGroup{key, {}, {}});
}

void PutGroups(std::string& out, const std::vector<SampleGroup>& groups) {
  PutValue(out, static_cast<uint64_t>(groups.size()));
  for (const SampleGroup& group : groups) {
    PutValue(out, group.key);
    PutValue(out, static_cast<uint64_t>(group.features.size()));
    for (size_t i = 0; i < group.features.size(); ++i) {
      PutValue(out, group.costs[i]);
      PutMatrix(out, group.features[i]);
    }
  }
}

bool TakeGroups(std::string_view& in, std::vector<SampleGroup>& groups) {
  uint64_t num_groups = 0;
  if (!TakeValue(in, num_groups)) return false;
  for (uint64_t g = 0; g < num_groups; ++g) {
    SampleGroup group{0, {}, {}};
    uint64_t samples = 0;
    if (!TakeValue(in, group.key) || !TakeValue(in, samples)) return false;
    for (uint64_t i = 0; i < samples; ++i) {
      double cost = 0;
      FeatureMatrix matrix;
      if (!TakeValue(in, cost) || !TakeMatrix(in, matrix)) return false;
      group.costs.push_back(cost);
      group.features.push_back(std::move(matrix));
    }
    groups.push_back(std::move(group));
  }
  return true;
}

absl::Status WriteModelFile(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.flush()) return absl::UnavailableError(StrCat("cannot write ", path));
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadModelFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(StrCat("cannot read ", path));
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

}  // namespace hone
