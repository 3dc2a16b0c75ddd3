// A plug-in whose rule crashes on the first block it sees.
#include "server/space/plugin.h"

namespace {

class Crash final : public hone::ScheduleRule {
 public:
  std::string_view name() const override { return "Crash"; }
  std::unique_ptr<hone::ScheduleRule> Clone() const override { return std::make_unique<Crash>(*this); }
  absl::StatusOr<std::vector<hone::schedule::Schedule>> Apply(hone::schedule::Schedule sch,
                                                              hone::schedule::BlockRv block) override {
    volatile int* nowhere = nullptr;
    *nowhere = block.id;
    return hone::OneSchedule(std::move(sch));
  }
};

}  // namespace

HONE_PLUGIN(registry) { registry.AddRule(std::make_unique<Crash>()); }
