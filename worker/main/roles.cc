#include "worker/main/roles.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/measure/timing_lock.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "common/target/target.h"
#include "server/search/search_service.h"
#include "server/space/plugin_loader.h"
#include "server/tuning/isolated_search.h"
#include "worker/agent/synthetic.h"
#include "worker/builder/build_one.h"
#include "worker/codegen/cuda/cuda_codegen.h"
#include "worker/codegen/llvm/llvm_codegen.h"
#include "worker/local/device_class.h"
#include "worker/local/gpu_target.h"
#include "worker/local/local_measure.h"
#include "worker/main/canary.h"

namespace hone {
namespace {

// Runs in the searching process: from the first task on it is paused while a kernel is timed on all CPUs.
absl::StatusOr<std::unique_ptr<SearchSession>> OpenPausedWhileTiming(const SearchTaskSpec& spec) {
  static const bool registered = [] {
    if (TimingLock* lock = TimingLock::Host(); lock != nullptr) lock->Register(getpid());
    return true;
  }();
  (void)registered;
  return OpenSearchSession(spec);
}

// Jobs name plug-ins; only those that the operator installed are loaded.
absl::StatusOr<std::unique_ptr<SearchSession>> OpenWithInstalled(SearchTaskSpec spec,
                                                                 const std::vector<std::string>& installed) {
  for (std::string& plugin : spec.plugins) {
    HONE_ASSIGN_OR_RETURN(plugin, FindInstalledPlugin(plugin, installed));
  }
  return OpenPausedWhileTiming(spec);
}

// What the build role compiles for: all that it has a compiler for, or only `asked`. FailedPrecondition when there is
// no compiler.
absl::StatusOr<std::vector<std::string>> BuildKinds(const std::string& asked) {
  std::vector<std::string> kinds = builder::BuildableKinds();
  if (asked.empty() && !kinds.empty()) return kinds;
  if (std::find(kinds.begin(), kinds.end(), asked) != kinds.end()) return std::vector<std::string>{asked};
  std::string message = StrCat("the build role has no compiler for ", asked.empty() ? "any target" : asked);
  if (asked != "cuda" && !codegen::HasLlvm()) StrAppend(&message, ": this program was built without LLVM");
  if (asked == "cuda" || kinds.empty()) {
    StrAppend(&message, asked == "cuda" ? ": " : ", and ", "NVRTC was not found (HONE_NVRTC names its library)");
  }
  return absl::FailedPreconditionError(message);
}

class LocalRoles final : public RoleSet {
 public:
  static absl::StatusOr<std::unique_ptr<RoleSet>> Make(const RoleFlags& flags) {
    auto set = std::make_unique<LocalRoles>();
    std::string kind;  // That was asked for.
    if (flags.target.empty()) {
      set->target_ = DetectHost().ToJson();
    } else {
      HONE_ASSIGN_OR_RETURN(Target target, Target::Parse(flags.target));
      if (flags.run) {
        HONE_ASSIGN_OR_RETURN(target, CompleteGpuTarget(target));
      }
      set->gpu_ = target.kind() == "cuda";
      kind = target.kind();
      set->target_ = target.ToJson();
    }
    if (flags.build) {
      HONE_ASSIGN_OR_RETURN(set->build_kinds_, BuildKinds(kind));
    }
    if (flags.search) {
      set->search_ = std::make_unique<IsolatedSearch>(
          [installed = flags.plugins](const SearchTaskSpec& spec) { return OpenWithInstalled(spec, installed); });
    }
    LocalMeasureOptions options;
    options.target_json = set->target_;
    options.build_workers = flags.build_threads;
    options.measure_cpus = flags.measure_cpus;
    set->build_threads_ = flags.build_threads > 0 ? flags.build_threads : UsablePhysicalCores();
    if (flags.run) {  // Its references are built, so it has a builder of its own.
      HONE_ASSIGN_OR_RETURN(set->measure_, LocalMeasure::Create(options));
      set->run_ = &set->measure_->runner();
      if (flags.build) set->build_ = &set->measure_->builder();
      set->device_.json = set->run_->DeviceFingerprintJson();
      set->device_.device_class = DeviceClassOf(set->device_.json);
    } else if (flags.build) {
      HONE_ASSIGN_OR_RETURN(set->builder_, CreateLocalBuilder(options));
      set->build_ = set->builder_.get();
    }
    return set;
  }

  AgentRoles roles() override {
    AgentRoles roles{build_, run_, search_.get(), nullptr};
    // The canary is an unscheduled kernel, which no GPU runs.
    if (run_ != nullptr && !gpu_) roles.canary = [this] { return TimeCanary(*measure_, target_); };
    return roles;
  }
  int build_threads() const override { return build_threads_; }
  int run_threads() const override { return measure_ != nullptr ? measure_->run_slots() : 1; }
  std::string target_json() const override { return target_; }
  std::vector<std::string> build_kinds() const override { return build_kinds_; }
  DeviceFingerprint device() const override { return device_; }
  std::string codegen_revision() const override {
    return gpu_ ? codegen::CudaCodegenRevision() : codegen::CodegenRevision();
  }

 private:
  std::string target_;
  std::vector<std::string> build_kinds_;
  bool gpu_ = false;
  DeviceFingerprint device_;
  int build_threads_ = 1;
  std::unique_ptr<IsolatedSearch> search_;
  std::unique_ptr<LocalMeasure> measure_;
  std::unique_ptr<Builder> builder_;
  Builder* build_ = nullptr;
  Runner* run_ = nullptr;
};

class SyntheticRoles final : public RoleSet {
 public:
  explicit SyntheticRoles(const RoleFlags& flags) : flags_(flags), runner_(*flags.synthetic_run) {}
  AgentRoles roles() override {
    AgentRoles roles{flags_.build ? &builder_ : nullptr, flags_.run ? &runner_ : nullptr,
                     flags_.search ? &search_ : nullptr, nullptr};
    if (flags_.run) roles.canary = [this] { return SyntheticCanary(*flags_.synthetic_run); };
    return roles;
  }
  int build_threads() const override { return std::max(1, flags_.build_threads); }
  int run_threads() const override { return 1; }
  std::string target_json() const override { return ""; }
  std::vector<std::string> build_kinds() const override { return {}; }
  DeviceFingerprint device() const override { return {"synthetic", runner_.DeviceFingerprintJson()}; }
  std::string codegen_revision() const override { return "synthetic"; }

 private:
  const RoleFlags flags_;
  SyntheticBuilder builder_;
  SyntheticRunner runner_;
  DirectSearchRunner search_{OpenSyntheticSession};
};

}  // namespace

absl::StatusOr<std::unique_ptr<RoleSet>> MakeRoles(const RoleFlags& flags) {
  if (flags.synthetic_run) return std::make_unique<SyntheticRoles>(flags);
  return LocalRoles::Make(flags);
}

}  // namespace hone
