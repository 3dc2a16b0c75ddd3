#include "server/space/plugin.h"

#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/rule/apply_custom_rule.h"

namespace hone {
namespace {

// A copy of `prototype` into a list, at the place.
template <typename List, typename T>
void Insert(List& list, T item, PluginRegistry::Place place) {
  list.insert(place == PluginRegistry::Place::kFirst ? list.begin() : list.end(), std::move(item));
}

}  // namespace

void PluginRegistry::AddRule(std::unique_ptr<ScheduleRule> rule, Place place) {
  AddEdit([rule = std::shared_ptr<ScheduleRule>(std::move(rule)), place](const SpaceContext&, SpaceLists& lists) {
    Insert(lists.rules, rule->Clone(), place);
    return absl::OkStatus();
  });
}

void PluginRegistry::AddPostproc(std::unique_ptr<Postproc> postproc, Place place) {
  AddEdit([postproc = std::shared_ptr<Postproc>(std::move(postproc)), place](const SpaceContext&, SpaceLists& lists) {
    Insert(lists.postprocs, postproc->Clone(), place);
    return absl::OkStatus();
  });
}

void PluginRegistry::AddMutator(std::unique_ptr<Mutator> mutator, double probability) {
  AddEdit(
      [mutator = std::shared_ptr<Mutator>(std::move(mutator)), probability](const SpaceContext&, SpaceLists& lists) {
        lists.mutators.push_back({mutator->Clone(), probability});
        return absl::OkStatus();
      });
}

void PluginRegistry::AddEdit(Edit edit) { edits_.push_back(std::move(edit)); }

void PluginRegistry::AddCustomRule(std::string_view target_key, std::string_view name, CustomRule rule) {
  custom_rules_.push_back({std::string(target_key), std::string(name), rule});
}

void PluginRegistry::AddSpace(std::string_view name, ScheduleFn function) {
  AddSpace(name,
           MakeSpace([function = std::make_shared<ScheduleFn>(std::move(function))] { return function->Clone(); }));
}

void PluginRegistry::AddSpace(std::string_view name, MakeSpace make) {
  spaces_.insert_or_assign(std::string(name), std::move(make));
}

absl::Status PluginRegistry::Extend(const SpaceContext& context, SpaceLists& lists) const {
  if (!custom_rules_.empty()) {
    for (std::unique_ptr<ScheduleRule>& rule : lists.rules) {
      if (rule->name() == "ApplyCustomRule") rule = std::make_unique<ApplyCustomRule>(custom_rules_);
    }
  }
  for (const Edit& edit : edits_) HONE_RETURN_IF_ERROR(edit(context, lists));
  for (const WeightedMutator& m : lists.mutators) {
    if (!(m.probability >= 0)) {
      return absl::InvalidArgumentError(
          StrCat("mutator ", m.mutator->name(), ": probability ", m.probability, " is negative"));
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<SpaceGenerator> PluginRegistry::MakeNamedSpace(std::string_view name) const {
  auto it = spaces_.find(name);
  return it == spaces_.end() ? nullptr : it->second();
}

std::vector<std::string_view> PluginRegistry::SpaceNames() const {
  std::vector<std::string_view> names;
  for (const auto& [name, make] : spaces_) names.push_back(name);
  return names;
}

}  // namespace hone
