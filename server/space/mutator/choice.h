// Another index of a categorical sample, by its probabilities.
#pragma once

#include <cstdint>

#include "common/schedule/instruction.h"
#include "common/support/random.h"

namespace hone::mutate {

// Never `current`; -1 when there is no other.
int64_t OtherCategory(const schedule::Instruction& sample, int64_t current, CounterRandom& random);
// Number of candidates of a SampleCategorical.
size_t NumCategories(const schedule::Instruction& sample);
// The index of the instruction that puts out `rv`; -1 when none does.
int ProducerOf(const std::vector<schedule::Instruction>& instructions, size_t before, schedule::Rv rv);

}  // namespace hone::mutate
