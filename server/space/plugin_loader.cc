#include "server/space/plugin_loader.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstring>
#include <exception>

#include "absl/strings/str_join.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

absl::Status CheckAbi(const std::string& path, const PluginAbi& abi) {
  if (abi.version != kPluginAbi.version) {
    return absl::InvalidArgumentError(
        StrCat("plug-in ", path, " is of interface version ", abi.version, ", this program has ", kPluginAbi.version));
  }
  if (std::memcmp(&abi, &kPluginAbi, sizeof(abi)) != 0) {
    return absl::InvalidArgumentError(
        StrCat("plug-in ", path, " was built against other headers or with another compiler than this program"));
  }
  return absl::OkStatus();
}

absl::Status LoadPlugin(const std::string& given, PluginRegistry& registry) {
  // Without a slash dlopen would look in the system's folders.
  const std::string path = given.find('/') == std::string::npos ? "./" + given : given;
  if (access(path.c_str(), R_OK) != 0) {
    return absl::NotFoundError(StrCat("plug-in ", given, ": ", std::strerror(errno)));
  }
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return absl::InvalidArgumentError(StrCat("plug-in ", given, ": ", dlerror()));
  const auto abi = reinterpret_cast<const PluginAbi* (*)()>(dlsym(library, "hone_plugin_abi"));
  const auto fill = reinterpret_cast<void (*)(PluginRegistry&)>(dlsym(library, "hone_plugin_register"));
  if (abi == nullptr || fill == nullptr) {
    return absl::InvalidArgumentError(
        StrCat("plug-in ", given, " lacks hone_plugin_abi and hone_plugin_register: it needs HONE_PLUGIN"));
  }
  HONE_RETURN_IF_ERROR(CheckAbi(given, *abi()));
  try {
    fill(registry);
  } catch (const std::exception& e) {
    return absl::InvalidArgumentError(StrCat("plug-in ", given, " threw while it registered: ", e.what()));
  }
  return absl::OkStatus();
}

std::string Stem(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  return std::string(path.ends_with(".so") ? path.substr(0, path.size() - 3) : path);
}

}  // namespace

absl::StatusOr<PluginRegistry> LoadPlugins(const std::vector<std::string>& paths) {
  PluginRegistry registry;
  for (const std::string& path : paths) HONE_RETURN_IF_ERROR(LoadPlugin(path, registry));
  return registry;
}

absl::StatusOr<std::string> FindInstalledPlugin(const std::string& name, const std::vector<std::string>& installed) {
  std::vector<std::string> known;
  for (const std::string& path : installed) {
    if (Stem(path) == Stem(name)) return path;
    known.push_back(Stem(path));
  }
  return absl::NotFoundError(StrCat("plug-in \"", name, "\" is not installed on this search worker; installed: ",
                                    known.empty() ? "none" : absl::StrJoin(known, ", ")));
}

}  // namespace hone
