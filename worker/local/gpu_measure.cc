#include "worker/local/gpu_measure.h"

#include <utility>
#include <vector>

#include "common/support/status_macros.h"
#include "worker/codegen/cuda/cuda_codegen.h"
#include "worker/local/interpreter_oracle.h"
#include "worker/runner/built_reference.h"
#include "worker/runner/cuda/cuda_runner.h"

namespace hone {

absl::StatusOr<GpuMeasure> MakeGpuMeasure(std::shared_ptr<Builder> builder, const std::string& reference_folder,
                                          bool check_with_interpreter) {
  HONE_ASSIGN_OR_RETURN(const int devices, runner::CountGpus());
  auto built = std::make_shared<runner::BuiltReferenceProvider>(
      std::move(builder), std::make_shared<runner::CudaExecutor>(0),
      check_with_interpreter ? MakeInterpreterOracle() : runner::Oracle());
  constexpr uint64_t kReferenceBytes = uint64_t{4} << 30;
  const std::shared_ptr<runner::ReferenceProvider> references =
      runner::MakeCachingReferenceProvider(std::move(built), reference_folder, kReferenceBytes);
  std::vector<std::unique_ptr<Runner>> runners;
  GpuMeasure measure;
  for (int i = 0; i < devices; ++i) {
    runner::CudaRunnerOptions options;
    options.ordinal = i;
    options.references = references;
    options.compiler_revision = codegen::CudaCodegenRevision();
    HONE_ASSIGN_OR_RETURN(std::unique_ptr<runner::CudaRunner> runner, runner::CudaRunner::Create(options));
    measure.sandbox_layers = runner->sandbox_layers();
    runners.push_back(std::move(runner));
  }
  measure.slots = devices;
  measure.runner = devices == 1 ? std::move(runners[0]) : std::make_unique<runner::RunnerGroup>(std::move(runners));
  return measure;
}

}  // namespace hone
