#include "server/service/testing/service_fuzz.h"

#include <future>
#include <memory>
#include <utility>

#include "common/record/workload.h"
#include "common/support/check.h"
#include "common/support/log.h"
#include "common/wire/records_wire.h"
#include "hone/v1/records.pb.h"
#include "server/coordinator/workers.h"
#include "server/database/memory_database.h"
#include "server/service/blob_store.h"
#include "server/service/driver.h"
#include "server/service/gate.h"
#include "server/service/limits.h"
#include "server/service/records.h"
#include "server/store/memory_store.h"
#include "server/wire/jobs_wire.h"

namespace hone::testing {
namespace {

// Takes what the driver sends and says nothing.
class DeafLink final : public WorkerLink {
 public:
  void Send(v1::ServerMessage) override {}
  void Close(absl::Status) override {}
};

// One service for all inputs: what one leaves behind, the next meets.
class Service {
 public:
  Service()
      : store_("memory", std::make_unique<MemoryDatabase>()),
        driver_(store_, blobs_, Options(), [](absl::Status) {}),
        records_(store_.records()) {
    SetLogLevel(LogLevel::kError);
    HONE_CHECK_OK(driver_.Start());
    blobs_.Put(BlobKind::kArtifact, Sha256("artifact"), "artifact");
    blobs_.Put(BlobKind::kSkeleton, Sha256("skeleton"), R"([[["GetBlock",[],["C","main"],["b0"]]],[]])");
  }

  void Register(const v1::Register& registration) {
    link_ = std::make_shared<DeafLink>();
    driver_.WorkerOpened(link_, registration);
    Settle();
  }
  void Say(const v1::WorkerMessage& message) {
    if (link_ == nullptr) {
      v1::Register hello;
      hello.set_name("w");
      for (v1::Role role : {v1::ROLE_SEARCH, v1::ROLE_BUILD, v1::ROLE_RUN}) hello.add_roles(role);
      hello.mutable_revisions()->set_protocol(2);
      Register(hello);
    }
    driver_.WorkerSaid(link_, message);
    Settle();
  }
  void Submit(const v1::JobSpec& spec) {
    absl::StatusOr<JobDefinition> job = FromProto(spec);
    if (!job.ok()) return;
    std::promise<std::string> id;
    driver_.SubmitJob(*std::move(job), {}, [&](absl::StatusOr<v1::SubmitJobResponse> response) {
      id.set_value(response.ok() ? response->job_id() : "");
    });
    std::string submitted = id.get_future().get();
    if (!submitted.empty()) driver_.CancelJob({}, submitted, "fuzzed", [](absl::StatusOr<v1::JobReport>) {});
    Settle();
  }
  void Records(int call, const std::string& bytes) {
    Identity who{"f", "t", {}, absl::InfiniteFuture(), false};
    switch (call) {
      case 0: {
        v1::QueryRequest request;
        if (request.ParseFromString(bytes)) (void)records_.Query(who, request);
        return;
      }
      case 1: {
        v1::CommitRequest request;
        if (request.ParseFromString(bytes)) (void)records_.Commit(who, request);
        return;
      }
      case 2: {
        v1::GetRecordRequest request;
        if (request.ParseFromString(bytes)) (void)records_.GetRecord(who, request);
        return;
      }
      default: {
        v1::ListRecordsRequest request;
        if (request.ParseFromString(bytes)) (void)records_.ListRecords(who, request);
        return;
      }
    }
  }
  void WriteBlob(const v1::WriteBlobRequest& request) {
    Digest id;
    if (!Digest::FromRaw(request.id(), id)) return;
    uint64_t received = 0;
    (void)blobs_.Write(static_cast<BlobKind>(static_cast<unsigned>(request.kind()) % 3), id, request.offset(),
                       request.total_bytes(), request.chunk(), received);
  }

 private:
  static DriverOptions Options() {
    DriverOptions options;
    options.revisions.protocol = 2;
    return options;
  }
  // Until the driver's thread has done what it was given.
  void Settle() {
    std::promise<void> done;
    driver_.Stats([&](absl::StatusOr<DriverStats>) { done.set_value(); });
    done.get_future().get();
  }

  MemoryStore store_;
  BlobStore blobs_;
  Driver driver_;
  hone::Records records_;
  std::shared_ptr<DeafLink> link_;
};

template <typename Message>
std::string Seed(char reader, const Message& message) {
  return std::string(1, reader) + message.SerializeAsString();
}

v1::SubmitJobRequest SeedJob() {
  v1::SubmitJobRequest request;
  v1::JobSpec& spec = *request.mutable_spec();
  spec.set_max_trials(8);
  spec.set_target_json(R"({"kind":"llvm","num-cores":2})");
  spec.set_strategy_params_json("{}");
  *spec.add_tasks()->mutable_workload() = ToProto(WorkloadFromScript("w"));
  return request;
}

v1::WorkerMessage SeedOutcome(int kind) {
  v1::WorkerMessage message;
  v1::LeaseToken token;
  token.set_lease(1);
  token.set_attempt(1);
  token.set_leader_epoch(1);
  if (kind == 0) {
    *message.mutable_run_done()->mutable_token() = token;
    v1::Measurement& m = *message.mutable_run_done()->mutable_measurement();
    m.set_metric(v1::METRIC_SECONDS);
    m.set_median(1e-3);
    m.add_samples(1e-3);
    m.set_verdict(v1::VERDICT_RIGHT);
  } else if (kind == 1) {
    *message.mutable_build_done()->mutable_token() = token;
    message.mutable_build_done()->set_artifact_key(Sha256("artifact").Raw());
  } else if (kind == 2) {
    *message.mutable_search_done()->mutable_token() = token;
    v1::SearchCandidate& c = *message.mutable_search_done()->add_candidates();
    c.set_skeleton_id(Sha256("skeleton").Raw());
    c.set_decisions_json("[[0,[1,2]]]");
  } else if (kind == 3) {
    *message.mutable_lease_returned()->mutable_token() = token;
    message.mutable_lease_returned()->set_reason("r");
  } else if (kind == 4) {
    message.mutable_heartbeat()->add_leases(1);
  } else {
    *message.mutable_canary_done()->mutable_token() = token;
    message.mutable_canary_done()->set_secs(1e-3);
  }
  return message;
}

}  // namespace

std::vector<std::string> FuzzSeeds() {
  std::vector<std::string> seeds = {Seed(0, SeedJob())};
  v1::Register hello;
  hello.set_name("w");
  hello.add_roles(v1::ROLE_RUN);
  hello.set_target_json(R"({"kind":"llvm","mcpu":"x"})");
  hello.mutable_revisions()->set_protocol(2);
  hello.set_canary(true);
  seeds.push_back(Seed(1, hello));
  for (int kind = 0; kind < 6; ++kind) seeds.push_back(Seed(2, SeedOutcome(kind)));
  v1::WriteBlobRequest blob;
  blob.set_kind(v1::BLOB_KIND_SKELETON);
  blob.set_id(Sha256("x").Raw());
  blob.set_total_bytes(3);
  blob.set_chunk("abc");
  seeds.push_back(Seed(3, blob));
  v1::QueryRequest query;
  query.set_key(Sha256("k").Raw());
  seeds.push_back(Seed(4, query));
  v1::CommitRequest commit;
  *commit.add_workloads() = ToProto(WorkloadFromScript("w"));
  v1::TuningRecord& record = *commit.add_records();
  record.set_workload_id(WorkloadFromScript("w").id.Raw());
  record.set_trace_json("[[],[]]");
  record.set_target_json("{}");
  record.mutable_measurement()->set_median(1);
  record.set_trust(v1::TRUST_IMPORTED);
  seeds.push_back(Seed(5, commit));
  v1::GetRecordRequest get;
  get.set_id_prefix("0123abcd");
  seeds.push_back(Seed(6, get));
  v1::ListRecordsRequest list;
  list.set_limit(3);
  seeds.push_back(Seed(7, list));
  seeds.push_back("\x08" + Sha256("t").Hex() + " alice team-a user,reader 1900000000\n# comment\n");
  seeds.push_back(
      "\x09"
      R"({"default": {"jobs": 2}, "tenants": {"a": {"weight": 2.5}}})");
  seeds.push_back(
      "\x0a"
      R"({"kind":"llvm","num-cores":4})");
  return seeds;
}

void FeedService(const uint8_t* data, size_t size) {
  static Service& service = *new Service();
  if (size == 0) return;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 11) {
    case 0: {
      v1::SubmitJobRequest request;
      if (request.ParseFromString(bytes)) service.Submit(request.spec());
      return;
    }
    case 1: {
      v1::Register registration;
      if (registration.ParseFromString(bytes)) service.Register(registration);
      return;
    }
    case 2: {
      v1::WorkerMessage message;
      if (message.ParseFromString(bytes)) service.Say(message);
      return;
    }
    case 3: {
      v1::WriteBlobRequest request;
      if (request.ParseFromString(bytes)) service.WriteBlob(request);
      return;
    }
    case 4:
    case 5:
    case 6:
    case 7:
      return service.Records(data[0] % 11 - 4, bytes);
    case 8:
      return (void)Gate::FromText(bytes);
    case 9:
      return (void)LimitsFromJson(bytes);
    default:
      if (CheckJsonShape("target", bytes, 64u << 10, 64).ok())
        (void)TargetMismatch(bytes, R"({"kind":"llvm","arch":"x"})");
      return;
  }
}

}  // namespace hone::testing
