// Makes the design spaces of a workload: schedules whose traces' sampling instructions span all candidates.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/schedule/schedule.h"
#include "server/space/context.h"
#include "server/space/mutator.h"
#include "server/space/postproc.h"
#include "server/space/schedule_rule.h"

namespace hone {

// Holds the rules, postprocs and mutators of a space. Users derive from it.
class SpaceGenerator {
 public:
  SpaceGenerator() = default;
  virtual ~SpaceGenerator() = default;
  SpaceGenerator(SpaceGenerator&&) = default;
  SpaceGenerator& operator=(SpaceGenerator&&) = default;
  // Fills what was not set with the defaults of the target's kind and prepares it.
  virtual absl::Status Initialize(const SpaceContext& context, const ir::IRModule& workload);
  // The spaces, in order; each schedule has a trace. `seed` as in ScheduleOptions.
  virtual absl::StatusOr<std::vector<schedule::Schedule>> Generate(const ir::IRModule& module, int64_t seed) = 0;
  virtual std::unique_ptr<SpaceGenerator> Clone() const = 0;

  const ScheduleRules& rules() const { return rules_; }
  const Postprocs& postprocs() const { return postprocs_; }
  const Mutators& mutators() const { return mutators_; }
  // Take the place of the defaults; before Initialize.
  void SetRules(ScheduleRules rules);
  void SetPostprocs(Postprocs postprocs);
  void SetMutators(Mutators mutators);
  bool has_rules() const { return has_rules_; }
  bool has_postprocs() const { return has_postprocs_; }
  bool has_mutators() const { return has_mutators_; }

 protected:
  void CopyListsFrom(const SpaceGenerator& other);

  ScheduleRules rules_;
  Postprocs postprocs_;
  Mutators mutators_;
  bool has_rules_ = false;
  bool has_postprocs_ = false;
  bool has_mutators_ = false;
  schedule::TensorIntrinTable intrinsics_ = nullptr;
};

// Applies every rule to every block, consumers before producers.
class PostOrderApply final : public SpaceGenerator {
 public:
  // Only blocks for which it returns true are scheduled; null = all.
  using BlockFilter = std::function<bool(const ir::BlockNode*)>;
  explicit PostOrderApply(BlockFilter filter = nullptr) : filter_(std::move(filter)) {}
  absl::StatusOr<std::vector<schedule::Schedule>> Generate(const ir::IRModule& module, int64_t seed) override;
  std::unique_ptr<SpaceGenerator> Clone() const override;

 private:
  BlockFilter filter_;
};

// The spaces of several generators, one after the other.
class SpaceGeneratorUnion final : public SpaceGenerator {
 public:
  explicit SpaceGeneratorUnion(std::vector<std::unique_ptr<SpaceGenerator>> parts) : parts_(std::move(parts)) {}
  absl::Status Initialize(const SpaceContext& context, const ir::IRModule& workload) override;
  absl::StatusOr<std::vector<schedule::Schedule>> Generate(const ir::IRModule& module, int64_t seed) override;
  std::unique_ptr<SpaceGenerator> Clone() const override;

 private:
  std::vector<std::unique_ptr<SpaceGenerator>> parts_;
};

// A function of the user's that schedules a fresh schedule, in one of three forms: it changes the schedule and returns
// nothing, it returns a schedule, or it returns a list of them.
class ScheduleFn final : public SpaceGenerator {
 public:
  using InPlace = std::function<absl::Status(schedule::Schedule&)>;
  using ToMany = std::function<absl::StatusOr<std::vector<schedule::Schedule>>(schedule::Schedule)>;
  using ToOne = std::function<absl::StatusOr<schedule::Schedule>(schedule::Schedule)>;
  static ScheduleFn OfInPlace(InPlace f);
  static ScheduleFn OfOne(ToOne f);
  explicit ScheduleFn(ToMany f) : function_(std::move(f)) {}
  absl::StatusOr<std::vector<schedule::Schedule>> Generate(const ir::IRModule& module, int64_t seed) override;
  std::unique_ptr<SpaceGenerator> Clone() const override;

 private:
  ToMany function_;
};

}  // namespace hone
