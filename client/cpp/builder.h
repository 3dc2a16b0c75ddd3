// Builders: scheduled modules to artifacts on disk (reference/build_run.md section 1).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/cpp/measure_candidate.h"
#include "common/ir/module.h"
#include "common/target/target.h"

namespace hone::meta_schedule {

struct BuilderInput {
  ir::IRModule mod;  // Scheduled.
  Target target;
  // Constants by parameter name; null in tuning. The stock builders refuse them.
  std::optional<std::map<std::string, std::string>> params = {};
  // Hone's: the unscheduled workload that the kernel must agree with, and the candidate's trace JSON. The runner checks
  // against `workload` when it is there; remote building needs both.
  ir::IRModule workload = {};
  std::string trace_json = {};
};

// Exactly one is set.
struct BuilderResult {
  std::optional<std::string> artifact_path;  // A file in a folder of its own, which is removed with it.
  std::optional<std::string> error_msg;
};

struct BuilderOptions {
  int max_workers = 0;  // Processes that compile; 0 = one a logical CPU.
  absl::Duration timeout = absl::Seconds(30);
};

// Derive from it for a builder of your own. Called from one thread at a time.
class Builder {
 public:
  virtual ~Builder() = default;
  // Results in the order of the inputs. A failure of one input is in its result; never an exception.
  virtual std::vector<BuilderResult> Build(absl::Span<const BuilderInput> inputs) = 0;

  // "local": sandboxed compile processes of this machine; create it before the process has threads. "remote": packs
  // candidates for Runner "rpc", whose farm builds them. InvalidArgument names the kinds for another.
  static absl::StatusOr<std::unique_ptr<Builder>> Create(std::string_view kind = "local",
                                                         const BuilderOptions& options = {});
};

// "local" over a builder that the caller has and that outlives it.
std::unique_ptr<Builder> LocalBuilderOver(::hone::Builder& builder, absl::Duration timeout = absl::Seconds(30));

// What the stock builders leave in an artifact's folder, for runners of one's own.
struct StoredArtifact {
  std::optional<Artifact> kernel;  // Nothing for a packed candidate.
  std::string workload_script;     // Empty when not known.
  std::string trace_json;
  std::string target_json;
};
// Writes into a fresh folder below the system's folder for temporary files; the path to give out.
absl::StatusOr<std::string> StoreArtifact(const StoredArtifact& artifact);
// NotFound or InvalidArgument with the path.
absl::StatusOr<StoredArtifact> LoadArtifact(const std::string& artifact_path);

}  // namespace hone::meta_schedule
