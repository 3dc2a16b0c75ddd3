#include "server/space/space_generator.h"

#include "common/schedule/state.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/analysis.h"
#include "server/space/default_lists.h"

namespace hone {

using schedule::BlockRv;
using schedule::Schedule;
using schedule::SrefId;

void SpaceGenerator::SetRules(ScheduleRules rules) {
  rules_ = std::move(rules);
  has_rules_ = true;
}
void SpaceGenerator::SetPostprocs(Postprocs postprocs) {
  postprocs_ = std::move(postprocs);
  has_postprocs_ = true;
}
void SpaceGenerator::SetMutators(Mutators mutators) {
  mutators_ = std::move(mutators);
  has_mutators_ = true;
}

void SpaceGenerator::CopyListsFrom(const SpaceGenerator& other) {
  for (const auto& rule : other.rules_) rules_.push_back(rule->Clone());
  for (const auto& postproc : other.postprocs_) postprocs_.push_back(postproc->Clone());
  for (const auto& m : other.mutators_) mutators_.push_back({m.mutator->Clone(), m.probability});
  has_rules_ = other.has_rules_;
  has_postprocs_ = other.has_postprocs_;
  has_mutators_ = other.has_mutators_;
  intrinsics_ = other.intrinsics_;
}

absl::Status SpaceGenerator::Initialize(const SpaceContext& context, const ir::IRModule& workload) {
  intrinsics_ = context.intrinsics;
  if (!has_rules_ || !has_postprocs_ || !has_mutators_) {
    HONE_ASSIGN_OR_RETURN(const std::string_view kind, RuleKindForSpace(context.target));
    if (!has_rules_) {
      HONE_ASSIGN_OR_RETURN(rules_, DefaultScheduleRules(kind));
    }
    if (!has_postprocs_) {
      HONE_ASSIGN_OR_RETURN(postprocs_, DefaultPostprocs(kind));
    }
    if (!has_mutators_) {
      HONE_ASSIGN_OR_RETURN(mutators_, DefaultMutators(kind));
    }
    has_rules_ = has_postprocs_ = has_mutators_ = true;
  }
  for (const auto& rule : rules_) HONE_RETURN_IF_ERROR(rule->Initialize(context));
  for (const auto& postproc : postprocs_) HONE_RETURN_IF_ERROR(postproc->Initialize(context));
  for (const auto& m : mutators_) HONE_RETURN_IF_ERROR(m.mutator->Initialize(context, workload));
  return absl::OkStatus();
}

namespace {

absl::StatusOr<Schedule> FreshSchedule(const ir::IRModule& module, int64_t seed,
                                       schedule::TensorIntrinTable intrinsics) {
  schedule::ScheduleOptions options;
  options.seed = seed;
  options.intrinsics = intrinsics;
  return Schedule::Create(module, options);
}

// Names of the blocks below `id`, children before parents.
void CollectPostOrder(const schedule::ScheduleState& state, SrefId id, const PostOrderApply::BlockFilter& filter,
                      std::vector<std::string>& names) {
  for (SrefId child = state.at(id).first_child; child != schedule::kNoSref; child = state.at(child).next_sibling) {
    CollectPostOrder(state, child, filter, names);
  }
  const ir::BlockNode* block = state.block(id);
  if (block != nullptr && (!filter || filter(block))) names.emplace_back(block->name);
}

}  // namespace

absl::StatusOr<std::vector<Schedule>> PostOrderApply::Generate(const ir::IRModule& module, int64_t seed) {
  HONE_ASSIGN_OR_RETURN(Schedule first, FreshSchedule(module, seed, intrinsics_));
  std::vector<BlockRv> all_blocks;
  for (std::string_view function : first.state().FunctionNames()) {
    std::vector<std::string> names;
    CollectPostOrder(first.state(), first.state().RootOf(function), filter_, names);
    for (const std::string& name : names) {
      HONE_ASSIGN_OR_RETURN(const BlockRv block, first.GetBlock(name, function));
      all_blocks.push_back(block);
    }
  }
  struct Pending {
    Schedule sch;
    size_t blocks;  // The first so many of all_blocks are still to do.
  };
  std::vector<Schedule> result;
  result.push_back(std::move(first));
  for (const auto& rule : rules_) {
    std::vector<Pending> stack;
    for (Schedule& sch : result) stack.push_back({std::move(sch), all_blocks.size()});
    result.clear();
    while (!stack.empty()) {
      Pending top = std::move(stack.back());
      stack.pop_back();
      if (top.blocks == 0) {
        result.push_back(std::move(top.sch));
        continue;
      }
      const BlockRv block = all_blocks[top.blocks - 1];
      --top.blocks;
      const absl::StatusOr<SrefId> sref = top.sch.SrefOf(block);
      const bool skip = !sref.ok() || (rule->name() != "ApplyCustomRule" &&
                                       space::HasAnnotation(top.sch.state(), *sref, "schedule_rule"));
      if (skip) {
        stack.push_back(std::move(top));
        continue;
      }
      absl::StatusOr<std::vector<Schedule>> grown = rule->Apply(std::move(top.sch), block);
      if (!grown.ok()) {
        return absl::Status(grown.status().code(),
                            StrCat("schedule rule ", rule->name(), ": ", ToStd(grown.status().message())));
      }
      for (Schedule& sch : *grown) stack.push_back({std::move(sch), top.blocks});
    }
  }
  return result;
}

std::unique_ptr<SpaceGenerator> PostOrderApply::Clone() const {
  auto copy = std::make_unique<PostOrderApply>(filter_);
  copy->CopyListsFrom(*this);
  return copy;
}

absl::Status SpaceGeneratorUnion::Initialize(const SpaceContext& context, const ir::IRModule& workload) {
  HONE_RETURN_IF_ERROR(SpaceGenerator::Initialize(context, workload));
  for (const auto& part : parts_) HONE_RETURN_IF_ERROR(part->Initialize(context, workload));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Schedule>> SpaceGeneratorUnion::Generate(const ir::IRModule& module, int64_t seed) {
  std::vector<Schedule> out;
  for (const auto& part : parts_) {
    HONE_ASSIGN_OR_RETURN(std::vector<Schedule> spaces, part->Generate(module, seed));
    for (Schedule& sch : spaces) out.push_back(std::move(sch));
  }
  return out;
}

std::unique_ptr<SpaceGenerator> SpaceGeneratorUnion::Clone() const {
  std::vector<std::unique_ptr<SpaceGenerator>> parts;
  for (const auto& part : parts_) parts.push_back(part->Clone());
  auto copy = std::make_unique<SpaceGeneratorUnion>(std::move(parts));
  copy->CopyListsFrom(*this);
  return copy;
}

ScheduleFn ScheduleFn::OfInPlace(InPlace f) {
  return ScheduleFn([f = std::move(f)](Schedule sch) -> absl::StatusOr<std::vector<Schedule>> {
    HONE_RETURN_IF_ERROR(f(sch));
    return OneSchedule(std::move(sch));
  });
}

ScheduleFn ScheduleFn::OfOne(ToOne f) {
  return ScheduleFn([f = std::move(f)](Schedule sch) -> absl::StatusOr<std::vector<Schedule>> {
    HONE_ASSIGN_OR_RETURN(Schedule out, f(std::move(sch)));
    return OneSchedule(std::move(out));
  });
}

absl::StatusOr<std::vector<Schedule>> ScheduleFn::Generate(const ir::IRModule& module, int64_t seed) {
  HONE_ASSIGN_OR_RETURN(Schedule sch, FreshSchedule(module, seed, intrinsics_));
  return function_(std::move(sch));
}

std::unique_ptr<SpaceGenerator> ScheduleFn::Clone() const {
  auto copy = std::make_unique<ScheduleFn>(function_);
  copy->CopyListsFrom(*this);
  return copy;
}

}  // namespace hone
