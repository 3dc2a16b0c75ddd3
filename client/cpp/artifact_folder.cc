#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "client/cpp/builder.h"
#include "common/support/file.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::meta_schedule {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

absl::Status WriteFile(const fs::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.flush()) return absl::UnavailableError(StrCat("cannot write ", path.string()));
  return absl::OkStatus();
}

Json ArgsToJson(const std::vector<TensorInfo>& args) {
  Json out = Json::array();
  for (const TensorInfo& arg : args) out.push_back(Json::parse(ArgInfoToJson(arg)));
  return out;
}

}  // namespace

absl::StatusOr<std::string> StoreArtifact(const StoredArtifact& artifact) {
  std::error_code error;
  std::string folder = (fs::temp_directory_path(error) / "hone-artifact-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    return absl::UnavailableError(StrCat("cannot make the folder ", folder, ": ", std::strerror(errno)));
  }
  Json about = {
      {"workload", artifact.workload_script}, {"trace", artifact.trace_json}, {"target", artifact.target_json}};
  if (artifact.kernel.has_value()) {
    const Artifact& kernel = *artifact.kernel;
    about["key"] = kernel.key.Hex();
    about["format"] = kernel.format;
    about["entry"] = kernel.entry;
    about["args"] = ArgsToJson(kernel.args);
    about["metadata"] = kernel.metadata_json;
    HONE_RETURN_IF_ERROR(WriteFile(fs::path(folder) / "kernel", kernel.bytes));
  }
  const fs::path path = fs::path(folder) / "artifact.json";
  HONE_RETURN_IF_ERROR(WriteFile(path, about.dump()));
  return path.string();
}

absl::StatusOr<StoredArtifact> LoadArtifact(const std::string& artifact_path) {
  HONE_ASSIGN_OR_RETURN(const std::string text, ReadFile(artifact_path));
  const Json about = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const absl::Status bad = absl::InvalidArgumentError(StrCat(artifact_path, " is no artifact of a builder"));
  if (!about.is_object()) return bad;
  StoredArtifact out;
  out.workload_script = about.value("workload", "");
  out.trace_json = about.value("trace", "");
  out.target_json = about.value("target", "");
  if (!about.contains("format")) return out;
  Artifact kernel;
  if (!Digest::FromHex(about.value("key", ""), kernel.key)) return bad;
  if (!about.contains("args") || !about["args"].is_array()) return bad;
  kernel.format = about.value("format", "");
  kernel.entry = about.value("entry", "");
  kernel.metadata_json = about.value("metadata", "");
  for (const Json& arg : about["args"]) {
    HONE_ASSIGN_OR_RETURN(TensorInfo info, ArgInfoFromJson(arg.dump()));
    kernel.args.push_back(std::move(info));
  }
  HONE_ASSIGN_OR_RETURN(kernel.bytes, ReadFile(fs::path(artifact_path).parent_path() / "kernel"));
  out.kernel = std::move(kernel);
  return out;
}

}  // namespace hone::meta_schedule
