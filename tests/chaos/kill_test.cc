// kill -9 of everything at random points: nothing acknowledged is lost, nothing counts twice, the job ends.
//   HONE_CHAOS_KILLS   how many kills (default 12)
//   HONE_CHAOS_TRIALS  trials of the job (default 600), 20 ms each on two made-up devices
//   HONE_CHAOS_SEED    of the choice of victims and moments
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "common/record/tuning_record.h"
#include "common/support/random.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "hone/v1/records.grpc.pb.h"
#include "hone/v1/tuning.grpc.pb.h"
#include "server/database/testing/private_cluster.h"
#include "tests/chaos/processes.h"

namespace hone::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

uint64_t FromEnv(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

double SecondsSince(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

class KillTest : public ::testing::Test {
 protected:
  KillTest() {
    char folder[] = "/tmp/hone-kill.XXXXXX";
    folder_ = mkdtemp(folder);
    address_ = "unix:" + folder_ + "/s";
    database_ = SharedCluster().NewDatabase();
    Add("server", "server/hone-server",
        {"--listen", address_, "--database", database_, "--no-search-worker", "--allow-synthetic", "--heartbeat-secs",
         "0.5", "--lease-secs", "1.5"});
    for (const char* name : {"search", "build", "run1", "run2"}) {
      std::string role = std::string(name).substr(0, 3) == "run" ? "run" : name;
      Add(name, "worker/hone-worker",
          {"--server", address_, "--roles", role, "--name", name, "--synthetic-run-secs", "0.02"});
    }
    WaitUntilServing();
  }
  ~KillTest() override {
    processes_.clear();
    if (!HasFailure()) std::filesystem::remove_all(folder_);
  }

  void Add(const std::string& name, const std::string& binary, std::vector<std::string> args) {
    processes_[name] = std::make_unique<Process>(BuiltBinary(binary), std::move(args), folder_ + "/" + name + ".log");
  }

  std::shared_ptr<grpc::Channel> Channel() {
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), args);
  }

  // Calls until it succeeds; seconds that took.
  template <typename Call>
  double Until(const char* what, double limit_secs, Call call) {
    auto start = steady_clock::now();
    while (SecondsSince(start) < limit_secs) {
      if (call()) return SecondsSince(start);
      std::this_thread::sleep_for(milliseconds(20));
    }
    ADD_FAILURE() << what << " did not happen within " << limit_secs << " s; logs are in " << folder_;
    return limit_secs;
  }

  double WaitUntilServing() {
    return Until("serving", 20, [this] { return Workers() >= 0; });
  }
  // Connected workers, or -1 when the server does not answer.
  int Workers() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + milliseconds(500));
    v1::ListWorkersResponse response;
    auto stub = v1::TuningService::NewStub(Channel());
    if (!stub->ListWorkers(&context, {}, &response).ok()) return -1;
    return static_cast<int>(std::count_if(response.workers().begin(), response.workers().end(),
                                          [](const v1::WorkerReport& w) { return w.state() != "lost"; }));
  }

  std::string Submit(int64_t trials) {
    v1::SubmitJobRequest request;
    request.set_request_id("chaos");
    v1::JobSpec& spec = *request.mutable_spec();
    spec.set_target_json(R"({"kind":"llvm"})");
    spec.set_max_trials(trials);
    spec.set_trials_per_round(64);
    for (int i = 0; i < 2; ++i) {
      v1::TaskSpec& task = *spec.add_tasks();
      task.set_name(StrCat("t", i));
      *task.mutable_workload() = ToProto(WorkloadFromScript(StrCat("synthetic ", i)));
    }
    grpc::ClientContext context;
    v1::SubmitJobResponse response;
    auto stub = v1::TuningService::NewStub(Channel());
    EXPECT_TRUE(stub->SubmitJob(&context, request, &response).ok());
    return response.job_id();
  }

  bool Report(const std::string& id, v1::JobReport* report) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + milliseconds(1000));
    v1::GetJobRequest request;
    request.set_job_id(id);
    return v1::TuningService::NewStub(Channel())->GetJob(&context, request, report).ok();
  }

  std::string folder_, address_, database_;
  std::map<std::string, std::unique_ptr<Process>> processes_;
};

TEST_F(KillTest, NothingIsLostAndNothingCountsTwice) {
  uint64_t kills = FromEnv("HONE_CHAOS_KILLS", 12), seed = FromEnv("HONE_CHAOS_SEED", 1);
  int64_t trials = static_cast<int64_t>(FromEnv("HONE_CHAOS_TRIALS", 600));
  CounterRandom random({seed});
  std::string id = Submit(trials);
  ASSERT_FALSE(id.empty());
  std::vector<std::string> names = {"server", "search", "build", "run1", "run2", "postgres"};
  double worst_serving = 0, worst_dispatch = 0;
  int64_t seen = 0;
  v1::JobReport report;
  uint64_t done_kills = 0;
  auto ended = [&] { return report.state() >= v1::JOB_STATE_DONE; };
  for (; done_kills < kills && !ended(); ++done_kills) {
    std::this_thread::sleep_for(milliseconds(200 + random.Below(800)));
    const std::string& victim = names[done_kills % 3 == 0 ? 0 : random.Below(names.size())];
    printf("kill %lu: %s after %ld trials\n", done_kills, victim.c_str(), static_cast<long>(report.trials()));
    if (victim == "postgres") {
      SharedCluster().Kill();
      SharedCluster().Restart();
    } else {
      processes_[victim]->Kill();
      processes_[victim]->Start();
    }
    if (victim == "server") {
      worst_serving = std::max(worst_serving, WaitUntilServing());
      auto start = steady_clock::now();
      int64_t before = -1;
      Until("dispatching", 20, [&] {
        if (!Report(id, &report)) return false;
        if (before < 0) before = report.trials();
        return report.trials() > before || ended();
      });
      worst_dispatch = std::max(worst_dispatch, SecondsSince(start));
    }
    Report(id, &report);
    EXPECT_GE(report.trials(), seen) << "a finished trial was lost";
    seen = std::max(seen, report.trials());
  }
  auto start = steady_clock::now();
  Until("the end of the job", 120, [&] { return Report(id, &report) && ended(); });
  printf("%lu kills, %ld trials, rest of the job %.1f s; worst: serving again %.2f s, next trial %.2f s after that\n",
         done_kills, static_cast<long>(report.trials()), SecondsSince(start), worst_serving, worst_dispatch);
  EXPECT_EQ(report.state(), v1::JOB_STATE_DONE) << report.reason();
  EXPECT_EQ(report.trials(), trials);
  EXPECT_LT(worst_serving, 5);
  EXPECT_LT(worst_dispatch, 10);

  std::set<Slot> slots;
  auto records = v1::RecordService::NewStub(Channel());
  v1::ListRecordsRequest request;
  request.set_job_id(id);
  request.set_include_failed(true);
  request.set_limit(1000);
  do {
    grpc::ClientContext context;
    v1::ListRecordsResponse response;
    ASSERT_TRUE(records->ListRecords(&context, request, &response).ok());
    for (const v1::TuningRecord& record : response.records()) {
      EXPECT_TRUE(slots.insert(FromProto(record.slot())).second) << "a slot is stored twice";
    }
    request.set_after(response.cursor());
  } while (request.after() != 0);
  EXPECT_EQ(static_cast<int64_t>(slots.size()), trials + 2);  // With two baselines.
  for (const v1::FailureCount& failure : report.failures()) {
    printf("failures: kind %d, %lu times, such as: %s\n", failure.kind(), static_cast<unsigned long>(failure.count()),
           failure.example().c_str());
  }
  EXPECT_EQ(processes_["run1"]->Terminate(), 0);  // Drains and leaves.
}

}  // namespace
}  // namespace hone::testing
