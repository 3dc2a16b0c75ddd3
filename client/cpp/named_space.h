// Space generators by name, before their target is known.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/space/space_generator.h"

namespace hone::meta_schedule {

// The generator that server/space/space_factory.h makes of a name, as soon as it is initialised. Lists that were set
// before then take the place of the name's own.
class NamedSpace final : public SpaceGenerator {
 public:
  // InvalidArgument, naming the nearest one, when nothing is called so.
  static absl::StatusOr<std::unique_ptr<NamedSpace>> Create(std::string name);

  absl::Status Initialize(const SpaceContext& context, const ir::IRModule& workload) override;
  // FailedPrecondition before Initialize.
  absl::StatusOr<std::vector<schedule::Schedule>> Generate(const ir::IRModule& module, int64_t seed) override;
  std::unique_ptr<SpaceGenerator> Clone() const override;

  // The name alone says all: no list was set.
  bool is_stock() const { return !has_own_lists_ && (resolved_ || !(has_rules_ || has_postprocs_ || has_mutators_)); }
  const std::string& name() const { return name_; }

 private:
  explicit NamedSpace(std::string name) : name_(std::move(name)) {}

  const std::string name_;
  std::unique_ptr<SpaceGenerator> inner_;
  bool resolved_ = false;       // The lists are those of the name where they were not set.
  bool has_own_lists_ = false;  // Once resolved: some were set.
};

// The name of a generator that a server can make as well as we; nullopt for others.
std::optional<std::string> StockSpaceName(const SpaceGenerator& generator);

}  // namespace hone::meta_schedule
