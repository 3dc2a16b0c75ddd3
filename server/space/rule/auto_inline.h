// Inlines a block into its consumers, or into its producer.
#pragma once

#include <string>
#include <vector>

#include "server/space/schedule_rule.h"

namespace hone {

struct AutoInlineConfig {
  bool into_producer = false;
  bool into_consumer = true;
  bool inline_const_tensor = true;
  // These four are lifted in functions all of whose blocks are spatial.
  bool disallow_if_then_else = true;
  bool require_injective = true;
  bool require_ordered = true;
  std::vector<std::string> disallow_op = {"tir.exp"};
};

class AutoInline final : public ScheduleRule {
 public:
  explicit AutoInline(AutoInlineConfig config) : config_(std::move(config)) {}
  std::string_view name() const override { return "AutoInline"; }
  std::string Signature() const override;
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override;
  std::unique_ptr<ScheduleRule> Clone() const override { return std::make_unique<AutoInline>(config_); }

 private:
  enum class Where { kNowhere, kConsumer, kProducer };
  Where Decide(const schedule::Schedule& sch, schedule::BlockRv block, schedule::SrefId sref) const;

  AutoInlineConfig config_;
};

}  // namespace hone
