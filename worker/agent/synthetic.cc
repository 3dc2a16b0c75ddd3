#include "worker/agent/synthetic.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr char kSkeleton[] = R"([[["GetBlock",[],["C","main"],["b0"]]],[]])";

class SyntheticSession final : public SearchSession {
 public:
  explicit SyntheticSession(SearchTaskSpec spec) : spec_(std::move(spec)) {}

  std::vector<std::pair<Digest, std::string>> Skeletons() const override { return {{Sha256(kSkeleton), kSkeleton}}; }

  absl::StatusOr<SearchRound> NextRound(int round, absl::Span<const std::vector<SearchResult>> results) override {
    std::string history = StrCat(spec_.seed, " ", spec_.task_index, ":");
    for (const auto& one : results) {
      for (const SearchResult& result : one) StrAppend(&history, result.failure ? -1 : result.median_secs, ",");
    }
    std::string tag = Sha256(history).Hex().substr(0, 8);
    SearchRound found;
    for (int slot = 0; slot < spec_.trials_per_round; ++slot) {
      found.candidates.push_back({Sha256(kSkeleton), StrCat("[[0,[", round, ",", slot, ",\"", tag, "\"]]]"), 0});
    }
    return found;
  }

 private:
  const SearchTaskSpec spec_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SearchSession>> OpenSyntheticSession(const SearchTaskSpec& spec) {
  return std::make_unique<SyntheticSession>(spec);
}

std::vector<BuildResult> SyntheticBuilder::Build(absl::Span<const BuildRequest> requests) {
  std::vector<BuildResult> results;
  for (const BuildRequest& request : requests) {
    BuildResult& result = results.emplace_back();
    result.artifact = Artifact{Sha256(StrCat("synthetic ", request.trace_json)),
                               "synthetic",
                               request.trace_json,
                               "main",
                               {{"float32", {4}}},
                               "{}"};
  }
  return results;
}

RunResult SyntheticRunner::Run(const RunRequest& request) {
  absl::SleepFor(takes_);
  RunResult result;
  result.run_time = takes_;
  Digest digest = Sha256(request.artifact.bytes);
  if (digest.bytes[0] < 8) {
    result.failure = Failure{FailureKind::kCrash, "synthetic crash"};
    return result;
  }
  result.median = 1e-6 * (1 + digest.bytes[1] * 256 + digest.bytes[2]);
  result.samples = {result.median};
  result.number = 1;
  result.verdict = Verdict::kRight;
  return result;
}

}  // namespace hone
