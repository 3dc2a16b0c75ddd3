#include "server/cost_model/cost_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/support/strings.h"
#include "server/cost_model/mlp_model.h"
#include "server/cost_model/random_model.h"
#include "server/cost_model/xgb_model.h"

namespace hone {
namespace {

// Average ranks (ties share their mean rank), 1-based.
std::vector<double> Ranks(absl::Span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t j = i;
    while (j < order.size() && values[order[j]] == values[order[i]]) ++j;
    for (size_t k = i; k < j; ++k) ranks[order[k]] = (static_cast<double>(i + j) + 1) / 2;
    i = j;
  }
  return ranks;
}

double BestOfTop(absl::Span<const double> scores, absl::Span<const double> costs, size_t k) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  double best = HUGE_VAL;
  for (size_t i = 0; i < std::min(k, order.size()); ++i) best = std::min(best, costs[order[i]]);
  return *std::min_element(costs.begin(), costs.end()) / best;
}

}  // namespace

RankQuality MeasureRanking(absl::Span<const double> scores, absl::Span<const double> costs) {
  RankQuality q;
  q.candidates = static_cast<int>(scores.size());
  if (scores.size() < 2) return q;
  std::vector<double> speed(costs.size());
  std::transform(costs.begin(), costs.end(), speed.begin(), [](double c) { return 1 / c; });
  const std::vector<double> a = Ranks(scores);
  const std::vector<double> b = Ranks(speed);
  const double mean = (static_cast<double>(a.size()) + 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  q.spearman = aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
  q.top_1 = BestOfTop(scores, costs, 1);
  q.top_8 = BestOfTop(scores, costs, 8);
  return q;
}

// Trees on fewer samples than these rank worse than the prior alone.
constexpr int kWarmUpWithPrior = 32;

absl::StatusOr<std::unique_ptr<CostModel>> MakeCostModel(std::string_view kind, uint64_t seed, std::string_view prior) {
  if (kind == "none") return std::unique_ptr<CostModel>();
  if (kind == "random") return std::unique_ptr<CostModel>(std::make_unique<RandomModel>(seed));
  if (kind == "xgb") {
    XgbConfig config;
    if (!prior.empty()) {
      config.prior = prior;
      config.num_warmup_samples = kWarmUpWithPrior;
    }
    return std::unique_ptr<CostModel>(std::make_unique<XgbModel>(config, seed));
  }
  if (kind == "mlp") return std::unique_ptr<CostModel>(std::make_unique<MlpModel>(MlpConfig{}, seed));
  return absl::InvalidArgumentError(StrCat("cost model \"", kind, "\", expected one of xgb, mlp, random, none"));
}

}  // namespace hone
