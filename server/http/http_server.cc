#include "server/http/http_server.h"

#include <httplib.h>

#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/support/strings.h"

namespace hone {
namespace {

void AddMetric(std::string& text, std::string_view name, std::string_view type, std::string_view help, double value) {
  char number[64];
  std::snprintf(number, sizeof(number), "%.17g", value);
  StrAppend(&text, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n", name, " ", number, "\n");
}

// Asks the driver's thread; nothing when it does not answer within a second.
std::optional<DriverStats> Ask(Driver& driver) {
  auto promise = std::make_shared<std::promise<DriverStats>>();
  std::future<DriverStats> answer = promise->get_future();
  driver.Stats([promise](absl::StatusOr<DriverStats> stats) { promise->set_value(*std::move(stats)); });
  if (answer.wait_for(std::chrono::seconds(1)) != std::future_status::ready) return std::nullopt;
  return answer.get();
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

struct HttpServer::Parts {
  httplib::Server server;
  std::thread thread;
  int port = 0;
};

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address, Driver& driver) {
  size_t colon = address.rfind(':');
  int port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port)) {
    return absl::InvalidArgumentError(StrCat("--http ", address, ": expected host:port"));
  }
  auto parts = std::make_unique<Parts>();
  parts->server.new_task_queue = [] { return new httplib::ThreadPool(8); };
  parts->server.set_payload_max_length(4096);
  parts->server.set_keep_alive_max_count(1);
  parts->server.set_read_timeout(0, 500'000);  // One that sends a byte now and then is let go.
  parts->server.set_write_timeout(5, 0);
  parts->server.Get("/metrics", [&driver](const httplib::Request&, httplib::Response& response) {
    std::optional<DriverStats> stats = Ask(driver);
    response.status = stats ? 200 : 503;
    response.set_content(stats ? MetricsText(*stats) : "busy\n", "text/plain; version=0.0.4");
  });
  parts->server.Get("/healthz", [&driver](const httplib::Request&, httplib::Response& response) {
    std::optional<DriverStats> stats = Ask(driver);
    bool well = stats && !stats->store_away;
    response.status = well ? 200 : 503;
    response.set_content(well ? "ok\n" : stats ? "the store is away\n" : "busy\n", "text/plain");
  });
  std::string host = address.substr(0, colon);
  if (port == 0) {
    parts->port = parts->server.bind_to_any_port(host.c_str());
  } else if (parts->server.bind_to_port(host.c_str(), port)) {
    parts->port = port;
  }
  if (parts->port <= 0) return absl::UnavailableError(StrCat("cannot listen on --http ", address));
  parts->thread = std::thread([server = &parts->server] { server->listen_after_bind(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts)));
}

HttpServer::~HttpServer() {
  parts_->server.stop();
  parts_->thread.join();
}

int HttpServer::port() const { return parts_->port; }

}  // namespace hone
