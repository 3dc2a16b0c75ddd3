// A refusal told to a person: the primitive, the program around the blocks and loops concerned, and the condition.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/schedule/schedule.h"

namespace hone::schedule {

// How much of a refusal is rendered; the peer's error_render_level.
enum class ErrorRenderLevel : uint8_t {
  kDetail = 0,  // The program around the offending nodes, which are underlined, and the message.
  kFast = 1,    // "ScheduleError: <message>".
  kNone = 2,    // "ScheduleError: (not rendered)".
};

// What `status`, which a method of `schedule` (or the application of a trace to it) has just returned, says, for a
// person. Renders nothing before it is called, and must be called before the schedule changes: a refusal keeps the
// numbers of the nodes only. Errors that are no refusals come as their message at every level but kNone.
//
//   ScheduleError: the primitive "bind" is refused
//       for i in range(128):
//           for j in range(128):
//           ^^^^^^^^^^^^^^^^^^^^  tir.For#0
//               ...
//   Error message: bind: loop "j": The loop is ...
std::string RenderScheduleError(const Schedule& schedule, const absl::Status& status,
                                ErrorRenderLevel level = ErrorRenderLevel::kDetail);

// The lines of the program around the nodes that `schedule` last refused, without syntactic sugar; empty when they name
// no node.
std::string RenderProgramAround(const Schedule& schedule);

}  // namespace hone::schedule
