// Candidates built a second by one compile process: script and trace in, loadable object out, no cache.
//   builds [--workload "GMM:2"] [--count 128] [--target TARGET]
// Candidates are those of the replay-trace strategy with seed 0, design spaces of kind llvm.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/script/printer.h"
#include "common/support/log.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "common/workload/standard.h"
#include "server/search/search_service.h"
#include "worker/builder/build_one.h"
#include "worker/builder/local_builder.h"

namespace hone::bench {
namespace {

absl::StatusOr<std::vector<BuildRequest>> Candidates(const std::string& script, const std::string& target, int count) {
  SearchTaskSpec spec;
  spec.task_name = "builds";
  spec.workload_script = script;
  spec.target_json = target;
  spec.strategy = "replay-trace";
  spec.cost_model = "none";
  spec.max_trials = count;
  spec.trials_per_round = count;
  absl::StatusOr<std::unique_ptr<SearchSession>> session = OpenSearchSession(spec);
  if (!session.ok()) return session.status();
  absl::StatusOr<SearchRound> round = (*session)->NextRound(0, {});
  if (!round.ok()) return round.status();
  std::map<Digest, std::string> skeletons;
  for (const auto& [id, json] : (*session)->Skeletons()) skeletons[id] = json;
  std::vector<BuildRequest> requests;
  for (const SearchCandidate& candidate : round->candidates) {
    BuildRequest request;
    request.workload_script = script;
    request.trace_json = JoinTraceJson(skeletons[candidate.skeleton_id], candidate.decisions_json);
    request.target_json = target;
    requests.push_back(std::move(request));
  }
  return requests;
}

int Main(int argc, char** argv) {
  std::string workload = "GMM:2", target = DetectHost().ToString();
  int count = 128;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--workload") == 0) workload = argv[i + 1];
    if (std::strcmp(argv[i], "--target") == 0) target = argv[i + 1];
    if (std::strcmp(argv[i], "--count") == 0) count = std::atoi(argv[i + 1]);
  }
  SetLogLevel(LogLevel::kWarning);
  builder::LocalBuilderOptions options;
  options.workers = 1;
  options.cache_bytes = 0;
  options.pause_while_timing = false;
  auto builder = builder::LocalBuilder::Create(builder::BuildOne, builder::WarmUpCompiler, options);
  const absl::StatusOr<ir::IRModule> module = workload::StandardByLabel(workload);
  const absl::StatusOr<Target> parsed = Target::Parse(target);
  for (const absl::Status& status : {builder.status(), module.status(), parsed.status()}) {
    if (status.ok()) continue;
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  const auto requests = Candidates(script::PrintModule(*module), parsed->ToJson(), count);
  if (!requests.ok()) {
    std::fprintf(stderr, "%s\n", requests.status().ToString().c_str());
    return 1;
  }
  const absl::Time start = absl::Now();
  const std::vector<BuildResult> results = (*builder)->Build(*requests);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  int failed = 0;
  uint64_t bytes = 0;
  for (const BuildResult& result : results) {
    failed += result.failure.has_value() ? 1 : 0;
    if (result.failure.has_value()) std::printf("failed: %s\n", result.failure->message.c_str());
    if (result.artifact.has_value()) bytes += result.artifact->bytes.size();
  }
  std::printf("%s: %zu candidates in %.2f s, %.1f a second and core, %d failed, %.1f KiB an object\n", workload.c_str(),
              results.size(), seconds, static_cast<double>(results.size()) / seconds, failed,
              static_cast<double>(bytes) / 1024 / static_cast<double>(results.size()));
  return 0;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::Main(argc, argv); }
