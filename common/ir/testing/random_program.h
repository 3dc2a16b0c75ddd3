// Random schedulable programs for tests that change programs and check that they compute the same.
#pragma once

#include <string>

#include "common/ir/module.h"
#include "common/support/random.h"

namespace hone::ir::testing {

struct RandomProgramOptions {
  int max_stages = 4;
  int max_extent = 9;          // Of a dimension.
  bool predicates = true;      // Loops that do not divide a dimension, guarded by T.where.
  bool integers = true;        // int32 programs beside float32 ones.
  bool all_dtypes = false;     // float16, float64, int16 and int64 programs, too.
  bool shifted_loops = false;  // Some loops do not start at 0.
};

// One function `main` of one to three inputs and one output. Each stage is one block in loops of its own, named as the
// buffer it writes: elementwise, transposed, broadcast, padded, strided or sliding reads, or a sum or maximum over one
// or two axes. Stages before the last write buffers of the root block and are read by a later one. All accesses are in
// bounds, no value overflows, and every block has its regions. The same numbers give the same program.
IRModule RandomProgram(CounterRandom& random, const RandomProgramOptions& options = {});

// The same as text.
std::string RandomScript(CounterRandom& random, const RandomProgramOptions& options = {});

}  // namespace hone::ir::testing
