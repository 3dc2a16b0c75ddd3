#include "client/cpp/post_optimization.h"

#include <cmath>
#include <filesystem>
#include <utility>

#include "client/cpp/task_scheduler.h"
#include "common/intrin/intrin.h"
#include "common/measure/paired.h"
#include "common/schedule/trace_json.h"
#include "common/support/profiler.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/search/candidate_factory.h"
#include "server/search/droplet.h"

namespace hone::meta_schedule {
namespace {

void RemoveArtifact(const BuilderResult& build) {
  std::error_code error;
  if (build.artifact_path.has_value()) {
    std::filesystem::remove_all(std::filesystem::path(*build.artifact_path).parent_path(), error);
  }
}

// One task's walk.
class Walk {
 public:
  Walk(TuneContext& context, Database& database, Builder& builder, Runner& runner,
       const PostOptimizationOptions& options)
      : context_(context), database_(database), builder_(builder), runner_(runner), options_(options) {}
  ~Walk() {
    RemoveArtifact(best_build_);
    for (const BuilderResult& build : builds_) RemoveArtifact(build);
  }

  // {before, after} in seconds.
  absl::StatusOr<std::pair<double, double>> Run(const TuningRecord& start) {
    workload_ = start.workload;
    schedule::ScheduleOptions options;
    options.intrinsics = FindTensorIntrin;
    options.seed = 1;
    HONE_ASSIGN_OR_RETURN(schedule::Schedule sch, schedule::Schedule::Create(context_.mod(), options));
    factory_ =
        std::make_unique<CandidateFactory>(std::move(sch), context_.target(), *context_.space_generator(), false);
    HONE_ASSIGN_OR_RETURN(const schedule::Trace trace, schedule::TraceFromJson(start.trace_json));
    RunnerResult recorded;
    recorded.run_secs = start.run_secs;
    const double before = MedianSeconds(recorded);
    HONE_ASSIGN_OR_RETURN(best_candidate_, start.AsMeasureCandidate());
    best_build_ = std::move(builder_.Build({InputOf(best_candidate_)})[0]);
    if (best_build_.error_msg.has_value()) {
      return absl::FailedPreconditionError(StrCat("the best record does not build: ", *best_build_.error_msg));
    }
    DropletSearch search(trace, before, options_.trials, context_.num_threads());
    for (auto batch = search.NextBatch(); !batch.empty(); batch = search.NextBatch()) {
      HONE_ASSIGN_OR_RETURN(const auto costs, Measure(search, batch));
      absl::Status status;
      search.Report(costs, [&](int i) {
        absl::StatusOr<bool> faster = IsFaster(i);
        status.Update(faster.status());
        return faster.ok() && *faster;
      });
      HONE_RETURN_IF_ERROR(status);
    }
    return std::make_pair(before, search.best_cost());
  }

 private:
  BuilderInput InputOf(const MeasureCandidate& candidate) const {
    BuilderInput input{candidate.sch->module(), context_.target()};
    input.workload = context_.mod();
    input.trace_json = schedule::TraceToJson(candidate.sch->trace()).value_or("");
    return input;
  }

  RunnerInput RunInput(const MeasureCandidate& candidate, const BuilderResult& build) const {
    return {*build.artifact_path, context_.target().kind(), candidate.args_info};
  }

  // Builds, runs and records the points; nullopt for those that are no candidates or fail.
  absl::StatusOr<std::vector<std::optional<double>>> Measure(const DropletSearch& search,
                                                             const std::vector<DropletSearch::Point>& batch) {
    for (const BuilderResult& build : builds_) RemoveArtifact(build);
    candidates_.assign(batch.size(), {});
    builds_.assign(batch.size(), {std::nullopt, "not a candidate"});
    std::vector<BuilderInput> inputs;
    std::vector<size_t> of;
    for (size_t i = 0; i < batch.size(); ++i) {
      absl::StatusOr<schedule::Schedule> sch = factory_->FinalSchedule(*search.TraceOf(batch[i]));
      if (!sch.ok()) continue;  // A primitive or a postproc refuses this neighbour.
      HONE_ASSIGN_OR_RETURN(candidates_[i], MakeMeasureCandidate(*std::move(sch)));
      inputs.push_back(InputOf(candidates_[i]));
      of.push_back(i);
    }
    std::vector<BuilderResult> built = builder_.Build(inputs);
    std::vector<RunnerInput> runs;
    std::vector<size_t> run_of;
    for (size_t k = 0; k < of.size(); ++k) {
      builds_[of[k]] = std::move(built[k]);
      if (builds_[of[k]].error_msg.has_value()) continue;
      runs.push_back(RunInput(candidates_[of[k]], builds_[of[k]]));
      run_of.push_back(of[k]);
    }
    std::vector<std::optional<double>> costs(batch.size());
    const std::vector<std::shared_ptr<RunnerFuture>> futures = runner_.Run(runs);
    for (size_t k = 0; k < futures.size(); ++k) {
      const RunnerResult result = futures[k]->Result();
      if (!result.error_msg.has_value()) costs[run_of[k]] = MedianSeconds(result);
      HONE_RETURN_IF_ERROR(Commit(candidates_[run_of[k]], result));
    }
    return costs;
  }

  absl::Status Commit(const MeasureCandidate& candidate, const RunnerResult& result) {
    TuningRecord record;
    HONE_ASSIGN_OR_RETURN(record.trace_json, schedule::TraceToJson(candidate.sch->trace()));
    record.workload = workload_;
    record.target = context_.target();
    record.args_info = candidate.args_info;
    record.run_secs = result.run_secs.value_or(std::vector<double>{kFailedCost});
    record.stored = StoredRecord(result, runner_.DeviceFingerprintJson());
    record.stored->created_by = "post-optimization";
    return database_.CommitTuningRecord(record);
  }

  // Whether point `i` of the last batch is faster than the best so far; then it takes its place.
  absl::StatusOr<bool> IsFaster(int i) {
    std::vector<RunnerInput> runs;
    for (int pair = 0; pair < options_.pairs; ++pair) {
      for (const bool candidate : {pair % 2 == 0, pair % 2 != 0}) {
        runs.push_back(candidate ? RunInput(candidates_[i], builds_[i]) : RunInput(best_candidate_, best_build_));
      }
    }
    const std::vector<std::shared_ptr<RunnerFuture>> futures = runner_.Run(runs);
    std::vector<double> log_ratios;
    for (int pair = 0; pair < options_.pairs; ++pair) {
      const RunnerResult first = futures[2 * pair]->Result();
      const RunnerResult second = futures[2 * pair + 1]->Result();
      if (first.error_msg.has_value() || second.error_msg.has_value()) continue;
      const double ratio = std::log(MedianSeconds(first) / MedianSeconds(second));
      log_ratios.push_back(pair % 2 == 0 ? ratio : -ratio);
    }
    if (static_cast<int>(log_ratios.size()) < 5 || !CompareLogRatios(log_ratios).a_is_faster()) return false;
    RemoveArtifact(best_build_);
    best_build_ = std::exchange(builds_[i], {std::nullopt, "taken"});
    best_candidate_ = candidates_[i];
    return true;
  }

  TuneContext& context_;
  Database& database_;
  Builder& builder_;
  Runner& runner_;
  const PostOptimizationOptions options_;
  Workload workload_;
  std::unique_ptr<CandidateFactory> factory_;
  MeasureCandidate best_candidate_;
  BuilderResult best_build_;
  std::vector<MeasureCandidate> candidates_;  // Of the last batch.
  std::vector<BuilderResult> builds_;
};

}  // namespace

absl::StatusOr<std::string> PostOptimize(const std::vector<std::shared_ptr<TuneContext>>& tasks, Database& database,
                                         Builder& builder, Runner& runner, const PostOptimizationOptions& options) {
  std::vector<std::vector<std::string>> rows = {{"ID", "Name", "Before (us)", "After (us)", "Speed-up"}, {}};
  for (size_t i = 0; i < tasks.size(); ++i) {
    HONE_ASSIGN_OR_RETURN(const Workload workload, database.CommitWorkload(tasks[i]->mod()));
    HONE_ASSIGN_OR_RETURN(const std::vector<TuningRecord> best, database.GetTopK(workload, 1));
    if (best.empty()) {
      rows.push_back({StrCat(i), tasks[i]->task_name(), "N/A", "N/A", "N/A"});
      continue;
    }
    Walk walk(*tasks[i], database, builder, runner, options);
    HONE_ASSIGN_OR_RETURN(const auto times, walk.Run(best[0]));
    rows.push_back({StrCat(i), tasks[i]->task_name(), FourDecimals(times.first * 1e6), FourDecimals(times.second * 1e6),
                    FourDecimals(times.first / times.second)});
  }
  rows.push_back({});
  return FormatPeerTable(rows);
}

}  // namespace hone::meta_schedule
