#include "server/space/rule/multi_level_tiling_with_intrin.h"

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/tensorize_match.h"

namespace hone {

using schedule::Schedule;
using schedule::Value;

absl::Status MultiLevelTilingWithIntrin::Initialize(const SpaceContext& context) {
  HONE_RETURN_IF_ERROR(MultiLevelTiling::Initialize(context));
  if (intrinsics_ == nullptr || intrinsics_(intrin_).description == nullptr) {
    return absl::FailedPreconditionError(StrCat("there is no tensor intrinsic \"", intrin_, "\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Schedule>> MultiLevelTilingWithIntrin::Apply(Schedule sch, schedule::BlockRv block) {
  const schedule::TensorIntrin intrin = intrinsics_(intrin_);
  const space::IntrinDescription description = space::ReadDescription(intrin.description);
  HONE_ASSIGN_OR_RETURN(const schedule::SrefId sref, sch.SrefOf(block));
  const bool fits =
      description.realize != nullptr && space::MapLoops(sch.state(), sref, description).has_value() && [&] {
        const ir::ArenaScope scope(sch.state().arena());
        return space::BodyMatches(sch.state().block(sref), description.realize->block);
      }();
  if (!fits) return OneSchedule(std::move(sch));
  HONE_ASSIGN_OR_RETURN(std::vector<Schedule> out, MultiLevelTiling::Apply(sch.Copy(), block));
  if (out.empty()) return OneSchedule(std::move(sch));
  return out;
}

absl::StatusOr<MultiLevelTiling::States> MultiLevelTilingWithIntrin::ApplySubRules(State state) {
  HONE_ASSIGN_OR_RETURN(const std::optional<schedule::LoopRv> tile,
                        space::TileWithTensorIntrin(state.sch, state.block, intrinsics_(intrin_)));
  if (!tile.has_value()) return States();
  HONE_ASSIGN_OR_RETURN(state.block, state.sch.Blockize(*tile));
  HONE_RETURN_IF_ERROR(state.sch.Annotate(state.block, "meta_schedule.auto_tensorize", Value::String(intrin_)));
  return MultiLevelTiling::ApplySubRules(std::move(state));
}

std::string MultiLevelTilingWithIntrin::Signature() const {
  return StrCat(name(), "(", intrin_, ", ", Arguments(), ")");
}

}  // namespace hone
