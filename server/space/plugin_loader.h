// Loads plug-ins into this process. Only searching processes do: whatever a plug-in breaks, it breaks there.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/space/plugin.h"

namespace hone {

// Loads the libraries in their order and lets each fill the registry. They stay loaded until the process ends. Errors:
// NotFound for a file that is not there; InvalidArgument for one that cannot be loaded, that lacks the entry points, or
// that was built against other headers, with the reason.
absl::StatusOr<PluginRegistry> LoadPlugins(const std::vector<std::string>& paths);

// A plug-in as a job names it, among those that the operator installed on this machine (`--plugin PATH`): the name of
// its file, with or without folder and ".so". NotFound names those that are installed.
absl::StatusOr<std::string> FindInstalledPlugin(const std::string& name, const std::vector<std::string>& installed);

}  // namespace hone
