#include "client/cli/watch.h"

#include <cstdio>

#include "client/cli/exit_code.h"
#include "client/cli/interrupt.h"
#include "client/cli/report_json.h"
#include "client/cli/report_text.h"

namespace hone::cli {

int WatchToEnd(TuningClient& client, const std::string& job_id, bool json, bool summary) {
  const std::atomic<bool>& interrupted = CatchInterrupt();
  JobProgress progress(stderr);
  v1::JobReport last;
  absl::Status status = client.WatchJob(job_id, interrupted, absl::Seconds(60), [&](const v1::JobEvent& event) {
    if (json) {
      std::printf("%s\n", JobEventJson(event).c_str());
      std::fflush(stdout);
    } else {
      if (!event.log().empty()) progress.Line(event.log());
      if (event.has_report()) progress.Update(event.report());
    }
    if (event.has_report()) last = event.report();
  });
  progress.Finish();
  if (status.code() == absl::StatusCode::kCancelled) {
    std::fprintf(stderr, "detached; the job goes on. Watch it again with: hone jobs watch %s\n", job_id.c_str());
    return kExitInterrupted;
  }
  if (!status.ok()) return Report(status);
  if (!json && summary) std::fputs(JobSummary(last).c_str(), stdout);
  return last.state() == v1::JOB_STATE_DONE ? kExitOk : kExitFailed;
}

}  // namespace hone::cli
