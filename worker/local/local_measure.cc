#include "worker/local/local_measure.h"

#include <utility>

#include "common/support/status_macros.h"
#include "common/target/host.h"
#include "common/target/target.h"
#include "worker/builder/build_one.h"
#include "worker/builder/local_builder.h"
#include "worker/codegen/cuda/cuda_codegen.h"
#include "worker/codegen/llvm/llvm_codegen.h"
#include "worker/local/gpu_measure.h"
#include "worker/local/interpreter_oracle.h"
#include "worker/runner/built_reference.h"
#include "worker/runner/executor.h"
#include "worker/runner/local_runner.h"

namespace hone {
namespace {

bool IsForGpu(const LocalMeasureOptions& options) {
  if (options.target_json.empty()) return false;
  const absl::StatusOr<Target> target = Target::Parse(options.target_json);
  return target.ok() && target->kind() == "cuda";
}

absl::StatusOr<std::unique_ptr<builder::LocalBuilder>> MakeBuilder(const LocalMeasureOptions& options) {
  builder::LocalBuilderOptions builder_options;
  builder_options.workers = options.build_workers > 0 ? options.build_workers : UsablePhysicalCores();
  builder_options.cpus = options.build_cpus;
  // A GPU keeps its own time: compilers need not wait for it.
  const bool gpu = IsForGpu(options);
  builder_options.pause_while_timing = !gpu;
  return builder::LocalBuilder::Create(builder::BuildOne, gpu ? builder::WarmUpCudaCompiler : builder::WarmUpCompiler,
                                       builder_options);
}

absl::StatusOr<std::unique_ptr<runner::LocalRunner>> MakeRunner(const LocalMeasureOptions& options,
                                                                std::shared_ptr<Builder> builder) {
  runner::LocalRunnerOptions runner_options;
  runner_options.measure_cpus = options.measure_cpus;
  if (runner_options.measure_cpus.empty()) {
    runner_options.measure_cpus = runner::DefaultMeasureCpus(UsablePhysicalCores());
  }
  runner_options.compiler_revision = codegen::CodegenRevision();
  auto executor = std::make_shared<runner::SandboxExecutor>(runner_options.measure_cpus);
  auto built = std::make_shared<runner::BuiltReferenceProvider>(
      std::move(builder), std::move(executor),
      options.check_with_interpreter ? MakeInterpreterOracle() : runner::Oracle());
  constexpr uint64_t kReferenceBytes = uint64_t{1} << 30;
  runner_options.references =
      runner::MakeCachingReferenceProvider(std::move(built), options.reference_folder, kReferenceBytes);
  return runner::LocalRunner::Create(std::move(runner_options));
}

}  // namespace

struct LocalMeasure::Parts {
  std::shared_ptr<builder::LocalBuilder> builder;
  std::unique_ptr<runner::LocalRunner> cpu;  // Exactly one of cpu and gpu.runner.
  GpuMeasure gpu;
  std::vector<int> no_cpus;
};

LocalMeasure::LocalMeasure(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LocalMeasure::~LocalMeasure() = default;

absl::StatusOr<std::unique_ptr<LocalMeasure>> LocalMeasure::Create(LocalMeasureOptions options) {
  auto parts = std::make_unique<Parts>();
  HONE_ASSIGN_OR_RETURN(parts->builder, MakeBuilder(options));
  if (IsForGpu(options)) {
    HONE_ASSIGN_OR_RETURN(parts->gpu,
                          MakeGpuMeasure(parts->builder, options.reference_folder, options.check_with_interpreter));
  } else {
    HONE_ASSIGN_OR_RETURN(parts->cpu, MakeRunner(options, parts->builder));
  }
  return std::unique_ptr<LocalMeasure>(new LocalMeasure(std::move(parts)));
}

Builder& LocalMeasure::builder() { return *parts_->builder; }
Runner& LocalMeasure::runner() {
  if (parts_->cpu != nullptr) return *parts_->cpu;
  return *parts_->gpu.runner;
}
int LocalMeasure::build_workers() const { return parts_->builder->pool().workers(); }
const std::vector<int>& LocalMeasure::measure_cpus() const {
  return parts_->cpu != nullptr ? parts_->cpu->measure_cpus() : parts_->no_cpus;
}
int LocalMeasure::run_slots() const { return parts_->cpu != nullptr ? 1 : parts_->gpu.slots; }
std::string LocalMeasure::codegen_revision() const {
  return parts_->cpu != nullptr ? codegen::CodegenRevision() : codegen::CudaCodegenRevision();
}
std::string LocalMeasure::sandbox_layers() {
  return parts_->cpu != nullptr ? parts_->cpu->SandboxLayers() : parts_->gpu.sandbox_layers;
}

absl::StatusOr<std::unique_ptr<Builder>> CreateLocalBuilder(const LocalMeasureOptions& options) {
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<builder::LocalBuilder> builder, MakeBuilder(options));
  return builder;
}

RunResult BuildAndRun(LocalMeasure& measure, const std::string& workload_script, const std::string& trace_json,
                      const std::string& target_json, const MeasurementPolicy& policy,
                      const std::string& reference_script) {
  BuildRequest build;
  build.workload_script = workload_script;
  build.trace_json = trace_json;
  build.target_json = target_json;
  BuildResult built = std::move(measure.builder().Build({&build, 1})[0]);
  RunResult result;
  if (built.failure.has_value()) {
    result.failure = std::move(built.failure);
    return result;
  }
  RunRequest run;
  run.artifact = *std::move(built.artifact);
  run.workload_script = reference_script.empty() ? workload_script : reference_script;
  run.target_json = target_json;
  run.policy = policy;
  return measure.runner().Run(run);
}

}  // namespace hone
