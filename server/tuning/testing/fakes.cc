#include "server/tuning/testing/fakes.h"

#include <cstdlib>
#include <thread>

#include "absl/time/clock.h"
#include "common/support/strings.h"

namespace hone::testing {
namespace {

constexpr char kSkeleton[] = R"([[["GetBlock",[],["C","main"],["b0"]]],[]])";

bool Contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

class FakeSession final : public SearchSession {
 public:
  explicit FakeSession(SearchTaskSpec spec) : spec_(std::move(spec)) {}

  std::vector<std::pair<Digest, std::string>> Skeletons() const override { return {{Sha256(kSkeleton), kSkeleton}}; }

  absl::StatusOr<SearchRound> NextRound(int round, absl::Span<const std::vector<SearchResult>> results) override {
    if (Contains(spec_.workload_script, "crash")) std::abort();
    if (Contains(spec_.workload_script, "slow")) absl::SleepFor(absl::Seconds(2));
    std::string history = StrCat(spec_.seed, " ", spec_.task_index, ":");
    for (const auto& r : results) {
      for (const SearchResult& result : r) StrAppend(&history, result.failure ? -1 : result.median_secs, ",");
    }
    SearchRound found;
    if (Contains(spec_.workload_script, "empty")) return found;
    std::string tag = Sha256(history).Hex().substr(0, 8);
    for (int slot = 0; slot < spec_.trials_per_round; ++slot) {
      found.candidates.push_back({Sha256(kSkeleton), StrCat("[[0,[", round, ",", slot, ",\"", tag, "\"]]]"), 0.5});
    }
    found.log = StrCat("round ", round);
    found.search_secs = 0.01;
    return found;
  }

 private:
  const SearchTaskSpec spec_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SearchSession>> OpenFakeSession(const SearchTaskSpec& spec) {
  if (Contains(spec.workload_script, "bad")) return absl::InvalidArgumentError("line 1, column 1: bad workload");
  return std::make_unique<FakeSession>(spec);
}

double FakeMedian(const std::string& trace_json) {
  Digest digest = Sha256(trace_json);
  return digest.bytes[0] < 16 ? -1 : 1e-5 * (1 + digest.bytes[1] * 256 + digest.bytes[2]);
}

std::vector<BuildResult> FakeBuilder::Build(absl::Span<const BuildRequest> requests) {
  std::vector<BuildResult> results;
  for (const BuildRequest& request : requests) {
    ++builds;
    absl::SleepFor(takes);
    BuildResult& result = results.emplace_back();
    result.build_time = absl::Milliseconds(1);
    if (Sha256(request.trace_json).bytes[3] < 8 && !request.trace_json.empty()) {
      result.failure = Failure{FailureKind::kBuild, "the fake compiler refuses"};
      continue;
    }
    result.artifact = Artifact{
        Sha256(StrCat("artifact ", request.trace_json)), "fake", request.trace_json, "main", {{"float32", {4}}}, "{}"};
  }
  return results;
}

RunResult FakeRunner::Run(const RunRequest& request) {
  ++runs;
  absl::SleepFor(takes);
  RunResult result;
  result.run_time = absl::Milliseconds(1);
  double median = FakeMedian(request.artifact.bytes);
  if (median < 0) {
    result.failure = Failure{FailureKind::kCrash, "killed by signal 11"};
    return result;
  }
  result.median = median;
  result.samples = {median};
  result.number = 1;
  result.verdict = Verdict::kRight;
  return result;
}

}  // namespace hone::testing
