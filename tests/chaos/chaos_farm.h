// A farm of real processes on a database of its own, with a client that outlives them: what the tests of kills and
// upgrades share. Header only; for tests.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/record/tuning_record.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "hone/v1/records.grpc.pb.h"
#include "hone/v1/tuning.grpc.pb.h"
#include "server/database/testing/private_cluster.h"
#include "tests/chaos/processes.h"

namespace hone::testing {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

inline double SecondsSince(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

class ChaosFarm : public ::testing::Test {
 protected:
  ChaosFarm() {
    char folder[] = "/tmp/hone-kill.XXXXXX";
    folder_ = mkdtemp(folder);
    address_ = "unix:" + folder_ + "/s";
    database_ = SharedCluster().NewDatabase();
  }
  ~ChaosFarm() override {
    processes_.clear();
    if (!HasFailure()) std::filesystem::remove_all(folder_);
  }

  std::vector<std::string> ServerArgs() const {
    return {"--listen",          address_,           "--database", database_,      "--no-search-worker",
            "--allow-synthetic", "--heartbeat-secs", "0.5",        "--lease-secs", "1.5"};
  }
  void AddServer() { Add("server", BuiltBinary("server/hone-server"), ServerArgs()); }

  std::vector<std::string> WorkerArgs(const std::string& name, const std::vector<std::string>& flags) const {
    std::vector<std::string> args = {"--server", address_, "--roles", name.substr(0, 3) == "run" ? "run" : name,
                                     "--name",   name};
    args.insert(args.end(), flags.begin(), flags.end());
    return args;
  }
  void AddWorkers(const std::vector<std::string>& names, const std::vector<std::string>& flags) {
    for (const std::string& name : names) Add(name, BuiltBinary("worker/hone-worker"), WorkerArgs(name, flags));
  }

  void Add(const std::string& name, const std::string& binary, std::vector<std::string> args) {
    processes_[name] = std::make_unique<Process>(binary, std::move(args), folder_ + "/" + name + ".log");
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

  // A job with a task a script; repeated, with the same request id, until it is known to be stored.
  std::string Submit(const std::vector<std::string>& scripts, int64_t trials, int trials_per_round) {
    v1::SubmitJobRequest request;
    request.set_request_id(StrCat("chaos", submitted_++));
    v1::JobSpec& spec = *request.mutable_spec();
    spec.set_target_json(R"({"kind":"llvm","num-cores":1})");
    spec.set_max_trials(trials);
    spec.set_trials_per_round(trials_per_round);
    for (const std::string& script : scripts) {
      v1::TaskSpec& task = *spec.add_tasks();
      task.set_name(StrCat("t", spec.tasks_size()));
      *task.mutable_workload() = ToProto(WorkloadFromScript(script));
    }
    v1::SubmitJobResponse response;
    Until("submitting", 20, [&] {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + milliseconds(2000));
      return v1::TuningService::NewStub(Channel())->SubmitJob(&context, request, &response).ok();
    });
    return response.job_id();
  }

  bool Report(const std::string& id, v1::JobReport* report) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + milliseconds(1000));
    v1::GetJobRequest request;
    request.set_job_id(id);
    return v1::TuningService::NewStub(Channel())->GetJob(&context, request, report).ok();
  }

  void Kill(const std::string& victim) {
    if (victim == "postgres") {
      SharedCluster().Kill();
      SharedCluster().Restart();
    } else {
      processes_[victim]->Kill();
      processes_[victim]->Start();
    }
  }

  // Seconds until the server answers and until the next trial of `id` is done; trials seen so far never go down.
  void KillDuring(const std::string& id, const std::string& victim) {
    printf("kill %d: %s after %ld trials\n", ++kills_, victim.c_str(), static_cast<long>(report_.trials()));
    Kill(victim);
    if (victim == "server") {
      worst_serving_ = std::max(worst_serving_, WaitUntilServing());
      auto start = steady_clock::now();
      int64_t before = -1;
      Until("dispatching", 20, [&] {
        if (!Report(id, &report_)) return false;
        if (before < 0) before = report_.trials();
        return report_.trials() > before || EndedNow();
      });
      worst_dispatch_ = std::max(worst_dispatch_, SecondsSince(start));
    }
    v1::JobReport now;
    if (!Report(id, &now)) return;
    EXPECT_GE(now.trials(), report_.trials()) << "a finished trial was lost";
    report_ = now;
  }

  bool EndedNow() const { return report_.state() >= v1::JOB_STATE_DONE; }

  // Waits for the end of the job and holds its records against its report.
  void CheckJob(const std::string& id, int64_t trials, int tasks, double limit_secs) {
    Until("the end of the job", limit_secs, [&] { return Report(id, &report_) && EndedNow(); });
    EXPECT_EQ(report_.state(), v1::JOB_STATE_DONE) << report_.reason();
    EXPECT_EQ(report_.trials(), trials);
    std::set<Slot> slots;
    v1::ListRecordsRequest request;
    request.set_job_id(id);
    request.set_include_failed(true);
    request.set_limit(1000);
    do {
      v1::ListRecordsResponse response;
      Until("listing", 20, [&] {
        grpc::ClientContext context;
        return v1::RecordService::NewStub(Channel())->ListRecords(&context, request, &response).ok();
      });
      for (const v1::TuningRecord& record : response.records()) {
        EXPECT_TRUE(slots.insert(FromProto(record.slot())).second) << "a slot is stored twice";
      }
      request.set_after(response.cursor());
    } while (request.after() != 0);
    EXPECT_EQ(static_cast<int64_t>(slots.size()), trials + tasks);  // With the baselines.
    for (const v1::FailureCount& failure : report_.failures()) {
      printf("failures: kind %d, %lu times, such as: %s\n", failure.kind(), static_cast<unsigned long>(failure.count()),
             failure.example().substr(0, 200).c_str());
    }
  }

  void CheckTimes() {
    printf("%d kills in %d jobs; worst: serving again %.2f s, next trial %.2f s after that\n", kills_, submitted_,
           worst_serving_, worst_dispatch_);
    EXPECT_LT(worst_serving_, 5);
    EXPECT_LT(worst_dispatch_, 10);
  }

  std::string folder_, address_, database_;
  std::map<std::string, std::unique_ptr<Process>> processes_;
  v1::JobReport report_;
  int submitted_ = 0, kills_ = 0;
  double worst_serving_ = 0, worst_dispatch_ = 0;
};

}  // namespace hone::testing
