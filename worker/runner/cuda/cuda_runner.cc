#include "worker/runner/cuda/cuda_runner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/time/clock.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/codegen/cuda/launch_plan.h"
#include "worker/runner/comparison.h"
#include "worker/runner/cuda/program_blob.h"
#include "worker/runner/evaluator.h"
#include "worker/runner/input_set.h"
#include "worker/runner/number_formats.h"
#include "worker/runner/statistics.h"

namespace hone::runner {

using cuda::DeviceCommand;
using cuda::DeviceOp;
using cuda::DeviceReply;
using cuda::Element;
using cuda::ParamRole;

namespace {

constexpr int kFreshSets = 2;  // As for CPUs: each costs a run of the reference.

Failure RunFailure(std::string message) { return {FailureKind::kRun, std::move(message)}; }
Failure RunFailure(const absl::Status& status) { return RunFailure(std::string(ToStd(status.message()))); }

ParamRole RoleOf(ArgRole role) {
  switch (role) {
    case ArgRole::kInput:
      return ParamRole::kInput;
    case ArgRole::kOutput:
      return ParamRole::kOutput;
    case ArgRole::kInOut:
      return ParamRole::kInOut;
  }
  return ParamRole::kInput;
}

Element ElementOf(const std::string& dtype) {
  if (dtype == "float16") return Element::kFloat16;
  if (dtype == "bfloat16") return Element::kBFloat16;
  if (dtype == "float32") return Element::kFloat32;
  if (dtype == "float64") return Element::kFloat64;
  return Element::kBytes;
}

// Numbers of data: what they are decides them, so that they mean the same in every process.
uint64_t DataNumber(std::string_view what, const Digest& workload, uint64_t seed, size_t param) {
  const Digest digest = Sha256(StrCat("hone-gpu-data\n", what, "\n", workload.Hex(), "\n", seed, "\n", param));
  uint64_t number = 0;
  std::memcpy(&number, digest.bytes.data(), sizeof(number));
  return number | 1;  // 0 = none.
}

// Mean magnitude of the finite elements.
float MeanMagnitude(const TensorInfo& tensor, const std::string& contents) {
  const Element element = ElementOf(tensor.dtype);
  const auto mean = [&](auto value, size_t size) {
    const size_t count = contents.size() / size;
    double sum = 0;
    size_t finite = 0;
    for (size_t i = 0; i < count; ++i) {
      const double magnitude = std::fabs(value(contents.data() + i * size));
      if (!std::isfinite(magnitude)) continue;
      sum += magnitude;
      ++finite;
    }
    return static_cast<float>(finite == 0 ? 0 : sum / static_cast<double>(finite));
  };
  const auto as = [](auto zero) {
    return [](const char* p) {
      decltype(zero) x;
      std::memcpy(&x, p, sizeof(x));
      return x;
    };
  };
  switch (element) {
    case Element::kFloat32:
      return mean([&](const char* p) { return static_cast<double>(as(0.0f)(p)); }, 4);
    case Element::kFloat64:
      return mean([&](const char* p) { return as(0.0)(p); }, 8);
    case Element::kFloat16:
      return mean([&](const char* p) { return Float16Value(as(uint16_t{0})(p)); }, 2);
    case Element::kBFloat16:
      return mean([&](const char* p) { return BFloat16Value(as(uint16_t{0})(p)); }, 2);
    case Element::kBytes:
      break;
  }
  return 0;
}

absl::StatusOr<std::vector<uint64_t>> SizesOf(const std::vector<TensorInfo>& args) {
  if (args.size() > cuda::kMaxParams) {
    return absl::InvalidArgumentError(StrCat(args.size(), " parameters, expected at most ", cuda::kMaxParams));
  }
  std::vector<uint64_t> sizes;
  for (const TensorInfo& arg : args) {
    HONE_ASSIGN_OR_RETURN(const uint64_t bytes, BytesOfTensor(arg));
    sizes.push_back(bytes);
  }
  return sizes;
}

std::string CudaVersion(int version) { return StrCat(version / 1000, ".", version % 1000 / 10); }

std::string FingerprintOf(const cuda::DeviceDescription& device, const std::string& driver_release,
                          const std::string& compiler) {
  nlohmann::json json = {{"device", "gpu"},
                         {"gpu",
                          {{"name", device.name},
                           {"multiprocessors", device.multiprocessors},
                           {"capability", StrCat(device.capability_major, ".", device.capability_minor)},
                           {"l2_bytes", device.l2_bytes},
                           {"memory_bytes", device.memory_bytes}}},
                         {"cuda", CudaVersion(device.driver_version)},
                         {"compiler", compiler}};
  if (!driver_release.empty()) json["driver"] = driver_release;
  return json.dump();
}

}  // namespace

// ---- GpuSlot

std::optional<Failure> GpuSlot::Ready() {
  if (process_ != nullptr && process_->alive()) return std::nullopt;
  NoteDeath();
  absl::Status status;
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (attempt > 0) absl::SleepFor(absl::Seconds(attempt));
    absl::StatusOr<std::unique_ptr<cuda::DeviceProcess>> process = cuda::DeviceProcess::Start(ordinal_);
    status = process.status();
    if (!status.ok()) {
      if (processes_started_ == 0) break;  // Never worked: nothing to wait for.
      continue;
    }
    process_ = *std::move(process);
    description_ = process_->description();
    ++processes_started_;
    return std::nullopt;
  }
  return Failure{FailureKind::kDeviceLost, std::string(ToStd(status.message()))};
}

void GpuSlot::NoteDeath() {
  process_.reset();
  present_.clear();
}

void GpuSlot::Stop() { NoteDeath(); }

std::optional<Failure> GpuSlot::Execute(const DeviceCommand& command, int fd, absl::Time deadline, DeviceReply* reply) {
  if (auto failure = Ready()) return failure;
  std::optional<Failure> failure = process_->Execute(command, fd, deadline, reply);
  if (!process_->alive()) NoteDeath();
  return failure;
}

std::optional<Failure> GpuSlot::Put(uint64_t id, const Data& data, absl::Time deadline) {
  if (auto failure = Ready()) return failure;
  if (Has(id)) return std::nullopt;
  // Half of the device is for kernels.
  uint64_t total = data.count;
  for (const auto& [number, bytes] : present_) total += bytes;
  if (total > description_.memory_bytes / 2) Forget();
  absl::StatusOr<std::shared_ptr<SharedFile>> file = SharedFile::Create(std::max<uint64_t>(data.count, 1));
  if (!file.ok()) return RunFailure(file.status());
  std::memcpy((*file)->data(), data.bytes, data.count);
  DeviceCommand command = {};
  command.op = DeviceOp::kPut;
  command.value = id;
  command.bytes = data.count;
  auto reply = std::make_unique<DeviceReply>();
  if (auto failure = Execute(command, (*file)->fd(), deadline, reply.get())) return failure;
  present_[id] = data.count;
  return std::nullopt;
}

void GpuSlot::Forget() {
  auto reply = std::make_unique<DeviceReply>();
  const std::map<uint64_t, uint64_t> present = std::exchange(present_, {});
  for (const auto& [id, bytes] : present) {
    DeviceCommand command = {};
    command.op = DeviceOp::kDrop;
    command.value = id;
    if (Execute(command, -1, absl::Now() + absl::Seconds(10), reply.get()).has_value()) return;
  }
}

std::optional<Failure> GpuSlot::Load(const Artifact& artifact, const std::vector<ParamRole>& roles,
                                     absl::Time deadline) {
  absl::StatusOr<codegen::DecodedCubin> decoded = codegen::DecodeCubin(artifact.bytes);
  if (!decoded.ok()) return RunFailure(decoded.status());
  absl::StatusOr<std::vector<uint64_t>> sizes = SizesOf(artifact.args);
  if (!sizes.ok()) return RunFailure(sizes.status());
  cuda::Program program;
  for (const codegen::KernelLaunch& kernel : decoded->plan.kernels) {
    cuda::ProgramKernel k;
    k.name = kernel.name;
    std::copy(kernel.grid.begin(), kernel.grid.end(), k.grid);
    std::copy(kernel.block.begin(), kernel.block.end(), k.block);
    k.shared_bytes = kernel.dynamic_shared_bytes;
    k.args.assign(kernel.args.begin(), kernel.args.end());
    program.kernels.push_back(std::move(k));
  }
  if (program.kernels.empty()) return RunFailure("the program launches nothing");
  program.temporaries = decoded->plan.temporary_bytes;
  for (size_t i = 0; i < artifact.args.size(); ++i) {
    program.params.push_back({(*sizes)[i], ElementOf(artifact.args[i].dtype), roles[i]});
  }
  program.image = std::string(decoded->image);
  const std::string blob = cuda::EncodeProgram(std::move(program));
  absl::StatusOr<std::shared_ptr<SharedFile>> file = SharedFile::Create(blob.size());
  if (!file.ok()) return RunFailure(file.status());
  std::memcpy((*file)->data(), blob.data(), blob.size());
  DeviceCommand command = {};
  command.op = DeviceOp::kLoad;
  command.bytes = blob.size();
  auto reply = std::make_unique<DeviceReply>();
  return Execute(command, (*file)->fd(), deadline, reply.get());
}

// ---- CudaExecutor

absl::StatusOr<std::vector<std::string>> CudaExecutor::Execute(const Artifact& artifact,
                                                               const std::vector<std::string>& contents,
                                                               absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  const absl::Time deadline = absl::Now() + timeout;
  auto failed = [](const Failure& failure) {
    if (failure.kind == FailureKind::kRunTimeout) return absl::DeadlineExceededError(failure.message);
    if (failure.kind == FailureKind::kDeviceLost) return absl::UnavailableError(failure.message);
    return absl::InternalError(failure.message);
  };
  DeviceCommand command = {};
  command.op = DeviceOp::kRun;
  slot_.Forget();
  if (auto failure = slot_.Load(artifact, std::vector<ParamRole>(artifact.args.size(), ParamRole::kInOut), deadline)) {
    return failed(*failure);
  }
  for (size_t i = 0; i < contents.size(); ++i) {
    command.input[i] = i + 1;
    const GpuSlot::Data data = {reinterpret_cast<const uint8_t*>(contents[i].data()), contents[i].size()};
    if (auto failure = slot_.Put(i + 1, data, deadline)) return failed(*failure);
  }
  auto reply = std::make_unique<DeviceReply>();
  if (auto failure = slot_.Execute(command, -1, deadline, reply.get())) return failed(*failure);
  std::vector<std::string> results;
  for (size_t i = 0; i < contents.size(); ++i) {
    HONE_ASSIGN_OR_RETURN(const std::shared_ptr<SharedFile> file,
                          SharedFile::Create(std::max<size_t>(contents[i].size(), 1)));
    command.op = DeviceOp::kRead;
    command.value = i;
    command.bytes = contents[i].size();
    if (auto failure = slot_.Execute(command, file->fd(), deadline, reply.get())) return failed(*failure);
    results.emplace_back(reinterpret_cast<const char*>(file->data()), contents[i].size());
  }
  slot_.Forget();
  return results;
}

// ---- CudaRunner

// One run: what Run() does while it holds the lock.
class CudaRunner::Session final : public Sampler {
 public:
  Session(CudaRunner& runner, GpuSlot& slot, const RunRequest& request, RunResult* result)
      : runner_(runner),
        slot_(slot),
        request_(request),
        policy_(request.policy),
        args_(request.artifact.args),
        workload_(Sha256(request.workload_script)),
        result_(*result) {}

  std::optional<Failure> Run() ABSL_EXCLUSIVE_LOCKS_REQUIRED(runner_.mutex_) {
    if (absl::Status status = SizesOf(args_).status(); !status.ok()) return RunFailure(status);
    // What is not cached is made before the run's own time starts.
    if (auto failure = slot_.Ready()) return failure;
    if (Checks()) {
      if (auto failure = Fetch(policy_.input_seed, &reference_)) return failure;
    }
    if (auto failure = Provide(policy_.input_seed, reference_.get(), &command_)) return failure;
    deadline_ = absl::Now() + policy_.timeout;
    if (auto failure = slot_.Load(request_.artifact, Roles(), deadline_)) return failure;
    result_.sandbox_layers = slot_.description().layers;
    if (auto failure = Execute(DeviceOp::kRun, command_)) return failure;
    const double first_run = reply_.seconds[0];
    if (Checks()) {
      if (auto failure = Compare(command_)) return failure;
    }
    if (IsFarBehind(first_run)) {
      result_.samples = {first_run};
      result_.median = first_run;
      result_.number = 1;
      result_.abandoned = true;
      if (Checks()) result_.verdict = Verdict::kRight;
      return std::nullopt;
    }
    if (auto failure = Measure()) return failure;
    if (!Checks()) return std::nullopt;
    if (auto failure = CheckAgain()) return failure;
    result_.verdict = Verdict::kRight;
    return std::nullopt;
  }

  // Sampler.
  std::optional<Failure> Take(int64_t calls, Sample* sample) override {
    if (auto failure = Execute(DeviceOp::kPoison, command_)) return failure;
    DeviceCommand command = command_;
    command.op = DeviceOp::kTime;
    command.value = static_cast<uint64_t>(calls);
    command.flags = policy_.flush_cache ? cuda::kFlushL2 : 0;
    if (auto failure = slot_.Execute(command, -1, deadline_, &reply_)) return failure;
    const std::vector<double> seconds(reply_.seconds,
                                      reply_.seconds + std::min<uint32_t>(reply_.samples, cuda::kMaxSamples));
    sample->seconds_per_call = Median(seconds);
    sample->seconds = reply_.total_seconds;
    return std::nullopt;
  }

 private:
  // The one run that was checked says enough: nothing that it holds besides the kernel's time can explain it.
  bool IsFarBehind(double first_run) const {
    constexpr double kRatio = 3;
    constexpr double kFirstTime = 1e-3;  // Cold caches, and whatever else a first run has to do.
    return policy_.abandon_ratio > 0 && request_.best_so_far.has_value() &&
           first_run > kFirstTime + std::max(kRatio, policy_.abandon_ratio) * *request_.best_so_far;
  }

  bool Checks() const { return policy_.check_result && runner_.options_.references != nullptr; }

  std::vector<ParamRole> Roles() const {
    std::vector<ParamRole> roles(args_.size(), ParamRole::kInOut);
    for (size_t i = 0; i < args_.size() && reference_ != nullptr; ++i) roles[i] = RoleOf(reference_->roles[i]);
    return roles;
  }

  std::optional<Failure> Execute(DeviceOp op, DeviceCommand command) {
    command.op = op;
    return slot_.Execute(command, -1, deadline_, &reply_);
  }

  std::optional<Failure> Fetch(uint64_t seed, std::shared_ptr<const Reference>* reference) {
    return FetchReference(*runner_.options_.references, {request_.workload_script, request_.target_json, args_, seed},
                          reference);
  }

  // Sees that inputs and reference of a set are on the device, and writes their numbers into `command`.
  std::optional<Failure> Provide(uint64_t seed, const Reference* reference, DeviceCommand* command)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(runner_.mutex_) {
    std::vector<bool> is_output(args_.size(), false);
    for (size_t i = 0; i < args_.size() && reference != nullptr; ++i) {
      is_output[i] = reference->roles[i] != ArgRole::kInput;
    }
    const absl::Time patience = absl::Now() + absl::Minutes(5);
    for (size_t i = 0; i < args_.size(); ++i) {
      const bool needs_input = reference == nullptr || reference->roles[i] != ArgRole::kOutput;
      if (needs_input) {
        command->input[i] = DataNumber("input", workload_, seed, i);
        if (!slot_.Has(command->input[i])) {
          std::string contents(BytesOfTensor(args_[i]).value(), '\0');
          const absl::Status filled = FillTensor(args_[i], seed, i, reinterpret_cast<uint8_t*>(contents.data()));
          if (!filled.ok()) return RunFailure(filled);
          if (auto failure = PutText(command->input[i], contents, patience)) return failure;
        }
      }
      if (!is_output[i]) continue;
      const std::string& want = reference->contents[i];
      command->reference[i] = DataNumber("reference", workload_, seed, i);
      if (!slot_.Has(command->reference[i])) {
        if (auto failure = PutText(command->reference[i], want, patience)) return failure;
      }
      auto scale = runner_.scales_.find(command->reference[i]);
      if (scale == runner_.scales_.end()) {
        scale = runner_.scales_.emplace(command->reference[i], MeanMagnitude(args_[i], want)).first;
      }
      command->scale[i] = scale->second;
      command->tolerance[i] = static_cast<float>(ToleranceOf(args_[i].dtype, reference->reduction_length));
    }
    return std::nullopt;
  }

  std::optional<Failure> PutText(uint64_t id, const std::string& contents, absl::Time deadline) {
    return slot_.Put(id, {reinterpret_cast<const uint8_t*>(contents.data()), contents.size()}, deadline);
  }

  std::optional<Failure> Compare(const DeviceCommand& command) {
    if (auto failure = Execute(DeviceOp::kCompare, command)) return failure;
    for (size_t i = 0; i < args_.size(); ++i) {
      const cuda::ParamFindings& found = reply_.params[i];
      const bool output = reference_->roles[i] != ArgRole::kInput;
      if (output) {
        result_.errors.max_abs = std::max(result_.errors.max_abs, static_cast<double>(found.max_abs));
        result_.errors.max_rel = std::max(result_.errors.max_rel, static_cast<double>(found.max_rel));
        result_.errors.tolerance = std::max(result_.errors.tolerance, static_cast<double>(command.tolerance[i]));
      }
      if (found.guard_wrong > 0) {
        return Failure{FailureKind::kCrash,
                       StrCat("parameter ", i, ": ", found.guard_wrong, " bytes were written outside of its buffer")};
      }
      if (found.wrong == 0) continue;
      result_.verdict = Verdict::kWrong;
      return Failure{FailureKind::kWrongResult,
                     StrCat(output ? "output" : "input that was written", " (parameter ", i, "): element ",
                            found.first_wrong, " is ", found.got, ", expected ", found.want, "; ", found.wrong,
                            " elements are wrong, relative tolerance ", command.tolerance[i])};
    }
    return std::nullopt;
  }

  std::optional<Failure> Measure() {
    const cuda::GpuState before = runner_.nvml_->Read();
    if (auto failure = Evaluate(policy_, request_.best_so_far, *this, &evaluation_)) return failure;
    if (auto failure = UseSpareTime()) return failure;
    const cuda::GpuState after = runner_.nvml_->Read();
    Disturbance& disturbance = result_.disturbance;
    disturbance.probe_ghz_before = before.sm_ghz;
    disturbance.probe_ghz_after = after.sm_ghz;
    disturbance.disturbed = evaluation_.disturbed || before.throttled() || after.throttled();
    result_.samples = evaluation_.samples;
    result_.median = Median(evaluation_.samples);
    result_.spread = RelativeSpread(evaluation_.samples);
    result_.number = static_cast<int>(evaluation_.number);
    result_.abandoned = evaluation_.abandoned;
    return std::nullopt;
  }

  // More samples while the device has nothing else to do, of more calls than usual but short enough to be interrupted.
  std::optional<Failure> UseSpareTime() {
    constexpr size_t kMaxSamples = 64;
    constexpr double kSampleSeconds = 4e-3, kFlushSeconds = 50e-6;
    if (!policy_.use_spare_time || request_.awaited == nullptr) return std::nullopt;
    const double fitting = kSampleSeconds / (Median(evaluation_.samples) + kFlushSeconds);
    const int64_t calls =
        std::max(evaluation_.number, std::min(static_cast<int64_t>(fitting), int64_t{cuda::kMaxSamples}));
    const absl::Time end = absl::Now() + policy_.budget_contender;
    while (!request_.awaited() && absl::Now() < end && evaluation_.samples.size() < kMaxSamples) {
      Sample sample;
      if (auto failure = Take(calls, &sample)) return failure;
      evaluation_.samples.push_back(sample.seconds_per_call);
    }
    return std::nullopt;
  }

  // What was timed was right. Contenders also have to compute a set that did not exist when they were built.
  std::optional<Failure> CheckAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(runner_.mutex_) {
    const bool repeatable = std::count(reference_->roles.begin(), reference_->roles.end(), ArgRole::kInOut) == 0;
    if (!repeatable) {
      if (auto failure = Execute(DeviceOp::kRun, command_)) return failure;
    }
    if (auto failure = Compare(command_)) return failure;
    if (!evaluation_.contender) return std::nullopt;
    const uint64_t seed =
        policy_.input_seed + 1 + static_cast<uint64_t>(absl::GetCurrentTimeNanos() / 1000 % kFreshSets);
    std::shared_ptr<const Reference> fresh;
    if (auto failure = Fetch(seed, &fresh)) return failure;
    DeviceCommand command = {};
    if (auto failure = Provide(seed, fresh.get(), &command)) return failure;
    deadline_ = absl::Now() + policy_.timeout;
    if (auto failure = Execute(DeviceOp::kRun, command)) return failure;
    return Compare(command);
  }

  CudaRunner& runner_;
  GpuSlot& slot_;
  const RunRequest& request_;
  const MeasurementPolicy& policy_;
  const std::vector<TensorInfo>& args_;
  const Digest workload_;
  RunResult& result_;
  std::shared_ptr<const Reference> reference_;
  DeviceCommand command_ = {};
  DeviceReply reply_;
  Evaluation evaluation_;
  absl::Time deadline_;
};

absl::StatusOr<std::unique_ptr<CudaRunner>> CudaRunner::Create(CudaRunnerOptions options) {
  std::unique_ptr<CudaRunner> runner(new CudaRunner(std::move(options)));
  absl::MutexLock lock(&runner->mutex_);
  if (std::optional<Failure> failure = runner->slot_.Ready()) {
    return absl::UnavailableError(StrCat("no GPU to measure on: ", failure->message));
  }
  const cuda::DeviceDescription& device = runner->slot_.description();
  runner->nvml_ = cuda::Nvml::Open(device.uuid);
  runner->fingerprint_ = FingerprintOf(device, runner->nvml_->driver_release(), runner->options_.compiler_revision);
  HONE_LOG(kInfo) << "GPU " << runner->options_.ordinal << ": " << device.name << ", sandbox layers " << device.layers;
  return runner;
}

std::string CudaRunner::sandbox_layers() {
  absl::MutexLock lock(&mutex_);
  return slot_.description().layers;
}

uint64_t CudaRunner::processes_started() {
  absl::MutexLock lock(&mutex_);
  return slot_.processes_started();
}

RunResult CudaRunner::Run(const RunRequest& request) {
  const absl::Time start = absl::Now();
  RunResult result;
  if (request.artifact.format != "cubin") {
    result.failure = RunFailure(StrCat("artifact format \"", request.artifact.format, "\", expected \"cubin\""));
    return result;
  }
  {
    absl::MutexLock lock(&mutex_);
    if (++runs_ % options_.max_runs_per_process == 0) slot_.Stop();
    auto session = std::make_unique<Session>(*this, slot_, request, &result);
    result.failure = session->Run();
  }
  result.run_time = absl::Now() - start;
  return result;
}

// ---- RunnerGroup

RunnerGroup::RunnerGroup(std::vector<std::unique_ptr<Runner>> runners) : runners_(std::move(runners)) {
  for (const std::unique_ptr<Runner>& runner : runners_) idle_.push_back(runner.get());
}

RunResult RunnerGroup::Run(const RunRequest& request) {
  Runner* runner = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](std::vector<Runner*>* idle) { return !idle->empty(); }, &idle_));
    runner = idle_.back();
    idle_.pop_back();
  }
  RunResult result = runner->Run(request);
  absl::MutexLock lock(&mutex_);
  idle_.push_back(runner);
  return result;
}

absl::StatusOr<int> CountGpus() {
  if (std::optional<std::string> why = cuda::WhyNoGpu()) return absl::UnavailableError(*why);
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<cuda::DeviceProcess> process, cuda::DeviceProcess::Start(0));
  return process->description().devices;
}

}  // namespace hone::runner
