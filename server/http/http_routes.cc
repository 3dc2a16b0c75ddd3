#include "server/http/http_routes.h"

#include <httplib.h>

#include <cstdio>
#include <string_view>
#include <utility>

#include "common/support/strings.h"

namespace hone {
namespace {

void AddMetric(std::string& text, std::string_view name, std::string_view type, std::string_view help, double value) {
  char number[64];
  std::snprintf(number, sizeof(number), "%.17g", value);
  StrAppend(&text, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n", name, " ", number, "\n");
}

}  // namespace

std::string MetricsText(const DriverStats& s) {
  std::string text;
  AddMetric(text, "hone_workers", "gauge", "Connected workers.", static_cast<double>(s.workers));
  AddMetric(text, "hone_leases", "gauge", "Leases that workers hold.", static_cast<double>(s.leases));
  AddMetric(text, "hone_jobs", "gauge", "Jobs in memory.", static_cast<double>(s.jobs));
  AddMetric(text, "hone_queued_searches", "gauge", "Rounds that wait for a search worker.",
            static_cast<double>(s.queues.searches));
  AddMetric(text, "hone_queued_builds", "gauge", "Candidates that wait for a builder.",
            static_cast<double>(s.queues.builds));
  AddMetric(text, "hone_queued_runs", "gauge", "Artifacts that wait for a device.", static_cast<double>(s.queues.runs));
  AddMetric(text, "hone_store_away", "gauge", "1 while the store does not answer.", s.store_away ? 1 : 0);
  AddMetric(text, "hone_quarantined_workers", "gauge", "Workers that get nothing because of faults or drift.",
            static_cast<double>(s.quarantined_workers));
  AddMetric(text, "hone_leader_epoch", "gauge", "Grows with every server that takes the lead.",
            static_cast<double>(s.leader_epoch));
  AddMetric(text, "hone_pending_writes", "gauge", "Writes that wait for the store.",
            static_cast<double>(s.pending_writes));
  AddMetric(text, "hone_lost_leases_total", "counter", "Leases that ended without an outcome.",
            static_cast<double>(s.counts.lost));
  AddMetric(text, "hone_late_outcomes_total", "counter", "Outcomes that came after their lease and did not count.",
            static_cast<double>(s.counts.late));
  AddMetric(text, "hone_straggler_leases_total", "counter", "Slow leases that were given out a second time.",
            static_cast<double>(s.counts.stragglers));
  AddMetric(text, "hone_quarantined_candidates_total", "counter", "Candidates that lost all their leases.",
            static_cast<double>(s.counts.quarantined_slots));
  AddMetric(text, "hone_canaries_total", "counter", "Canary kernels timed.", static_cast<double>(s.counts.canaries));
  AddMetric(text, "hone_canary_failures_total", "counter", "Canary kernels that failed.",
            static_cast<double>(s.counts.canary_failures));
  AddMetric(text, "hone_commits_total", "counter", "Transactions.", static_cast<double>(s.commits));
  AddMetric(text, "hone_commit_failures_total", "counter", "Transactions that were tried again.",
            static_cast<double>(s.commit_failures));
  AddMetric(text, "hone_commit_seconds_total", "counter", "Time in transactions.", s.commit_secs);
  AddMetric(text, "hone_records_total", "counter", "Records stored.", static_cast<double>(s.committed_records));
  AddMetric(text, "hone_search_leases_total", "counter", "Search leases given.", static_cast<double>(s.search_leases));
  AddMetric(text, "hone_build_leases_total", "counter", "Build leases given.", static_cast<double>(s.build_leases));
  AddMetric(text, "hone_run_leases_total", "counter", "Run leases given.", static_cast<double>(s.run_leases));
  return text;
}

void ConfigureHttp(httplib::Server& server, std::function<std::optional<DriverStats>()> stats) {
  server.new_task_queue = [] { return new httplib::ThreadPool(8); };
  server.set_payload_max_length(4096);
  server.set_keep_alive_max_count(1);
  server.set_read_timeout(0, 500'000);  // One that sends a byte now and then is let go.
  server.set_write_timeout(5, 0);
  server.Get("/metrics", [stats](const httplib::Request&, httplib::Response& response) {
    std::optional<DriverStats> now = stats();
    response.status = now ? 200 : 503;
    response.set_content(now ? MetricsText(*now) : "busy\n", "text/plain; version=0.0.4");
  });
  server.Get("/healthz", [stats](const httplib::Request&, httplib::Response& response) {
    std::optional<DriverStats> now = stats();
    bool well = now && !now->store_away;
    response.status = well ? 200 : 503;
    response.set_content(well ? "ok\n" : now ? "the store is away\n" : "busy\n", "text/plain");
  });
}

}  // namespace hone
