// Stand-ins until compute_at and compute_inline are linked in: weak, so that theirs win.
#include "common/schedule/primitive/location_checks.h"

namespace hone::schedule {

__attribute__((weak)) bool CanComputeInline(ScheduleState&, SrefId) { return false; }
__attribute__((weak)) bool CanComputeAt(ScheduleState&, SrefId, SrefId, bool) { return false; }

}  // namespace hone::schedule
