#include "client/cpp/builder.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/local/local_measure.h"

namespace hone::meta_schedule {
namespace {

std::string Script(const ir::IRModule& module) {
  if (!module) return {};
  script::PrintOptions options;
  options.show_meta = true;
  return script::PrintModule(module, options);
}

BuilderResult Error(std::string message) { return {std::nullopt, std::move(message)}; }

BuilderResult Stored(const StoredArtifact& artifact) {
  absl::StatusOr<std::string> path = StoreArtifact(artifact);
  if (!path.ok()) return Error(std::string(path.status().message()));
  return {*std::move(path), std::nullopt};
}

class LocalBuilder final : public Builder {
 public:
  // `owned` may be null.
  LocalBuilder(hone::Builder& builder, std::unique_ptr<hone::Builder> owned, absl::Duration timeout)
      : owned_(std::move(owned)), builder_(builder), timeout_(timeout) {}

  std::vector<BuilderResult> Build(absl::Span<const BuilderInput> inputs) override {
    std::vector<BuildRequest> requests;
    for (const BuilderInput& input : inputs) {
      if (input.params.has_value()) continue;
      BuildRequest request;
      request.workload_script = Script(input.mod);
      request.target_json = input.target.ToJson();
      request.timeout = timeout_;
      requests.push_back(std::move(request));
    }
    std::vector<BuildResult> built = builder_.Build(requests);
    std::vector<BuilderResult> out;
    size_t next = 0;
    for (const BuilderInput& input : inputs) {
      if (input.params.has_value()) {
        out.push_back(Error("LocalBuilder: bound parameters are not supported, expected null"));
        continue;
      }
      out.push_back(ToResult(input, std::move(built[next++])));
    }
    return out;
  }

 private:
  BuilderResult ToResult(const BuilderInput& input, BuildResult built) const {
    if (!built.artifact.has_value()) {
      if (built.failure->kind == FailureKind::kBuildTimeout) {
        return Error(StrCat("LocalBuilder: Timeout, killed after ", absl::ToDoubleSeconds(timeout_),
                            " seconds: ", built.failure->message));
      }
      return Error(StrCat("LocalBuilder: An exception occurred\n", built.failure->message));
    }
    StoredArtifact artifact;
    artifact.kernel = std::move(built.artifact);
    artifact.workload_script = Script(input.workload);
    artifact.trace_json = input.trace_json;
    artifact.target_json = input.target.ToJson();
    return Stored(artifact);
  }

  const std::unique_ptr<hone::Builder> owned_;
  hone::Builder& builder_;
  const absl::Duration timeout_;
};

// The farm replays, builds and runs a candidate in one go; this only packs it.
class RemoteBuilder final : public Builder {
 public:
  std::vector<BuilderResult> Build(absl::Span<const BuilderInput> inputs) override {
    std::vector<BuilderResult> out;
    for (const BuilderInput& input : inputs) {
      if (input.params.has_value() || !input.workload || input.trace_json.empty()) {
        out.push_back(Error("remote builder: a candidate needs its workload and its trace, and no bound parameters"));
        continue;
      }
      out.push_back(Stored({std::nullopt, Script(input.workload), input.trace_json, input.target.ToJson()}));
    }
    return out;
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Builder>> Builder::Create(std::string_view kind, const BuilderOptions& options) {
  if (kind == "remote") return std::unique_ptr<Builder>(std::make_unique<RemoteBuilder>());
  if (kind != "local") {
    return absl::InvalidArgumentError(StrCat("builder \"", kind, "\", expected local or remote"));
  }
  LocalMeasureOptions local;
  local.build_workers = options.max_workers > 0 ? options.max_workers
                                                : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<hone::Builder> builder, CreateLocalBuilder(local));
  hone::Builder& reference = *builder;
  return std::unique_ptr<Builder>(std::make_unique<LocalBuilder>(reference, std::move(builder), options.timeout));
}

std::unique_ptr<Builder> LocalBuilderOver(hone::Builder& builder, absl::Duration timeout) {
  return std::make_unique<LocalBuilder>(builder, nullptr, timeout);
}

}  // namespace hone::meta_schedule
