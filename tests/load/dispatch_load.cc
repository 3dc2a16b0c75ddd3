// How long a queued candidate waits for an idle worker: from the moment that its builder sends BuildDone to the arrival
// of its lease at a run worker that has nothing to do. Server, PostgreSQL (a private cluster), builder and run workers
// share this machine; candidates come one by one at a fixed pace, so that nothing queues.
//   usage: dispatch_load [--workers 16] [--candidates 2000] [--per-second 200] [--store postgres|memory] [--json FILE]
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/record/workload.h"
#include "common/support/check.h"
#include "common/support/log.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "hone/v1/tuning.grpc.pb.h"
#include "server/database/memory_database.h"
#include "server/database/testing/private_cluster.h"
#include "server/service/server.h"
#include "server/store/memory_store.h"
#include "server/store/postgres_store.h"
#include "tests/load/load_worker.h"

namespace hone::load {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kSkeleton[] = R"([[["GetBlock",[],["C","main"],["b0"]]],[]])";

// What the streams tell the main thread.
class Stopwatch {
 public:
  void Started(uint32_t round, uint32_t slot) {
    std::lock_guard lock(mutex_);
    sent_[{round, slot}] = SteadyClock::now();
  }
  void Arrived(uint32_t round, uint32_t slot) {
    std::lock_guard lock(mutex_);
    auto it = sent_.find({round, slot});
    if (it == sent_.end()) return;
    millis_.push_back(std::chrono::duration<double, std::milli>(SteadyClock::now() - it->second).count());
    sent_.erase(it);
  }
  std::vector<double> Sorted() {
    std::lock_guard lock(mutex_);
    std::vector<double> sorted = millis_;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<uint32_t, uint32_t>, SteadyClock::time_point> sent_;
  std::vector<double> millis_;
};

// Builds that wait for their turn.
class Pace {
 public:
  void Add(v1::BuildLease lease) {
    std::lock_guard lock(mutex_);
    leases_.push_back(std::move(lease));
    ready_.notify_one();
  }
  bool Take(v1::BuildLease& lease) {
    std::unique_lock lock(mutex_);
    if (!ready_.wait_for(lock, std::chrono::seconds(10), [this] { return !leases_.empty(); })) return false;
    lease = std::move(leases_.front());
    leases_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<v1::BuildLease> leases_;
};

void Upload(v1::WorkerService::Stub& stub, v1::BlobKind kind, const Digest& id, const std::string& bytes) {
  grpc::ClientContext context;
  v1::WriteBlobRequest request;
  request.set_kind(kind);
  request.set_id(id.Raw());
  request.set_total_bytes(bytes.size());
  request.set_chunk(bytes);
  v1::WriteBlobResponse response;
  HONE_CHECK(stub.WriteBlob(&context, request, &response).ok());
}

void AnswerSearch(LoadStream& stream, const v1::ServerMessage& message) {
  if (!message.has_search()) return;
  v1::WorkerMessage answer;
  v1::SearchDone& done = *answer.mutable_search_done();
  *done.mutable_token() = message.search().token();
  for (int i = 0; i < message.search().job().trials_per_round(); ++i) {
    v1::SearchCandidate& c = *done.add_candidates();
    c.set_skeleton_id(Sha256(kSkeleton).Raw());
    c.set_decisions_json(StrCat("[[0,[", message.search().round(), ",", i, "]]]"));
  }
  stream.Send(std::move(answer));
}

void AnswerRun(LoadStream& stream, const v1::RunLease& lease) {
  v1::WorkerMessage answer;
  *answer.mutable_run_done()->mutable_token() = lease.token();
  v1::Measurement& m = *answer.mutable_run_done()->mutable_measurement();
  m.set_metric(v1::METRIC_SECONDS);
  m.set_median(1e-3);
  for (int i = 0; i < 200; ++i) m.add_samples(1e-3 + i * 1e-9);
  m.set_verdict(v1::VERDICT_RIGHT);
  stream.Send(std::move(answer));
}

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), args);
}

// `cluster` has to outlive the store.
std::unique_ptr<Store> OpenStoreOf(const std::string& kind, std::unique_ptr<testing::PrivateCluster>& cluster) {
  if (kind == "memory") return std::make_unique<MemoryStore>("memory", std::make_unique<MemoryDatabase>());
  cluster = *testing::PrivateCluster::Start({"", "", /*stays_descendant=*/true});
  auto opened = PostgresStore::Open(cluster->NewDatabase());
  HONE_CHECK_OK(opened.status());
  return *std::move(opened);
}

int Main(int argc, char** argv) {
  int run_workers = 16;
  int64_t candidates = 2000;
  double per_second = 200;
  std::string kind = "postgres", json;
  CLI::App app("time from a queued candidate to its lease at an idle worker");
  app.add_option("--workers", run_workers);
  app.add_option("--candidates", candidates);
  app.add_option("--per-second", per_second);
  app.add_option("--store", kind);
  app.add_option("--json", json);
  CLI11_PARSE(app, argc, argv);
  SetLogLevel(LogLevel::kWarning);

  std::unique_ptr<testing::PrivateCluster> cluster;
  ServerOptions options;
  options.driver.revisions.protocol = 2;
  auto server = Server::Start(OpenStoreOf(kind, cluster), options, [](absl::Status status) { HONE_CHECK_OK(status); });
  HONE_CHECK_OK(server.status());
  std::string address = (*server)->address();
  auto stub = v1::WorkerService::NewStub(ChannelTo(address));
  Digest artifact = Sha256("artifact");
  Upload(*stub, v1::BLOB_KIND_ARTIFACT, artifact, std::string(20'000, 'a'));
  Upload(*stub, v1::BLOB_KIND_SKELETON, Sha256(kSkeleton), kSkeleton);

  Stopwatch stopwatch;
  Pace pace;
  std::vector<std::unique_ptr<LoadStream>> streams;
  streams.push_back(std::make_unique<LoadStream>(*stub, Hello("search", v1::ROLE_SEARCH, 1), AnswerSearch));
  auto& builder = *streams.emplace_back(std::make_unique<LoadStream>(
      *stub, Hello("build", v1::ROLE_BUILD, 256), [&](LoadStream&, const v1::ServerMessage& message) {
        if (message.has_build()) pace.Add(message.build());
      }));
  for (int i = 0; i < run_workers; ++i) {
    auto run = [&](LoadStream& stream, const v1::ServerMessage& message) {
      if (!message.has_run()) return;
      stopwatch.Arrived(message.run().slot().round(), message.run().slot().slot());
      AnswerRun(stream, message.run());
    };
    streams.push_back(std::make_unique<LoadStream>(*stub, Hello(StrCat("run", i), v1::ROLE_RUN, 1), run));
  }

  auto tuning = v1::TuningService::NewStub(ChannelTo(address));
  v1::SubmitJobRequest submit;
  submit.mutable_spec()->set_max_trials(candidates);
  submit.mutable_spec()->set_trials_per_round(256);
  submit.mutable_spec()->set_target_json(R"({"kind":"llvm"})");
  submit.mutable_spec()->set_no_baseline(true);
  *submit.mutable_spec()->add_tasks()->mutable_workload() = ToProto(WorkloadFromScript("load"));
  v1::SubmitJobResponse job;
  grpc::ClientContext context;
  HONE_CHECK(tuning->SubmitJob(&context, submit, &job).ok());

  auto next = SteadyClock::now();
  for (int64_t i = 0; i < candidates; ++i) {
    v1::BuildLease lease;
    if (!pace.Take(lease)) break;
    std::this_thread::sleep_until(next);
    next = std::max(next, SteadyClock::now()) +
           std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(1 / per_second));
    v1::WorkerMessage answer;
    *answer.mutable_build_done()->mutable_token() = lease.token();
    answer.mutable_build_done()->set_artifact_key(artifact.Raw());
    stopwatch.Started(lease.slot().round(), lease.slot().slot());
    builder.Send(std::move(answer));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  std::vector<double> millis = stopwatch.Sorted();
  for (auto& stream : streams) stream->Stop();
  (*server)->Stop();
  if (millis.size() < static_cast<size_t>(candidates)) {
    std::fprintf(stderr, "only %zu of %ld leases arrived\n", millis.size(), static_cast<long>(candidates));
    return 1;
  }
  auto at = [&](double q) { return millis[static_cast<size_t>(q * static_cast<double>(millis.size() - 1))]; };
  std::printf("dispatch to an idle worker, %ld candidates at %.0f a second, %d workers, store %s\n",
              static_cast<long>(candidates), per_second, run_workers, kind.c_str());
  std::printf("    p50      p90      p99      p99.9    worst\n");
  std::printf("%7.2f  %7.2f  %7.2f  %7.2f  %7.2f   ms\n", at(0.5), at(0.9), at(0.99), at(0.999), millis.back());
  if (!json.empty()) {
    std::ofstream(json) << "{\"candidates\":" << candidates << ",\"per_second\":" << per_second
                        << ",\"workers\":" << run_workers << ",\"store\":\"" << kind << "\",\"p50_ms\":" << at(0.5)
                        << ",\"p90_ms\":" << at(0.9) << ",\"p99_ms\":" << at(0.99) << ",\"worst_ms\":" << millis.back()
                        << "}\n";
  }
  return 0;
}

}  // namespace
}  // namespace hone::load

int main(int argc, char** argv) { return hone::load::Main(argc, argv); }
