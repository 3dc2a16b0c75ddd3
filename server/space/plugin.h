// What a plug-in is written against: a shared library with schedule rules, postprocs, mutators and spaces of its own.
//
//   #include "server/space/plugin.h"
//   HONE_PLUGIN(registry) { registry.AddRule(std::make_unique<MyRule>()); }
//
// The operator installs it (`--plugin FILE.so`); it is loaded by searching processes only, never by the coordinator,
// and whatever it crashes is the search that uses it. Its undefined symbols are resolved by the program that loads it,
// so it links nothing of Hone, and it must be built with the headers of that very build: PluginAbi is compared when it
// is loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/support/random.h"
#include "server/space/custom_rule.h"
#include "server/space/space_generator.h"

namespace hone {

// The lists that a space generator works with.
struct SpaceLists {
  ScheduleRules rules;
  Postprocs postprocs;
  Mutators mutators;
};

// Collects what plug-ins bring. Filled by one thread, then read by any number.
class PluginRegistry {
 public:
  enum class Place { kFirst, kLast };
  using Edit = std::function<absl::Status(const SpaceContext&, SpaceLists&)>;
  using MakeSpace = std::function<std::unique_ptr<SpaceGenerator>()>;

  // Before or after the default ones of every kind.
  void AddRule(std::unique_ptr<ScheduleRule> rule, Place place = Place::kLast);
  void AddPostproc(std::unique_ptr<Postproc> postproc, Place place = Place::kLast);
  void AddMutator(std::unique_ptr<Mutator> mutator, double probability);
  // Anything else: gets the default lists of the target's kind, may change them as it likes.
  void AddEdit(Edit edit);
  // What a block asks for by its annotation "schedule_rule", for targets with the key.
  void AddCustomRule(std::string_view target_key, std::string_view name, CustomRule rule);
  // A space for `--space NAME`: a function that schedules (see ScheduleFn for its forms), or any generator.
  void AddSpace(std::string_view name, ScheduleFn function);
  void AddSpace(std::string_view name, MakeSpace make);

  // Applies everything to the default lists.
  absl::Status Extend(const SpaceContext& context, SpaceLists& lists) const;
  // Null when no plug-in has a space of that name.
  std::unique_ptr<SpaceGenerator> MakeNamedSpace(std::string_view name) const;
  std::vector<std::string_view> SpaceNames() const;
  bool empty() const { return edits_.empty() && custom_rules_.empty() && spaces_.empty(); }

 private:
  std::vector<Edit> edits_;
  std::vector<CustomRuleRow> custom_rules_;
  std::map<std::string, MakeSpace, std::less<>> spaces_;
};

// Told by the plug-in, compared by the program: the layout of what they exchange.
struct PluginAbi {
  int64_t version;  // Of this header; raised when the meaning of anything here changes.
  int64_t cplusplus;
  int64_t sizes[8];
};
inline constexpr PluginAbi kPluginAbi = {
    1,
    __cplusplus,
    {sizeof(schedule::Schedule), sizeof(schedule::Trace), sizeof(schedule::Instruction), sizeof(schedule::Value),
     sizeof(SpaceContext), sizeof(SpaceGenerator), sizeof(CounterRandom), sizeof(PluginRegistry)}};

}  // namespace hone

extern "C" {
// What HONE_PLUGIN defines.
const hone::PluginAbi* hone_plugin_abi();
void hone_plugin_register(hone::PluginRegistry& registry);
}

// Followed by the body of a function that fills `registry`.
#define HONE_PLUGIN(registry)                                            \
  const hone::PluginAbi* hone_plugin_abi() { return &hone::kPluginAbi; } \
  void hone_plugin_register(hone::PluginRegistry& registry)
