// What rules, postprocs and mutators know of the task they work on.
#pragma once

#include "common/schedule/schedule.h"
#include "common/target/target.h"

namespace hone {

struct SpaceContext {
  Target target;
  schedule::TensorIntrinTable intrinsics = nullptr;
};

}  // namespace hone
