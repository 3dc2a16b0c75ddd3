// Until these two primitives land: candidates that need them are refused. Real definitions replace the weak ones.
#include "common/schedule/schedule.h"

namespace hone::schedule {

[[gnu::weak]] absl::Status Schedule::Tensorize(BlockOrLoopRv, std::string_view, bool) {
  return absl::UnimplementedError("tensorize is not there yet");
}
[[gnu::weak]] absl::Status Schedule::TransformLayout(BlockRv, int, BufferSide, const ir::IndexMapNode*,
                                                     const ir::IndexMapNode*, bool) {
  return absl::UnimplementedError("transform_layout is not there yet");
}

}  // namespace hone::schedule
