// How many results a second the service takes from many worker streams: one result a message, about 2 KB each,
// acknowledged only after their commit. Server, PostgreSQL (a private cluster, fsync and synchronous_commit on) and the
// generator share this machine.
//   usage: results_load [--streams 200] [--results 20000] [--store postgres|memory]
// Prints results a second, and the time from a lease's sending to its arrival at an idle worker.
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
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
#include "hone/v1/worker.grpc.pb.h"
#include "server/database/memory_database.h"
#include "server/database/testing/private_cluster.h"
#include "server/service/server.h"
#include "server/store/memory_store.h"
#include "server/store/postgres_store.h"

namespace hone {
namespace {

using Clock_ = std::chrono::steady_clock;

constexpr char kSkeleton[] = R"([[["GetBlock",[],["C","main"],["b0"]]],[]])";

// One stream that answers every lease at once.
class LoadWorker final : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::ServerMessage> {
 public:
  LoadWorker(v1::WorkerService::Stub& stub, const std::string& name, v1::Role role, int slots, std::string artifact)
      : artifact_(std::move(artifact)) {
    stub.async()->Connect(&context_, this);
    AddHold();
    StartRead(&incoming_);
    StartCall();
    v1::WorkerMessage hello;
    v1::Register& r = *hello.mutable_register_();
    r.set_name(name);
    r.add_roles(role);
    r.set_build_slots(slots);
    r.set_run_slots(slots);
    r.set_incarnation(1);
    r.mutable_revisions()->set_protocol(1);
    Send(std::move(hello));
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End();
    if (incoming_.has_build()) Build(incoming_.build());
    if (incoming_.has_run()) Run(incoming_.run());
    if (incoming_.has_search()) Search(incoming_.search());
    StartRead(&incoming_);
  }
  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    queue_.pop_front();
    if (ok && !queue_.empty()) StartWrite(&queue_.front());
  }
  void OnDone(const grpc::Status&) override { done_ = true; }
  void Stop() {
    context_.TryCancel();
    while (!done_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

 private:
  void End() {
    bool expected = false;
    if (ended_.compare_exchange_strong(expected, true)) RemoveHold();
  }
  void Send(v1::WorkerMessage message) {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }
  void Build(const v1::BuildLease& lease) {
    v1::WorkerMessage answer;
    *answer.mutable_build_done()->mutable_token() = lease.token();
    answer.mutable_build_done()->set_artifact_key(artifact_);
    Send(std::move(answer));
  }
  void Run(const v1::RunLease& lease) {
    v1::WorkerMessage answer;
    *answer.mutable_run_done()->mutable_token() = lease.token();
    v1::Measurement& m = *answer.mutable_run_done()->mutable_measurement();
    m.set_metric(v1::METRIC_SECONDS);
    m.set_median(1e-3);
    for (int i = 0; i < 200; ++i) m.add_samples(1e-3 + i * 1e-9);  // 1.6 KB.
    m.set_verdict(v1::VERDICT_RIGHT);
    m.set_sandbox_layers(std::string(300, 'x'));
    Send(std::move(answer));
  }
  void Search(const v1::SearchLease& lease) {
    v1::WorkerMessage answer;
    v1::SearchDone& done = *answer.mutable_search_done();
    *done.mutable_token() = lease.token();
    for (int i = 0; i < lease.job().trials_per_round(); ++i) {
      v1::SearchCandidate& c = *done.add_candidates();
      c.set_skeleton_id(Sha256(kSkeleton).Raw());
      c.set_decisions_json(StrCat("[[0,[", lease.round(), ",", i, "]]]"));
    }
    Send(std::move(answer));
  }

  const std::string artifact_;
  grpc::ClientContext context_;
  v1::ServerMessage incoming_;
  std::mutex mutex_;
  std::deque<v1::WorkerMessage> queue_;
  std::atomic<bool> done_{false}, ended_{false};
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

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), args);
}

int Main(int argc, char** argv) {
  int streams = 200;
  int64_t results = 20'000;
  std::string kind = "postgres";
  CLI::App app("results a second");
  app.add_option("--streams", streams);
  app.add_option("--results", results);
  app.add_option("--store", kind);
  CLI11_PARSE(app, argc, argv);
  SetLogLevel(LogLevel::kWarning);

  std::unique_ptr<testing::PrivateCluster> cluster;
  std::unique_ptr<Store> store;
  if (kind == "memory") {
    store = std::make_unique<MemoryStore>("memory", std::make_unique<MemoryDatabase>());
  } else {
    cluster = *testing::PrivateCluster::Start({"", "", /*stays_descendant=*/true});
    auto opened = PostgresStore::Open(cluster->NewDatabase());
    HONE_CHECK_OK(opened.status());
    store = *std::move(opened);
  }
  ServerOptions options;
  options.driver.revisions.protocol = 1;
  auto server = Server::Start(std::move(store), options, [](absl::Status status) { HONE_CHECK_OK(status); });
  HONE_CHECK_OK(server.status());
  std::string address = (*server)->address();

  std::vector<std::unique_ptr<v1::WorkerService::Stub>> stubs;
  for (int i = 0; i < 4; ++i) stubs.push_back(v1::WorkerService::NewStub(ChannelTo(address)));
  Digest artifact = Sha256("artifact");
  Upload(*stubs[0], v1::BLOB_KIND_ARTIFACT, artifact, std::string(20'000, 'a'));
  Upload(*stubs[0], v1::BLOB_KIND_SKELETON, Sha256(kSkeleton), kSkeleton);
  std::vector<std::unique_ptr<LoadWorker>> workers;
  workers.push_back(std::make_unique<LoadWorker>(*stubs[0], "search", v1::ROLE_SEARCH, 1, artifact.Raw()));
  for (int i = 0; i < 4; ++i) {
    workers.push_back(std::make_unique<LoadWorker>(*stubs[0], StrCat("build", i), v1::ROLE_BUILD, 64, artifact.Raw()));
  }
  for (int i = 0; i < streams; ++i) {
    workers.push_back(std::make_unique<LoadWorker>(*stubs[i % 4], StrCat("run", i), v1::ROLE_RUN, 2, artifact.Raw()));
  }

  auto tuning = v1::TuningService::NewStub(ChannelTo(address));
  v1::SubmitJobRequest submit;
  submit.mutable_spec()->set_max_trials(results);
  submit.mutable_spec()->set_trials_per_round(static_cast<int>(std::min<int64_t>(results, 5'000)));
  submit.mutable_spec()->set_target_json(R"({"kind":"llvm"})");
  submit.mutable_spec()->set_no_baseline(true);
  *submit.mutable_spec()->add_tasks()->mutable_workload() = ToProto(WorkloadFromScript("load"));
  v1::SubmitJobResponse job;
  auto start = Clock_::now();
  {
    grpc::ClientContext context;
    HONE_CHECK(tuning->SubmitJob(&context, submit, &job).ok());
  }
  v1::JobReport report;
  while (report.state() < v1::JOB_STATE_DONE) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    grpc::ClientContext context;
    v1::GetJobRequest get;
    get.set_job_id(job.job_id());
    HONE_CHECK(tuning->GetJob(&context, get, &report).ok());
  }
  double secs = std::chrono::duration<double>(Clock_::now() - start).count();
  printf("%ld results from %d streams in %.2f s: %.0f a second (store: %s)\n", static_cast<long>(report.trials()),
         streams, secs, static_cast<double>(report.trials()) / secs, kind.c_str());
  for (auto& worker : workers) worker->Stop();
  (*server)->Stop();
  return report.trials() == results ? 0 : 1;
}

}  // namespace
}  // namespace hone

int main(int argc, char** argv) { return hone::Main(argc, argv); }
