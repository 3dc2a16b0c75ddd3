// The record of how a schedule was made: instructions and their decisions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ir/arena.h"
#include "common/schedule/instruction.h"

namespace hone::schedule {

class Schedule;

// A value; copies share what the instructions point to. Not for use by several threads while one of them changes it.
class Trace {
 public:
  Trace() = default;
  // `arena` holds what the instructions point to.
  Trace(std::vector<Instruction> instructions, std::shared_ptr<const ir::Arena> arena);

  const std::vector<Instruction>& instructions() const { return instructions_; }
  size_t size() const { return instructions_.size(); }
  bool empty() const { return instructions_.empty(); }
  const std::shared_ptr<const ir::Arena>& arena() const { return arena_; }

  // `instruction` and its values stay where they are: in this trace's arena or one it keeps alive.
  void Append(const Instruction& instruction) { instructions_.push_back(instruction); }
  // Removes the last instruction; nullopt when there is none.
  std::optional<Instruction> Pop();
  // None when it has no decision.
  const Value& DecisionOf(size_t instruction) const { return instructions_[instruction].decision; }

  // How many instructions come before the first EnterPostproc (all when there is none).
  size_t SizeWithoutPostproc() const;

  // A copy with one decision replaced, cut before the first EnterPostproc if asked.
  Trace WithDecision(size_t instruction, const Value& decision, bool remove_postproc) const;
  // A copy in an arena of its own, with the decisions of `replayed`, whose first size() instructions were made by
  // replaying this one. Lets go of the arenas that this trace came from, unless an index map lies in them.
  Trace WithDecisionsOf(const Trace& replayed) const;
  // Without pure instructions whose outputs nobody uses.
  Trace Simplified(bool remove_postproc) const;

  // Takes the place of an instruction's decision during replay; gets the instruction and the decision it has.
  using DecisionProvider = absl::FunctionRef<Value(size_t index, const Instruction& instruction)>;
  // Applies the instructions to `schedule`, which records them in its own trace. On failure the schedule stays as the
  // instructions before made it, and the error says which one failed.
  absl::Status ApplyTo(Schedule& schedule, bool remove_postproc = false) const;
  absl::Status ApplyTo(Schedule& schedule, bool remove_postproc, DecisionProvider provider) const;

  // One Python statement an instruction.
  std::vector<std::string> AsPython(bool remove_postproc = false) const;
  // The whole as a Python function `apply_trace`.
  std::string ToString() const;

 private:
  absl::Status Apply(Schedule& schedule, bool remove_postproc, const DecisionProvider* provider) const;

  std::vector<Instruction> instructions_;
  std::shared_ptr<const ir::Arena> arena_;
};

}  // namespace hone::schedule
