#include "client/cli/tune_remote.h"

#include <cstdio>
#include <random>

#include "absl/time/clock.h"
#include "client/cli/exit_code.h"
#include "client/cli/inspect/case.h"
#include "client/cli/interrupt.h"
#include "client/cli/post_optimize.h"
#include "client/cli/report_json.h"
#include "client/cli/watch.h"
#include "client/cpp/tuning_client.h"
#include "common/support/strings.h"
#include "server/wire/jobs_wire.h"

namespace hone::cli {
namespace {

// Names this submission, so that repeating it after a lost answer gives the same job.
std::string RequestId() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) StrAppend(&id, absl::Hex(random(), absl::kZeroPad8));
  return id;
}

absl::StatusOr<std::string> Submit(TuningClient& client, const JobDefinition& job) {
  v1::SubmitJobRequest request;
  *request.mutable_spec() = ToProto(job);
  request.set_request_id(RequestId());
  constexpr int kAttempts = 3;
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<v1::SubmitJobResponse> response = client.SubmitJob(request);
    if (response.ok()) return response->job_id();
    if (response.status().code() != absl::StatusCode::kUnavailable || attempt == kAttempts) return response.status();
    absl::SleepFor(absl::Milliseconds(300 * attempt));
  }
}

}  // namespace

int TuneRemote(const std::shared_ptr<Connection>& connection, const JobDefinition& job, const RemoteOptions& options) {
  TuningClient client(connection);
  absl::StatusOr<std::string> id = Submit(client, job);
  if (!id.ok()) return Report(id.status());
  std::fprintf(stderr, "job %s submitted\n", id->c_str());
  if (options.detach) {
    std::printf(options.json ? "{\"id\": %s}\n" : "%s\n", (options.json ? JsonString(*id) : *id).c_str());
    return kExitOk;
  }
  const int code = WatchToEnd(client, *id, /*json=*/false, /*summary=*/!options.json);
  if (options.post_optimization && code == kExitOk) {
    // Droplet search works from this process: each of its batches is a job of its own.
    const absl::Status improved = PostOptimizeOnFarm(job, *id, connection);
    if (!improved.ok()) return Report(improved);
  }
  // --json promises one document: the report at the end.
  if (options.json && code != kExitInterrupted) {
    absl::StatusOr<v1::JobReport> report = client.GetJob(*id);
    if (!report.ok()) return Report(report.status());
    std::printf("%s\n", JobJson(*report).c_str());
  }
  return code;
}

}  // namespace hone::cli
