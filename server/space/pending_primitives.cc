// Until tensorize lands: candidates that need it are refused. The real definition replaces the weak one.
#include "common/schedule/schedule.h"

namespace hone::schedule {

[[gnu::weak]] absl::Status Schedule::Tensorize(BlockOrLoopRv, std::string_view, bool) {
  return absl::UnimplementedError("tensorize is not there yet");
}

}  // namespace hone::schedule
