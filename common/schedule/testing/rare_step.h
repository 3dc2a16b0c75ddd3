// Random calls of the primitives that recorded cases reach seldom: kinds of loops, annotations, scopes, data types,
// layouts of blocks, samplings and look-ups. For tests that check each by running the program.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/schedule/schedule.h"
#include "common/support/random.h"

namespace hone::schedule::testing {

// Kinds of instructions, as traces name them.
absl::Span<const std::string_view> RarePrimitives();

// Calls the primitive (one of the above) with random arguments, most of them sensible; where it only makes sense with
// another one (a sampled number, an annotation), also that one. NotFound when the program has nothing to call it on.
absl::Status RareStep(Schedule& schedule, std::string_view primitive, CounterRandom& random);

}  // namespace hone::schedule::testing
