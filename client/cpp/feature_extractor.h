// Features of candidates (reference/costmodel.md section 4).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cpp/measure_candidate.h"
#include "server/cost_model/features.h"

namespace hone::meta_schedule {

class TuneContext;

// Derive from it for features of your own. May be called from several threads.
class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;
  // One matrix a candidate, rows x width; the same width for all.
  virtual absl::StatusOr<std::vector<FeatureMatrix>> ExtractFrom(const TuneContext& context,
                                                                 absl::Span<const MeasureCandidate> candidates) = 0;

  // "per-store-feature" (default): 164 columns, 172 with `extract_workload`. InvalidArgument for another kind.
  static absl::StatusOr<std::unique_ptr<FeatureExtractor>> Create(std::string_view kind = "per-store-feature",
                                                                  bool extract_workload = false);
};

}  // namespace hone::meta_schedule
