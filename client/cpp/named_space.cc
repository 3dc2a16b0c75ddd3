#include "client/cpp/named_space.h"

#include <utility>

#include "common/support/status_macros.h"
#include "server/space/space_factory.h"

namespace hone::meta_schedule {
namespace {

template <typename Parts>
Parts ClonesOf(const Parts& parts) {
  Parts out;
  for (const auto& part : parts) out.push_back(part->Clone());
  return out;
}

Mutators ClonesOf(const Mutators& mutators) {
  Mutators out;
  for (const auto& m : mutators) out.push_back({m.mutator->Clone(), m.probability});
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NamedSpace>> NamedSpace::Create(std::string name) {
  HONE_RETURN_IF_ERROR(CheckSpaceName(name));
  return std::unique_ptr<NamedSpace>(new NamedSpace(std::move(name)));
}

absl::Status NamedSpace::Initialize(const SpaceContext& context, const ir::IRModule& workload) {
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<SpaceGenerator> inner, MakeSpaceGenerator(name_, context, workload));
  if (!resolved_) has_own_lists_ = has_rules_ || has_postprocs_ || has_mutators_;
  resolved_ = true;
  if (!has_rules_) SetRules(ClonesOf(inner->rules()));
  if (!has_postprocs_) SetPostprocs(ClonesOf(inner->postprocs()));
  if (!has_mutators_) SetMutators(ClonesOf(inner->mutators()));
  if (has_own_lists_) {
    inner->SetRules(ClonesOf(rules_));
    inner->SetPostprocs(ClonesOf(postprocs_));
    inner->SetMutators(ClonesOf(mutators_));
    HONE_RETURN_IF_ERROR(inner->Initialize(context, workload));
  }
  inner_ = std::move(inner);
  return SpaceGenerator::Initialize(context, workload);
}

absl::StatusOr<std::vector<schedule::Schedule>> NamedSpace::Generate(const ir::IRModule& module, int64_t seed) {
  if (inner_ == nullptr) return absl::FailedPreconditionError("the space generator has not been initialised");
  return inner_->Generate(module, seed);
}

std::unique_ptr<SpaceGenerator> NamedSpace::Clone() const {
  std::unique_ptr<NamedSpace> out(new NamedSpace(name_));
  out->CopyListsFrom(*this);
  if (inner_ != nullptr) out->inner_ = inner_->Clone();
  out->resolved_ = resolved_;
  out->has_own_lists_ = has_own_lists_;
  return out;
}

std::optional<std::string> StockSpaceName(const SpaceGenerator& generator) {
  const auto* named = dynamic_cast<const NamedSpace*>(&generator);
  if (named == nullptr || !named->is_stock()) return std::nullopt;
  return named->name();
}

}  // namespace hone::meta_schedule
