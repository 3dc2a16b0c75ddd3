#include "worker/runner/executor.h"

#include <cstring>

#include "absl/time/clock.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/runner/input_cache.h"

namespace hone::runner {
namespace {

absl::Status StatusOf(const Failure& failure) {
  const std::string message = StrCat(FailureKindName(failure.kind), ": ", failure.message);
  if (failure.kind == FailureKind::kRunTimeout) return absl::DeadlineExceededError(message);
  if (failure.kind == FailureKind::kDeviceLost) return absl::UnavailableError(message);
  return absl::InternalError(message);
}

}  // namespace

std::optional<Failure> SandboxExecutor::OpenAndCheck(const CandidateOptions& options,
                                                     std::unique_ptr<CandidateProcess>* candidate) {
  if (zygote_ == nullptr) {
    absl::StatusOr<std::unique_ptr<Zygote>> started = Zygote::Start();
    if (!started.ok()) return Failure{FailureKind::kDeviceLost, std::string(started.status().message())};
    zygote_ = *std::move(started);
  }
  std::optional<Failure> failure = CandidateProcess::Open(*zygote_, options, candidate);
  if (!failure.has_value()) failure = (*candidate)->Check(0);
  if (failure.has_value() && failure->kind == FailureKind::kDeviceLost) {
    candidate->reset();
    zygote_.reset();
  }
  return failure;
}

absl::StatusOr<std::vector<std::string>> SandboxExecutor::Execute(const Artifact& artifact,
                                                                  const std::vector<std::string>& contents,
                                                                  absl::Duration timeout) {
  HONE_ASSIGN_OR_RETURN(const BufferLayout layout, LayOutBuffers(artifact.args));
  if (contents.size() != layout.args.size()) {
    return absl::InvalidArgumentError(
        StrCat("the kernel has ", layout.args.size(), " parameters, ", contents.size(), " were given"));
  }
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<SharedFile> inputs, SharedFile::Create(layout.bytes));
  for (size_t i = 0; i < contents.size(); ++i) {
    if (contents[i].size() != layout.args[i].bytes) {
      return absl::InvalidArgumentError(
          StrCat("parameter ", i, " has ", layout.args[i].bytes, " bytes, ", contents[i].size(), " were given"));
    }
    std::memcpy(inputs->data() + layout.args[i].offset, contents[i].data(), contents[i].size());
  }
  CandidateOptions options;
  options.object = artifact.bytes;
  options.entry = artifact.entry;
  options.args = layout.args;
  options.inputs = inputs;
  options.fresh_inputs = inputs;
  HONE_ASSIGN_OR_RETURN(options.shared, SharedFile::Create(layout.bytes + kPageBytes));
  options.cpus = cpus_;
  options.memory_bytes = uint64_t{4} << 30;
  absl::MutexLock lock(&mutex_);
  options.deadline = absl::Now() + timeout;
  std::unique_ptr<CandidateProcess> candidate;
  std::optional<Failure> failure = OpenAndCheck(options, &candidate);
  // The zygote died since the last use: once more with a new one.
  if (failure.has_value() && failure->kind == FailureKind::kDeviceLost) failure = OpenAndCheck(options, &candidate);
  if (failure.has_value()) return StatusOf(*failure);
  std::vector<std::string> results;
  for (size_t i = 0; i < contents.size(); ++i) {
    results.emplace_back(reinterpret_cast<const char*>(candidate->Contents(i)), layout.args[i].bytes);
  }
  return results;
}

}  // namespace hone::runner
