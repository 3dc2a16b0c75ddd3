#include "common/lower/lower.h"

#include <gtest/gtest.h>

#include "common/ir/ops.h"
#include "common/lower/pass_checker.h"
#include "common/support/status_matchers.h"
#include "common/workload/standard.h"

namespace hone::lower {
namespace {

TEST(LowerTest, UnscheduledMatmulStaysTheSameAfterEveryPass) {
  for (const MachineTraits& machine : TestMachines()) {
    ExpectEveryPassKeeps(workload::Matmul(17, 12, 9, /*relu=*/true), machine, 1);
  }
}

}  // namespace
}  // namespace hone::lower
