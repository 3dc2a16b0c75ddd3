#include "server/cost_model/random_model.h"

#include <fstream>

#include "common/support/random.h"
#include "common/support/strings.h"

namespace hone {

absl::Status RandomModel::Update(uint64_t, absl::Span<const FeatureMatrix>, absl::Span<const double>) {
  return absl::OkStatus();
}

std::vector<double> RandomModel::Predict(absl::Span<const FeatureMatrix> candidates, uint64_t draw) {
  std::vector<double> scores;
  scores.reserve(candidates.size());
  CounterRandom random({seed_, 0x72616e64, draw});
  for (size_t i = 0; i < candidates.size(); ++i) scores.push_back(random.Unit() * max_range_);
  return scores;
}

absl::Status RandomModel::Save(const std::string& path) const {
  std::ofstream out(path);
  out << "hone-random-model 1 " << seed_ << "\n";
  if (!out.flush()) return absl::UnavailableError(StrCat("cannot write ", path));
  return absl::OkStatus();
}

absl::Status RandomModel::Load(const std::string& path) {
  std::ifstream in(path);
  std::string word;
  int version = 0;
  uint64_t seed = 0;
  if (!(in >> word >> version >> seed) || word != "hone-random-model" || version != 1) {
    return absl::InvalidArgumentError(StrCat(path, " is no saved random model"));
  }
  seed_ = seed;
  return absl::OkStatus();
}

}  // namespace hone
