#include "server/space/rule/apply_custom_rule.h"

#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "server/space/analysis.h"
#include "server/space/rule/layout_transform.h"
#include "server/space/rule/winograd.h"

namespace hone {
namespace {

struct Row {
  std::string_view key;
  std::string_view name;
  CustomRule rule;
};

constexpr Row kRows[] = {
    {"cpu", "conv2d_nhwc_winograd_data_pack", winograd::CpuDataPack},
    {"cpu", "conv2d_nchw_winograd_data_pack", winograd::CpuDataPack},
    {"cpu", "conv2d_nhwc_winograd_inverse", winograd::CpuNhwcInverse},
    {"cpu", "conv2d_nchw_winograd_inverse", winograd::CpuNchwInverse},
    {"cuda", "conv2d_nhwc_winograd_data_pack", winograd::CudaNhwcDataPack},
    {"cuda", "conv2d_nhwc_winograd_inverse", winograd::CudaNhwcInverse},
    {"cuda", "conv2d_nchw_winograd_data_pack", winograd::CudaNchwDataPack},
    {"cuda", "conv2d_nchw_winograd_inverse", winograd::CudaNchwInverse},
    {"cuda", "layout_transform", CudaLayoutTransform},
};

}  // namespace

CustomRule FindCustomRule(std::string_view target_key, std::string_view name) {
  for (const Row& row : kRows) {
    if (row.key == target_key && row.name == name) return row.rule;
  }
  return nullptr;
}

CustomRule ApplyCustomRule::Find(std::string_view target_key, std::string_view name) const {
  for (const CustomRuleRow& row : more_) {
    if (row.target_key == target_key && row.name == name) return row.rule;
  }
  return FindCustomRule(target_key, name);
}

absl::Status ApplyCustomRule::Initialize(const SpaceContext& context) {
  keys_ = context.target.keys();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<schedule::Schedule>> ApplyCustomRule::Apply(schedule::Schedule sch,
                                                                       schedule::BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const schedule::SrefId sref, sch.SrefOf(block));
  const std::string rule(space::StringAnnotation(sch.state(), sref, "schedule_rule"));
  if (rule.empty() || rule == "None") return OneSchedule(std::move(sch));
  for (const std::string& key : keys_) {
    if (const CustomRule function = Find(key, rule)) return function(std::move(sch), block);
  }
  HONE_LOG(kWarning) << "block asks for the schedule rule \"" << rule << "\", which no key of the target has";
  HONE_RETURN_IF_ERROR(sch.Unannotate(block, "schedule_rule"));
  return OneSchedule(std::move(sch));
}

}  // namespace hone
