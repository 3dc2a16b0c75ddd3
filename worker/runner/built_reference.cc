#include "worker/runner/built_reference.h"

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/runner/comparison.h"
#include "worker/runner/input_set.h"
#include "worker/runner/reduction_length.h"
#include "worker/runner/wire.h"

namespace hone::runner {
namespace {

// Objects of workloads that were not asked for lately are built again.
constexpr size_t kMaxWorkloads = 64;

// Outputs are left zero where `roles`, which may be empty, says that they are no more than that.
absl::StatusOr<std::vector<std::string>> MakeInputs(const std::vector<TensorInfo>& args, uint64_t seed,
                                                    const std::vector<ArgRole>& roles) {
  std::vector<std::string> contents;
  for (size_t i = 0; i < args.size(); ++i) {
    HONE_ASSIGN_OR_RETURN(const uint64_t bytes, BytesOfTensor(args[i]));
    std::string tensor(bytes, '\0');
    if (roles.empty() || roles[i] != ArgRole::kOutput) {
      HONE_RETURN_IF_ERROR(FillTensor(args[i], seed, i, reinterpret_cast<uint8_t*>(tensor.data())));
    }
    contents.push_back(std::move(tensor));
  }
  return contents;
}

void PoisonOutputs(const std::vector<ArgRole>& roles, std::vector<std::string>* contents) {
  for (size_t i = 0; i < roles.size(); ++i) {
    if (roles[i] == ArgRole::kOutput) (*contents)[i].assign((*contents)[i].size(), static_cast<char>(kPoisonByte));
  }
}

double LengthOf(const ReferenceKey& key, const std::vector<ArgRole>& roles) {
  if (const std::optional<double> length = ReductionLengthOf(key.workload_script)) return *length;
  std::vector<bool> is_output;
  for (ArgRole role : roles) is_output.push_back(role != ArgRole::kInput);
  return EstimateReductionLength(key.args, is_output);
}

}  // namespace

BuiltReferenceProvider::BuiltReferenceProvider(std::shared_ptr<Builder> builder,
                                               std::shared_ptr<KernelExecutor> executor, Oracle oracle,
                                               absl::Duration timeout)
    : builder_(std::move(builder)), executor_(std::move(executor)), oracle_(std::move(oracle)), timeout_(timeout) {}

absl::StatusOr<BuiltReferenceProvider::Workload> BuiltReferenceProvider::Find(const ReferenceKey& key) {
  mutex_.AssertHeld();
  const Digest id = Sha256(key.workload_script);
  if (auto it = workloads_.find(id); it != workloads_.end()) return it->second;
  BuildRequest request;
  request.workload_script = key.workload_script;
  request.target_json = key.target_json;
  std::vector<BuildResult> results = builder_->Build({&request, 1});
  if (results.size() != 1 || !results[0].artifact.has_value()) {
    const std::string why =
        results.size() == 1 && results[0].failure.has_value() ? results[0].failure->message : "no result";
    return absl::FailedPreconditionError(StrCat("the unscheduled workload does not build: ", why));
  }
  if (workloads_.size() >= kMaxWorkloads) workloads_.erase(workloads_.begin());
  return workloads_[id] = Workload{*std::move(results[0].artifact), {}};
}

absl::Status BuiltReferenceProvider::FindRoles(const Artifact& artifact, const std::vector<std::string>& inputs,
                                               std::vector<ArgRole>* roles, std::vector<std::string>* results) {
  HONE_ASSIGN_OR_RETURN(const std::vector<std::string> first, executor_->Execute(artifact, inputs, timeout_));
  roles->clear();
  for (size_t i = 0; i < inputs.size(); ++i) {
    roles->push_back(first[i] == inputs[i] ? ArgRole::kInput : ArgRole::kOutput);
  }
  std::vector<std::string> poisoned = inputs;
  PoisonOutputs(*roles, &poisoned);
  HONE_ASSIGN_OR_RETURN(*results, executor_->Execute(artifact, poisoned, timeout_));
  if (*results == first) return absl::OkStatus();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if ((*roles)[i] == ArgRole::kOutput && first[i] != (*results)[i]) (*roles)[i] = ArgRole::kInOut;
  }
  poisoned = inputs;
  PoisonOutputs(*roles, &poisoned);
  HONE_ASSIGN_OR_RETURN(*results, executor_->Execute(artifact, poisoned, timeout_));
  return absl::OkStatus();
}

absl::Status BuiltReferenceProvider::CrossCheck(const ReferenceKey& key, const std::vector<ArgRole>& roles,
                                                const std::vector<std::string>& contents,
                                                const std::vector<std::string>& results) {
  if (oracle_ == nullptr) return absl::OkStatus();
  absl::StatusOr<std::vector<std::string>> expected = oracle_(key.workload_script, key.args, contents);
  if (absl::IsUnimplemented(expected.status())) return absl::OkStatus();
  HONE_RETURN_IF_ERROR(expected.status());
  const double length = LengthOf(key, roles);
  for (size_t i = 0; i < roles.size(); ++i) {
    const TensorComparison comparison =
        CompareTensor(key.args[i], reinterpret_cast<const uint8_t*>(results[i].data()),
                      reinterpret_cast<const uint8_t*>((*expected)[i].data()), ToleranceOf(key.args[i].dtype, length));
    if (comparison.right) continue;
    return absl::FailedPreconditionError(StrCat("the unscheduled build and the interpreter disagree about parameter ",
                                                i, ": ", comparison.detail, " by the interpreter"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Reference>> BuiltReferenceProvider::Get(const ReferenceKey& key) {
  absl::MutexLock lock(&mutex_);
  HONE_ASSIGN_OR_RETURN(Workload workload, Find(key));
  if (workload.artifact.args != key.args) {
    return absl::InvalidArgumentError("the candidate's parameters are not those of the workload");
  }
  HONE_ASSIGN_OR_RETURN(std::vector<std::string> contents, MakeInputs(key.args, key.input_seed, workload.roles));
  std::vector<std::string> results;
  if (workload.roles.empty()) {
    HONE_RETURN_IF_ERROR(FindRoles(workload.artifact, contents, &workload.roles, &results));
    PoisonOutputs(workload.roles, &contents);
    HONE_RETURN_IF_ERROR(CrossCheck(key, workload.roles, contents, results));
    workloads_[Sha256(key.workload_script)].roles = workload.roles;
  } else {
    PoisonOutputs(workload.roles, &contents);
    HONE_ASSIGN_OR_RETURN(results, executor_->Execute(workload.artifact, contents, timeout_));
  }
  auto reference = std::make_shared<Reference>();
  reference->roles = workload.roles;
  reference->reduction_length = LengthOf(key, workload.roles);
  for (size_t i = 0; i < results.size(); ++i) {
    const bool input = workload.roles[i] == ArgRole::kInput;
    reference->contents.push_back(input ? std::string() : std::move(results[i]));
  }
  return reference;
}

}  // namespace hone::runner
