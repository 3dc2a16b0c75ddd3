// Space generators by name, as `--space` and `--special-space` give them.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/space/plugin.h"

namespace hone {

// Makes and initialises the generator `name`:
//   post-order-apply         the default rules of the target's kind, with what the plug-ins add to them
//   post-order-apply(KIND)   the same with the lists of another kind, such as post-order-apply(llvm)
//   hone, hone(KIND)         the same with rules of Hone's own among them: more designs than the peer's space has
//   NAME                     a space of a plug-in
//   union(NAME, NAME, ...)   the spaces of all of them, in order
//   union                    post-order-apply and every space of the plug-ins
// InvalidArgument for other names, with the nearest known one; errors of Initialize as they are.
absl::StatusOr<std::unique_ptr<SpaceGenerator>> MakeSpaceGenerator(std::string_view name, const SpaceContext& context,
                                                                   const ir::IRModule& workload,
                                                                   const PluginRegistry& plugins = {});

// Whether MakeSpaceGenerator knows `name`, without a target or a workload; InvalidArgument as there.
absl::Status CheckSpaceName(std::string_view name, const PluginRegistry& plugins = {});

}  // namespace hone
