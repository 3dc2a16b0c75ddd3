// Calls of any primitive with arbitrary arguments, sense or nonsense, as a trace from anywhere may hold them.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/schedule/schedule.h"
#include "common/support/random.h"

namespace hone::schedule::testing {

// Makes calls on one schedule, which must outlive it, and remembers what they put out.
class AnyCaller {
 public:
  explicit AnyCaller(Schedule& schedule) : schedule_(schedule) {}

  // Looks up blocks and loops of the program as it is now, so that calls have something to work on.
  void LookAround(CounterRandom& random);

  // One call of `row` whose arguments have the types of its signature. Mostly they mean something: random variables
  // that were put out (some no longer valid), small numbers, known words, maps of the right number of inputs.
  absl::Status Call(const InstructionRow& row, CounterRandom& random);
  // Of a row picked at random.
  absl::Status Call(CounterRandom& random);

 private:
  Value Argument(char letter, CounterRandom& random);
  Value Number(CounterRandom& random);
  Value Word(CounterRandom& random);
  Value Map(CounterRandom& random);
  std::vector<Value> Arguments(std::string_view signature, CounterRandom& random);
  Value RvOf(std::string_view kinds, CounterRandom& random);

  Schedule& schedule_;
  std::vector<std::pair<char, Rv>> known_;
  size_t inputs_of_map_ = 2;  // What the next index map is probably for.
};

// Whether what the primitive does is right only under conditions that its caller must see to: it changes data types or
// declared accesses, or does what the peer does although it is wrong (tests/conformance/differences.md).
bool MayChangeResults(std::string_view primitive);

// How many statements a run of the program would execute at least roughly; a large number when that is not known.
double RoughSteps(const ir::IRModule& module);

}  // namespace hone::schedule::testing
