#include "bench/records/generate.h"

#include <cmath>
#include <vector>

#include "common/support/random.h"
#include "common/support/strings.h"

namespace hone::bench {
namespace {

constexpr int kSkeletons = 3;  // Design spaces a workload.
constexpr int kTilings = 9;    // Sampled tilings a trace.
constexpr int kPools = 4;

// A trace as long as those of a matmul on a CPU, about 3 KB.
std::string Instructions(int workload, int skeleton) {
  std::string text = StrCat(R"([["GetBlock",[],["T_matmul_)", workload, R"(","main"],["b0"]])");
  for (int i = 0; i < kTilings; ++i) {
    const int v = 10 + 9 * i;
    StrAppend(&text, R"(,["GetLoops",["b0"],[],["l)", v, R"(","l)", v + 1, "\"]]");
    StrAppend(&text, R"(,["SamplePerfectTile",["l)", v, R"("],[4,)", 16 << skeleton, R"(],["v)", v + 1, R"(","v)",
              v + 2, R"(","v)", v + 3, R"(","v)", v + 4, "\"]]");
    StrAppend(&text, R"(,["Split",["l)", v, R"(","v)", v + 1, R"(","v)", v + 2, R"(","v)", v + 3, R"(","v)", v + 4,
              R"("],[1,0],["l)", v + 5, R"(","l)", v + 6, R"(","l)", v + 7, R"(","l)", v + 8, "\"]]");
    StrAppend(&text, R"(,["Annotate",["b0",)", 1 << (i % 5), R"(],["meta_schedule.unroll_explicit"],[]])");
  }
  return text + R"(,["EnterPostproc",[],[],[]],["Parallel",["l15"],[],[]],["Vectorize",["l25"],[],[]]])";
}

std::string Decisions(CounterRandom& random) {
  std::string text = "[";
  for (int i = 0; i < kTilings; ++i) {
    StrAppend(&text, i ? ",[" : "[", 2 + 4 * i, ",[", 1 << random.Below(5), ",", 1 << random.Below(5), ",",
              1 << random.Below(6), ",", 1 << random.Below(5), "]]");
  }
  return text + "]";
}

uint64_t Mixed(uint64_t value) { return CounterRandom({0x5eed, value}).Next(); }

}  // namespace

Workload WorkloadAt(int number) {
  std::string script = StrCat("# from tvm.script import ir as I\n@I.ir_module\nclass Module:\n    # workload ", number);
  for (int i = 0; i < 30; ++i) {
    StrAppend(&script, "\n        with T.block(\"T_matmul_", number, "\"):  # line ", i,
              ", as long as a line of a program is");
  }
  Workload workload = WorkloadFromScript(std::move(script), StrCat("matmul_", number));
  // Programs that differ in weights only, and those that share their heaviest block.
  workload.keys[1] = Sha256(StrCat("ignore-ndarray ", number / 2));
  workload.keys[2] = Sha256(StrCat("anchor-block ", number / 20));
  workload.flops = 2e9;
  return workload;
}

std::string TargetAt(int device) {
  return StrCat(R"({"keys":["cpu"],"kind":"llvm","mcpu":"model-)", device,
                R"(","mtriple":"x86_64-linux-gnu","num-cores":)", 2 << (device % 6), R"(,"tag":""})");
}

DeviceFingerprint DeviceAt(int number) {
  DeviceFingerprint device;
  device.device_class = StrCat("cpu/Vendor/", 20 + number / 4, "/", number, "/", 2 << (number % 6), "c");
  device.json =
      StrCat(R"({"cpu":{"vendor":"Vendor","model":)", number, R"(,"features":")", std::string(600, 'f'), R"("}})");
  return device;
}

int WorkloadOf(const Shape& shape, int64_t record) {
  return static_cast<int>(Mixed(record / shape.job_trials * 2) % shape.workloads);
}
int DeviceOf(const Shape& shape, int64_t record) {
  return static_cast<int>(Mixed(record / shape.job_trials * 2 + 1) % shape.devices);
}

TuningRecord RecordAt(const Shape& shape, int64_t number) {
  CounterRandom random({7, static_cast<uint64_t>(number)});
  const int workload = WorkloadOf(shape, number), device = DeviceOf(shape, number);
  const int64_t job = number / shape.job_trials;
  thread_local int of = -1;
  thread_local std::vector<std::string> skeletons;
  thread_local Digest workload_id;
  if (of != workload) {
    skeletons.clear();
    for (int i = 0; i < kSkeletons; ++i) skeletons.push_back(Instructions(workload, i));
    workload_id = WorkloadAt(workload).id;
    of = workload;
  }
  TuningRecord record;
  record.workload_id = workload_id;
  record.trace_json = StrCat("[", skeletons[random.Below(kSkeletons)], ",", Decisions(random), "]");
  record.target_json = TargetAt(device);
  record.args_info = std::vector<TensorInfo>{{"float32", {512, 512}}, {"float32", {512, 512}}, {"float32", {512, 512}}};
  record.policy = MeasurementPolicy();
  record.policy->input_seed = random.Next() >> 32;
  record.device = DeviceAt(device);
  record.revisions = {4, 1, "llvm-22/7", "0.1"};
  record.slot = {StrCat("j-20261122-", job), 0, static_cast<uint32_t>(number % shape.job_trials / 64),
                 static_cast<uint32_t>(number % 64)};
  record.lease = {static_cast<uint64_t>(number % 100'000), 1, 3};
  record.worker = StrCat("device-", device);
  record.tenant = record.pool = StrCat("team-", job % kPools);
  record.created_by = record.tenant;
  record.created = absl::FromUnixMillis(1'760'000'000'000 + number * 37);
  record.build_time = absl::Milliseconds(20 + random.Below(50));
  record.artifact_key = Sha256(record.trace_json);
  record.id = RecordId(record);
  record.run.run_time = absl::Milliseconds(100 + random.Below(400));
  record.run.sandbox_layers = "seccomp,rlimits,netns";
  if (random.Below(100) < 8) {
    record.trust = Trust::kFailed;
    record.run.failure = Failure{FailureKind::kRunTimeout, "no answer within 10 s; killed"};
    return record;
  }
  record.trust = Trust::kVerified;
  record.run.median = 1e-4 * std::exp(random.Unit() * 4);
  record.run.spread = random.Unit() * 0.1;
  const int samples = random.Below(10) == 0 ? 15 : 3;  // Contenders are timed longer.
  for (int i = 0; i < samples; ++i) record.run.samples.push_back(record.run.median * (0.98 + 0.04 * random.Unit()));
  record.run.number = 5;
  record.run.verdict = Verdict::kRight;
  record.run.errors = {1e-6, 1e-7, 1e-4};
  record.run.disturbance.probe_ghz_before = record.run.disturbance.probe_ghz_after = 3.7;
  return record;
}

}  // namespace hone::bench
