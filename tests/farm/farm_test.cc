// A server and workers in one process, over real gRPC, with stand-ins for search, build and run.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <thread>
#include <tuple>

#include "common/support/status_matchers.h"
#include "common/wire/records_wire.h"
#include "hone/v1/records.grpc.pb.h"
#include "hone/v1/tuning.grpc.pb.h"
#include "hone/v1/worker.grpc.pb.h"
#include "server/database/memory_database.h"
#include "server/service/server.h"
#include "server/store/memory_store.h"
#include "server/tuning/testing/fakes.h"
#include "server/wire/jobs_wire.h"
#include "worker/agent/agent.h"

namespace hone {
namespace {

using testing::FakeBuilder;
using testing::FakeRunner;

bool IsEnded(v1::JobState state) {
  return state == v1::JOB_STATE_DONE || state == v1::JOB_STATE_FAILED || state == v1::JOB_STATE_CANCELLED;
}

std::unique_ptr<Server> StartServer(ServerOptions options = {}) {
  options.driver.revisions.protocol = 1;
  auto store = std::make_unique<MemoryStore>("memory", std::make_unique<MemoryDatabase>());
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(std::move(store), std::move(options), [](absl::Status status) { FAIL() << status.ToString(); });
  EXPECT_OK(server.status());
  return *std::move(server);
}

std::shared_ptr<grpc::Channel> ChannelTo(const Server& server) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  return grpc::CreateCustomChannel(server.address(), grpc::InsecureChannelCredentials(), args);
}

// One worker with all roles of `which` ("s", "b", "r").
class Worker {
 public:
  Worker(const Server& server, const std::string& name, const std::string& which,
         absl::Duration run_takes = absl::ZeroDuration(), std::function<RunResult()> canary = nullptr) {
    runner_.takes = run_takes;
    AgentOptions options;
    options.name = name;
    options.target_json = R"({"kind":"llvm"})";
    options.device = {"fake", "{}"};
    options.revisions.protocol = canary == nullptr ? 1 : 2;  // Canaries came with the second.
    options.max_backoff = absl::Milliseconds(200);
    options.build_threads = 2;
    AgentRoles roles;
    if (which.find('s') != std::string::npos) roles.search = &search_;
    if (which.find('b') != std::string::npos) roles.builder = &builder_;
    if (which.find('r') != std::string::npos) roles.runner = &runner_;
    roles.canary = std::move(canary);
    agent_ = std::make_unique<Agent>(ChannelTo(server), options, roles);
    thread_ = std::thread([this] { status_ = agent_->Run(); });
  }
  ~Worker() { (void)Stop(); }
  absl::Status Stop() {
    agent_->Stop();
    return Join();
  }
  absl::Status Join() {
    if (thread_.joinable()) thread_.join();
    return status_;
  }
  // As good as a kill: what is in hand is dropped.
  void Kill() {
    agent_->Stop();
    agent_->Stop();
    (void)Join();
  }
  FakeRunner& runner() { return runner_; }

 private:
  DirectSearchRunner search_{testing::OpenFakeSession};
  FakeBuilder builder_;
  FakeRunner runner_;
  std::unique_ptr<Agent> agent_;
  absl::Status status_;
  std::thread thread_;
};

// The worker's report, once `wanted` says yes to it; the last one seen otherwise.
v1::WorkerReport Until(v1::TuningService::Stub& tuning, const std::string& name,
                       const std::function<bool(const v1::WorkerReport&)>& wanted) {
  v1::WorkerReport found;
  for (int i = 0; i < 2000; ++i) {
    grpc::ClientContext context;
    v1::ListWorkersResponse workers;
    EXPECT_TRUE(tuning.ListWorkers(&context, {}, &workers).ok());
    for (const v1::WorkerReport& worker : workers.workers()) {
      if (worker.name() != name) continue;
      found = worker;
      if (wanted(worker)) return worker;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return found;
}

v1::SubmitJobRequest RequestOf(std::vector<std::string> scripts, int64_t trials) {
  v1::SubmitJobRequest request;
  v1::JobSpec& spec = *request.mutable_spec();
  spec.set_name("test");
  spec.set_target_json(R"({"kind":"llvm"})");
  spec.set_max_trials(trials);
  spec.set_trials_per_round(16);
  for (const std::string& script : scripts) {
    v1::TaskSpec& task = *spec.add_tasks();
    task.set_name(script);
    *task.mutable_workload() = ToProto(WorkloadFromScript(script));
  }
  return request;
}

class Client {
 public:
  explicit Client(const Server& server)
      : tuning_(v1::TuningService::NewStub(ChannelTo(server))),
        records_(v1::RecordService::NewStub(ChannelTo(server))) {}

  std::string Submit(const v1::SubmitJobRequest& request) {
    grpc::ClientContext context;
    v1::SubmitJobResponse response;
    grpc::Status status = tuning_->SubmitJob(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.job_id();
  }
  // Watches to the end; the last report. `trials` counts trial events.
  v1::JobReport Watch(const std::string& id, int* trials = nullptr) {
    grpc::ClientContext context;
    v1::WatchJobRequest request;
    request.set_job_id(id);
    auto stream = tuning_->WatchJob(&context, request);
    v1::JobEvent event;
    v1::JobReport last;
    while (stream->Read(&event)) {
      if (event.has_report()) last = event.report();
      if (event.has_trial() && trials != nullptr) ++*trials;
    }
    grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return last;
  }
  v1::JobReport Get(const std::string& id) {
    grpc::ClientContext context;
    v1::GetJobRequest request;
    request.set_job_id(id);
    v1::JobReport report;
    EXPECT_TRUE(tuning_->GetJob(&context, request, &report).ok());
    return report;
  }
  v1::TuningService::Stub& tuning() { return *tuning_; }
  v1::RecordService::Stub& records() { return *records_; }

 private:
  std::unique_ptr<v1::TuningService::Stub> tuning_;
  std::unique_ptr<v1::RecordService::Stub> records_;
};

TEST(FarmTest, AJobRunsToItsEndAndItsBestIsServed) {
  auto server = StartServer();
  Worker search(*server, "search", "s"), build(*server, "build", "b"), run(*server, "run", "r");
  Client client(*server);
  std::string id = client.Submit(RequestOf({"a", "b"}, 128));
  v1::JobReport report = client.Watch(id);
  EXPECT_EQ(report.state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(report.trials(), 128);
  ASSERT_EQ(report.tasks_size(), 2);
  grpc::ClientContext context;
  v1::QueryRequest query;
  query.set_workload_id(report.tasks(0).workload_id());
  v1::QueryResponse best;
  ASSERT_TRUE(client.records().Query(&context, query, &best).ok());
  ASSERT_EQ(best.matches_size(), 1);
  EXPECT_EQ(best.matches(0).record().measurement().median(), report.tasks(0).best());
  EXPECT_EQ(best.matches(0).record().id(), report.tasks(0).best_record_id());
  EXPECT_EQ(best.matches(0).record().trust(), v1::TRUST_VERIFIED);
  EXPECT_EQ(best.matches(0).workload().script(), "a");
  EXPECT_OK(run.Stop());
}

TEST(FarmTest, AWatchThatBreaksGoesOnFromItsCursorWithNothingLostOrDouble) {
  auto server = StartServer();
  Worker search(*server, "search", "s"), build(*server, "build", "b"), run(*server, "run", "r", absl::Milliseconds(2));
  Client client(*server);
  const std::string id = client.Submit(RequestOf({"a", "b"}, 192));
  std::map<std::tuple<uint32_t, uint32_t, uint32_t>, int> seen;  // Trials by slot.
  uint64_t cursor = 0;
  v1::JobReport last;
  for (int watches = 1; !IsEnded(last.state()); ++watches) {
    ASSERT_LT(watches, 1000);
    grpc::ClientContext context;
    v1::WatchJobRequest request;
    request.set_job_id(id);
    request.set_cursor(cursor);
    auto stream = client.tuning().WatchJob(&context, request);
    v1::JobEvent event;
    // Each breaks after a few trials, without a word; the first one after its first report.
    for (int left = watches == 1 ? 0 : 7; stream->Read(&event);) {
      EXPECT_GE(event.cursor(), cursor);
      cursor = event.cursor();
      if (event.has_report()) last = event.report();
      if (event.has_trial()) {
        const v1::Slot& slot = event.trial().slot();
        ++seen[{slot.task(), slot.round(), slot.slot()}];
      }
      if (left-- == 0) break;
    }
    context.TryCancel();
    (void)stream->Finish();
  }
  EXPECT_EQ(last.state(), v1::JOB_STATE_DONE);
  int trials = 0;
  for (const auto& [slot, times] : seen) {
    EXPECT_EQ(times, 1) << "task " << std::get<0>(slot) << ", round " << std::get<1>(slot) << ", " << std::get<2>(slot);
    trials += std::get<1>(slot) != kBaselineRound;
  }
  EXPECT_EQ(trials, last.trials());
  EXPECT_EQ(trials, 192);
}

TEST(FarmTest, AWorkerThatReplaysTracesOtherwiseIsRefused) {
  ServerOptions options;
  options.driver.revisions.trace_semantics = 1;
  auto server = StartServer(options);
  auto stub = v1::WorkerService::NewStub(ChannelTo(*server));
  for (uint32_t semantics : {1, 2}) {
    grpc::ClientContext context;
    auto stream = stub->Connect(&context);
    v1::WorkerMessage hello;
    hello.mutable_register_()->set_name("w");
    hello.mutable_register_()->add_roles(v1::ROLE_RUN);
    hello.mutable_register_()->mutable_revisions()->set_protocol(1);
    hello.mutable_register_()->mutable_revisions()->set_trace_semantics(semantics);
    ASSERT_TRUE(stream->Write(hello));
    v1::ServerMessage answer;
    EXPECT_EQ(stream->Read(&answer), semantics == 1);
    if (semantics == 1) context.TryCancel();
    const grpc::Status status = stream->Finish();
    if (semantics == 2) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
      EXPECT_NE(status.error_message().find("replays traces by version 2"), std::string::npos)
          << status.error_message();
    }
  }
}

TEST(FarmTest, SubmittingAgainWithTheSameRequestIdGivesTheSameJob) {
  auto server = StartServer();
  Client client(*server);
  v1::SubmitJobRequest request = RequestOf({"a"}, 16);
  request.set_request_id("r1");
  std::string id = client.Submit(request);
  EXPECT_EQ(client.Submit(request), id);
}

TEST(FarmTest, AJobWaitsForAWorkerAndSaysSo) {
  auto server = StartServer();
  Client client(*server);
  std::string id = client.Submit(RequestOf({"a"}, 16));
  EXPECT_NE(client.Get(id).reason().find("no worker with the role search"), std::string::npos);
  Worker all(*server, "all", "sbr");
  EXPECT_EQ(client.Watch(id).state(), v1::JOB_STATE_DONE);
}

TEST(FarmTest, AKilledRunWorkerIsReplacedAndTheJobEnds) {
  ServerOptions options;
  options.driver.coordinator.heartbeat = absl::Milliseconds(100);
  options.driver.coordinator.lease_timeout = absl::Milliseconds(400);
  auto server = StartServer(options);
  Worker others(*server, "others", "sb");
  auto run = std::make_unique<Worker>(*server, "run", "r", absl::Milliseconds(5));
  Client client(*server);
  std::string id = client.Submit(RequestOf({"a"}, 64));
  while (run->runner().runs < 10) absl::SleepFor(absl::Milliseconds(1));
  run->Kill();
  run = std::make_unique<Worker>(*server, "run2", "r");
  v1::JobReport report = client.Watch(id);
  EXPECT_EQ(report.state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(report.trials(), 64);
}

TEST(FarmTest, CancelEndsAJobAndKeepsItsRecords) {
  auto server = StartServer();
  Worker all(*server, "all", "sbr", absl::Milliseconds(1));
  Client client(*server);
  std::string id = client.Submit(RequestOf({"a"}, 100'000));
  while (client.Get(id).trials() < 20) absl::SleepFor(absl::Milliseconds(5));
  grpc::ClientContext context;
  v1::JobControlRequest request;
  request.set_job_id(id);
  v1::JobReport report;
  ASSERT_TRUE(client.tuning().CancelJob(&context, request, &report).ok());
  EXPECT_EQ(report.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_GE(report.trials(), 20);
}

TEST(FarmTest, ABadWorkloadFailsTheJobWithTheReason) {
  auto server = StartServer();
  Worker all(*server, "all", "sbr");
  Client client(*server);
  v1::JobReport report = client.Watch(client.Submit(RequestOf({"bad"}, 16)));
  EXPECT_EQ(report.state(), v1::JOB_STATE_FAILED);
  EXPECT_NE(report.reason().find("line 1, column 1"), std::string::npos) << report.reason();
}

TEST(FarmTest, ADeviceThatDriftsGetsNoWorkUntilItsCanaryIsGoodAgain) {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.driver.coordinator.health.quarantine = absl::Milliseconds(100);
  std::unique_ptr<Server> server = StartServer(options);
  Client client(*server);
  std::atomic<int> timed{0};
  std::atomic<bool> hot{true};
  // One good time is the baseline; then the device is half as fast.
  Worker device(*server, "hot", "r", absl::ZeroDuration(), [&] {
    RunResult run;
    run.median = timed++ > 0 && hot ? 2e-3 : 1e-3;
    return run;
  });
  Worker builder(*server, "builder", "sb");
  v1::WorkerReport report =
      Until(client.tuning(), "hot", [](const v1::WorkerReport& w) { return w.state() == "quarantined"; });
  EXPECT_EQ(report.state(), "quarantined");
  EXPECT_NE(report.reason().find("drift: its canary takes 0.002 s"), std::string::npos) << report.reason();
  std::string id = client.Submit(RequestOf({"a"}, 16));
  hot = false;
  EXPECT_EQ(client.Watch(id).state(), v1::JOB_STATE_DONE);  // It is tried again and trusted.
  EXPECT_GT(Until(client.tuning(), "hot", [](const v1::WorkerReport& w) { return w.finished() > 0; }).finished(), 0);
}

TEST(FarmTest, AnAddressThatIsNotLoopbackNeedsTls) {
  ServerOptions options;
  options.listen = "0.0.0.0:0";
  auto store = std::make_unique<MemoryStore>("memory", std::make_unique<MemoryDatabase>());
  EXPECT_STATUS(Server::Start(std::move(store), options, [](absl::Status) {}).status(),
                absl::StatusCode::kInvalidArgument, "--tls-cert");
}

TEST(FarmTest, ARestartedServerGoesOnWithWorkersThatStayed) {
  // The same store in a second server stands for a restart of the process.
  auto server = StartServer();
  std::string address = server->address();
  Worker all(*server, "all", "sbr", absl::Milliseconds(1));
  server.reset();
  ServerOptions options;
  options.listen = address;
  server = StartServer(options);
  Client client(*server);
  EXPECT_EQ(client.Watch(client.Submit(RequestOf({"a"}, 32))).state(), v1::JOB_STATE_DONE);
}

}  // namespace
}  // namespace hone
