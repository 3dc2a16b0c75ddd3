#include "client/cli/report_text.h"

#include <unistd.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "client/cli/hex.h"
#include "client/cli/report_json.h"
#include "client/cli/table.h"
#include "common/support/strings.h"

namespace hone::cli {
namespace {

double NowSecs() { return absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()); }

std::string Measured(v1::Metric metric, double value) {
  if (metric != v1::METRIC_INSTRUCTIONS) return FormatSeconds(value);
  return value > 0 ? FormatNumber(value) + " instr" : "-";
}

std::string Times(double ratio) { return ratio > 0 ? FormatNumber(ratio) + "x" : "-"; }

std::string Gflops(const v1::TaskReport& task) {
  if (task.metric() == v1::METRIC_INSTRUCTIONS || task.best() <= 0) return "-";
  return FormatNumber(task.flops() / task.best() / 1e9);
}

void AppendFailures(const v1::JobReport& job, std::string* text) {
  for (const v1::FailureCount& failure : job.failures()) {
    StrAppend(text, "  ", failure.count(), " ", FailureName(failure.kind()));
    if (failure.top_size() < 2) {
      StrAppend(text, ", such as: ", failure.example().substr(0, failure.example().find('\n')), "\n");
      continue;
    }
    StrAppend(text, ", most often:\n");
    for (const v1::FailureMessage& message : failure.top()) {
      StrAppend(text, "    ", message.count(), " x ", message.text(), "\n");
    }
  }
}

// A row a scope. Seconds are summed over workers, so that shares of the wall may go beyond 100 %.
std::string TimeTable(const v1::TimeSplit& time) {
  Table table({"  where time went", "seconds", "of the wall"});
  const auto add = [&](const char* scope, double secs) {
    table.Add({StrCat("  ", scope), FormatSeconds(secs),
               time.wall_secs() > 0 && secs > 0 ? StrCat(FormatNumber(secs / time.wall_secs() * 100), " %") : "-"});
  };
  add("searching", time.search_secs());
  add("training the cost model", time.model_secs());
  add("building", time.build_secs());
  add("measuring", time.run_secs());
  add("devices idle with work owed", time.run_idle_secs());
  add("wall", time.wall_secs());
  return table.ToString();
}

std::string BestOf(const v1::JobReport& job) {
  std::string text;
  for (const v1::TaskReport& task : job.tasks()) {
    if (task.best() <= 0) continue;
    StrAppend(&text, text.empty() ? "" : ", ", task.name(), " ", Measured(task.metric(), task.best()));
  }
  return text.empty() ? "nothing measured yet" : "best: " + text;
}

int64_t Failed(const v1::JobReport& job) {
  int64_t failed = 0;
  for (const v1::TaskReport& task : job.tasks()) failed += task.failed();
  return failed;
}

}  // namespace

std::string JobsTable(const v1::ListJobsResponse& jobs) {
  Table table({"job", "name", "state", "trials", "tasks", "created", "note"});
  for (const v1::JobReport& job : jobs.jobs()) {
    table.Add({job.id(), job.name(), StateName(job.state()), StrCat(job.trials(), "/", job.max_trials()),
               StrCat(job.tasks_size()), FormatAgo(job.created_unix_secs(), NowSecs()), job.reason()});
  }
  return table.empty() ? "no jobs\n" : table.ToString();
}

std::string JobSummary(const v1::JobReport& job) {
  std::string text =
      StrCat("job ", job.id(), job.name().empty() ? "" : " (" + job.name() + ")", ": ", StateName(job.state()), ", ",
             job.trials(), " of ", job.max_trials(), " trials", job.reason().empty() ? "" : ": " + job.reason(), "\n");
  Table table({"task", "trials", "failed", "unscheduled", "best", "speed-up", "GFLOP/s", "record"});
  for (const v1::TaskReport& task : job.tasks()) {
    const double speedup = task.best() > 0 && task.baseline() > 0 ? task.baseline() / task.best() : 0;
    table.Add({task.name(), StrCat(task.trials()), StrCat(task.failed()), Measured(task.metric(), task.baseline()),
               Measured(task.metric(), task.best()), Times(speedup), Gflops(task),
               task.best_record_id().empty() ? "-" : ShortHex(task.best_record_id())});
  }
  text += table.ToString();
  for (const v1::TaskReport& task : job.tasks()) {
    if (!task.error().empty()) StrAppend(&text, "  ", task.name(), ": ", task.error(), "\n");
    if (!task.ranking().empty()) StrAppend(&text, "  ", task.name(), ": ", task.ranking(), "\n");
  }
  const Coverage coverage = CoverageOf(job);
  StrAppend(&text, "  coverage: ", coverage.with_best, " of ", coverage.tasks, " tasks have a best program, ",
            FormatNumber(coverage.weight_share * 100), " % of the weighted work\n");
  AppendFailures(job, &text);
  return text + TimeTable(job.time());
}

// The first lease and how many more; for one that is out of service, why.
static std::string DoingOf(const v1::WorkerReport& worker) {
  if (!worker.reason().empty()) return worker.reason();
  if (worker.doing().empty()) return "";
  return worker.doing_size() == 1 ? worker.doing(0)
                                  : StrCat(worker.doing(0), " and ", worker.doing_size() - 1, " more");
}

std::string WorkersTable(const v1::ListWorkersResponse& workers) {
  Table table({"worker", "roles", "state", "device", "finished", "failed", "heartbeat", "doing"});
  for (const v1::WorkerReport& worker : workers.workers()) {
    std::string roles;
    for (int role : worker.roles()) {
      StrAppend(&roles, roles.empty() ? "" : ",", RoleName(static_cast<v1::Role>(role)));
    }
    table.Add({worker.name(), roles, worker.state(), worker.device().device_class(), StrCat(worker.finished()),
               StrCat(worker.failed()), FormatAgo(worker.last_heartbeat_unix_secs(), NowSecs()), DoingOf(worker)});
  }
  std::string text = table.empty() ? "no workers\n" : table.ToString();
  StrAppend(&text, "waiting: ", workers.queued_searches(), " searches, ", workers.queued_builds(), " builds, ",
            workers.queued_runs(), " runs\n");
  for (const v1::QueueReport& queue : workers.queues()) {
    StrAppend(&text, "  ", queue.waiting(), " ", RoleName(queue.role()), " for ", queue.target_json(), ": ",
              queue.busy(), " of ", queue.workers(), " workers are busy\n");
  }
  return text;
}

// "suggested (mcpu)": the field that made it less than exact. "-" where nobody asked for a device.
static std::string FitText(const v1::Match& match) {
  if (match.fit() == v1::FIT_UNSPECIFIED) return "-";
  if (match.deciding_field().empty()) return FitName(match.fit());
  return StrCat(FitName(match.fit()), " (", match.deciding_field(), ")");
}

std::string MatchesTable(const v1::QueryResponse& matches) {
  Table table({"record", "workload", "latency", "spread", "GFLOP/s", "trust", "fit", "device", "measured"});
  for (const v1::Match& match : matches.matches()) {
    const v1::TuningRecord& record = match.record();
    const v1::Measurement& measured = record.measurement();
    const bool rate = measured.metric() != v1::METRIC_INSTRUCTIONS && measured.median() > 0;
    table.Add({ShortHex(record.id()), match.workload().name(), Measured(measured.metric(), measured.median()),
               measured.spread() > 0 ? StrCat(FormatNumber(measured.spread() * 100), " %") : "-",
               rate ? FormatNumber(match.workload().flops() / measured.median() / 1e9) : "-", TrustName(record.trust()),
               FitText(match), record.device().device_class(), FormatAgo(record.created_unix_secs(), NowSecs())});
  }
  return table.empty() ? "no records\n" : table.ToString();
}

std::string RecordsTable(const v1::ListRecordsResponse& records) {
  Table table({"record", "workload", "latency", "trust", "device", "job", "measured"});
  for (const v1::TuningRecord& record : records.records()) {
    const v1::Measurement& measured = record.measurement();
    table.Add({ShortHex(record.id()), ShortHex(record.workload_id()),
               measured.has_failure() ? FailureName(measured.failure().kind())
                                      : Measured(measured.metric(), measured.median()),
               TrustName(record.trust()), record.device().device_class(), record.slot().job_id(),
               FormatAgo(record.created_unix_secs(), NowSecs())});
  }
  return table.empty() ? "no records\n" : table.ToString();
}

JobProgress::JobProgress(std::FILE* out) : out_(out), terminal_(isatty(fileno(out)) != 0) {}

void JobProgress::Update(const v1::JobReport& job) {
  const int64_t failed = Failed(job);
  std::string counts = StrCat(job.trials(), "/", job.max_trials(), " trials");
  if (failed > 0) StrAppend(&counts, ", ", failed, " failed");
  std::string state = job.state() == v1::JOB_STATE_RUNNING ? "" : StateName(job.state()) + ", ";
  std::string waits = job.reason().empty() ? "" : " (" + job.reason() + ")";
  if (terminal_) {
    constexpr int kWidth = 24;
    const double share =
        job.max_trials() > 0 ? std::clamp(double(job.trials()) / double(job.max_trials()), 0.0, 1.0) : 0;
    const int full = static_cast<int>(share * kWidth);
    std::fprintf(out_, "\r\033[K[%s%s] %s%s, %s%s", std::string(full, '#').c_str(),
                 std::string(kWidth - full, '.').c_str(), state.c_str(), counts.c_str(), BestOf(job).c_str(),
                 waits.c_str());
    std::fflush(out_);
    bar_shown_ = true;
    return;
  }
  std::string line = StrCat(state, counts, ", ", BestOf(job), waits);
  if (line == last_ || absl::Now() - last_shown_ < absl::Seconds(2)) return;
  std::fprintf(out_, "%s\n", line.c_str());
  last_ = line;
  last_shown_ = absl::Now();
}

void JobProgress::Line(const std::string& text) {
  if (bar_shown_) std::fprintf(out_, "\r\033[K");
  std::fprintf(out_, text.empty() || text.back() != '\n' ? "%s\n" : "%s", text.c_str());
  bar_shown_ = false;
}

void JobProgress::Finish() {
  if (bar_shown_) std::fputc('\n', out_);
  bar_shown_ = false;
}

}  // namespace hone::cli
