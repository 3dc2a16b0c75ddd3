#include "client/cli/report_json.h"

#include <cctype>
#include <nlohmann/json.hpp>

#include "client/cli/hex.h"

namespace hone::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// "FAILURE_KIND_WRONG_RESULT" without its prefix -> "wrong-result".
std::string EnumName(const std::string& name, size_t prefix) {
  std::string text;
  for (char c : name.substr(std::min(prefix, name.size()))) {
    text += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

// JSON text of a message's field; text that is not JSON stays a string.
Json Embedded(const std::string& text) {
  if (text.empty()) return nullptr;
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json(text) : json;
}

Json NumberOrNull(double value) { return value > 0 ? Json(value) : Json(nullptr); }
Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }
Json HexOrNull(const std::string& bytes) { return bytes.empty() ? Json(nullptr) : Json(ToHex(bytes)); }

Json ToJson(const v1::Slot& slot) {
  return {{"job", slot.job_id()}, {"task", slot.task()}, {"round", slot.round()}, {"slot", slot.slot()}};
}

Json ToJson(const v1::Failure& failure) {
  return {{"kind", FailureName(failure.kind())}, {"message", failure.message()}};
}

Json ToJson(const v1::TaskReport& task) {
  const bool seconds = task.metric() != v1::METRIC_INSTRUCTIONS;
  Json json = {{"name", task.name()},
               {"workload_id", HexOrNull(task.workload_id())},
               {"weight", task.weight()},
               {"trials", task.trials()},
               {"failed", task.failed()},
               {"rounds", task.rounds()},
               {"metric", MetricName(task.metric())},
               {"best", NumberOrNull(task.best())},
               {"best_record_id", HexOrNull(task.best_record_id())},
               {"baseline", NumberOrNull(task.baseline())},
               {"speedup", nullptr},
               {"flops", NumberOrNull(task.flops())},
               {"gflops", nullptr},
               {"exhausted", task.exhausted()},
               {"error", TextOrNull(task.error())},
               {"ranking", TextOrNull(task.ranking())}};
  if (task.best() > 0 && task.baseline() > 0) json["speedup"] = task.baseline() / task.best();
  if (task.best() > 0 && task.flops() > 0 && seconds) json["gflops"] = task.flops() / task.best() / 1e9;
  return json;
}

Json ToJson(const v1::JobReport& job) {
  Json json = {{"id", job.id()},
               {"name", job.name()},
               {"state", StateName(job.state())},
               {"reason", TextOrNull(job.reason())},
               {"trials", job.trials()},
               {"max_trials", job.max_trials()},
               {"created", NumberOrNull(job.created_unix_secs())},
               {"ended", NumberOrNull(job.ended_unix_secs())},
               {"tasks", Json::array()},
               {"failures", Json::array()}};
  for (const v1::TaskReport& task : job.tasks()) json["tasks"].push_back(ToJson(task));
  for (const v1::FailureCount& failure : job.failures()) {
    Json top = Json::array();
    for (const v1::FailureMessage& message : failure.top()) {
      top.push_back({{"message", message.text()}, {"count", message.count()}});
    }
    json["failures"].push_back({{"kind", FailureName(failure.kind())},
                                {"count", failure.count()},
                                {"example", failure.example()},
                                {"top", std::move(top)}});
  }
  const Coverage coverage = CoverageOf(job);
  json["coverage"] = {
      {"tasks", coverage.tasks}, {"with_best", coverage.with_best}, {"weight_share", coverage.weight_share}};
  const v1::TimeSplit& time = job.time();
  json["time"] = {{"search_secs", time.search_secs()}, {"model_secs", time.model_secs()},
                  {"build_secs", time.build_secs()},   {"run_secs", time.run_secs()},
                  {"wall_secs", time.wall_secs()},     {"run_idle_secs", time.run_idle_secs()}};
  return json;
}

Json ToJson(const v1::WorkerReport& worker) {
  Json roles = Json::array();
  for (int role : worker.roles()) roles.push_back(RoleName(static_cast<v1::Role>(role)));
  Json doing = Json::array();
  for (const std::string& line : worker.doing()) doing.push_back(line);
  return {{"name", worker.name()},
          {"roles", roles},
          {"state", worker.state()},
          {"device_class", worker.device().device_class()},
          {"target", Embedded(worker.target_json())},
          {"slots", worker.slots()},
          {"doing", doing},
          {"reason", TextOrNull(worker.reason())},
          {"canary_secs", NumberOrNull(worker.canary_secs())},
          {"canary_baseline_secs", NumberOrNull(worker.canary_baseline_secs())},
          {"finished", worker.finished()},
          {"failed", worker.failed()},
          {"connected", NumberOrNull(worker.connected_unix_secs())},
          {"last_heartbeat", NumberOrNull(worker.last_heartbeat_unix_secs())},
          {"release", worker.revisions().release()},
          {"device", Embedded(worker.device().json())}};
}

Json ToJson(const v1::QueueReport& queue) {
  return {{"role", RoleName(queue.role())},
          {"target", Embedded(queue.target_json())},
          {"waiting", queue.waiting()},
          {"workers", queue.workers()},
          {"busy", queue.busy()}};
}

Json ToJson(const v1::Measurement& measurement) {
  Json samples = Json::array();
  for (double sample : measurement.samples()) samples.push_back(sample);
  return {{"failure", measurement.has_failure() ? ToJson(measurement.failure()) : Json(nullptr)},
          {"metric", MetricName(measurement.metric())},
          {"median", NumberOrNull(measurement.median())},
          {"spread", measurement.spread()},
          {"samples", samples},
          {"number", measurement.number()},
          {"verdict", EnumName(v1::Verdict_Name(measurement.verdict()), sizeof("VERDICT_") - 1)},
          {"max_abs_error", measurement.errors().max_abs()},
          {"max_rel_error", measurement.errors().max_rel()},
          {"tolerance", measurement.errors().tolerance()},
          {"disturbed", measurement.disturbance().disturbed()},
          {"sandbox", measurement.sandbox_layers()},
          {"build_secs", measurement.build_secs()},
          {"run_secs", measurement.run_secs()}};
}

Json ToJson(const v1::TuningRecord& record) {
  Json args = Json::array();
  for (const v1::TensorInfo& arg : record.args_info()) {
    args.push_back({{"dtype", arg.dtype()}, {"shape", std::vector<int64_t>(arg.shape().begin(), arg.shape().end())}});
  }
  return {{"id", HexOrNull(record.id())},
          {"workload_id", HexOrNull(record.workload_id())},
          {"trust", TrustName(record.trust())},
          {"target", Embedded(record.target_json())},
          {"device_class", record.device().device_class()},
          {"args", args},
          {"measurement", ToJson(record.measurement())},
          {"trace", Embedded(record.trace_json())},
          {"slot", record.slot().job_id().empty() ? Json(nullptr) : ToJson(record.slot())},
          {"pool", record.ownership().pool()},
          {"tenant", record.ownership().tenant()},
          {"worker", TextOrNull(record.worker())},
          {"codegen", record.revisions().codegen()},
          {"created", NumberOrNull(record.created_unix_secs())}};
}

Json ToJson(const v1::Match& match) {
  Json json = ToJson(match.record());
  json["fit"] = FitName(match.fit());
  json["deciding_field"] = TextOrNull(match.deciding_field());
  json["workload"] = TextOrNull(match.workload().name());
  json["flops"] = NumberOrNull(match.workload().flops());
  return json;
}

template <typename Messages>
Json ArrayOf(const Messages& messages) {
  Json array = Json::array();
  for (const auto& message : messages) array.push_back(ToJson(message));
  return array;
}

template <typename Map>
Json ObjectOf(const Map& counts) {
  std::map<std::string, uint64_t> sorted(counts.begin(), counts.end());
  return Json(sorted);
}

}  // namespace

std::string StateName(v1::JobState state) { return EnumName(v1::JobState_Name(state), sizeof("JOB_STATE_") - 1); }
std::string TrustName(v1::Trust trust) { return EnumName(v1::Trust_Name(trust), sizeof("TRUST_") - 1); }
std::string FailureName(v1::FailureKind kind) {
  return EnumName(v1::FailureKind_Name(kind), sizeof("FAILURE_KIND_") - 1);
}
std::string RoleName(v1::Role role) { return EnumName(v1::Role_Name(role), sizeof("ROLE_") - 1); }
std::string MetricName(v1::Metric metric) { return EnumName(v1::Metric_Name(metric), sizeof("METRIC_") - 1); }
std::string FitName(v1::Fit fit) { return EnumName(v1::Fit_Name(fit), sizeof("FIT_") - 1); }

Coverage CoverageOf(const v1::JobReport& job) {
  Coverage coverage;
  bool sized = true;
  for (const v1::TaskReport& task : job.tasks()) sized = sized && task.flops() > 0;
  double all = 0, covered = 0;
  for (const v1::TaskReport& task : job.tasks()) {
    const double size = task.weight() * (sized ? task.flops() : 1);
    ++coverage.tasks;
    all += size;
    if (task.best() <= 0) continue;
    ++coverage.with_best;
    covered += size;
  }
  if (all > 0) coverage.weight_share = covered / all;
  return coverage;
}

std::string JobJson(const v1::JobReport& job) { return Dump(ToJson(job)); }
std::string JobsJson(const v1::ListJobsResponse& jobs) { return Dump({{"jobs", ArrayOf(jobs.jobs())}}); }
std::string WorkerJson(const v1::WorkerReport& worker) { return Dump(ToJson(worker)); }

std::string WorkersJson(const v1::ListWorkersResponse& workers) {
  return Dump({{"workers", ArrayOf(workers.workers())},
               {"queued_searches", workers.queued_searches()},
               {"queued_builds", workers.queued_builds()},
               {"queued_runs", workers.queued_runs()},
               {"queues", ArrayOf(workers.queues())}});
}

std::string JobEventJson(const v1::JobEvent& event) {
  Json json = {{"cursor", event.cursor()}, {"time", event.unix_secs()}};
  if (event.has_report()) json["report"] = ToJson(event.report());
  if (event.has_trial()) {
    const v1::TrialEvent& trial = event.trial();
    json["trial"] = {{"slot", ToJson(trial.slot())},
                     {"metric", MetricName(trial.metric())},
                     {"median", NumberOrNull(trial.median())},
                     {"failure", trial.has_failure() ? ToJson(trial.failure()) : Json(nullptr)},
                     {"best", trial.best()},
                     {"worker", TextOrNull(trial.worker())}};
  }
  if (!event.log().empty()) json["log"] = event.log();
  return Dump(json);
}

std::string MatchJson(const v1::Match& match) { return Dump(ToJson(match)); }
std::string MatchesJson(const v1::QueryResponse& matches) { return Dump({{"records", ArrayOf(matches.matches())}}); }
std::string RecordsJson(const v1::ListRecordsResponse& records) {
  return Dump({{"records", ArrayOf(records.records())}, {"cursor", records.cursor()}});
}

std::string StatsJson(const v1::StatsResponse& stats) {
  return Dump({{"workloads", stats.workloads()},
               {"records", stats.records()},
               {"by_trust", ObjectOf(stats.by_trust())},
               {"by_failure", ObjectOf(stats.by_failure())},
               {"by_device_class", ObjectOf(stats.by_device_class())}});
}

}  // namespace hone::cli
