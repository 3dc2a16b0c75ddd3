// A scheduled function read once for all who look at it: the limits of a GPU and the features.
#pragma once

#include <optional>

#include "common/ir/arena.h"
#include "server/cost_model/feature/direct/program.h"

namespace hone::direct {

// Keeps the last reading. Functions that it was asked for must outlive it: it knows them by their address. Not
// thread-safe.
class ProgramReading {
 public:
  // `func` as ReadProgram reads it for features; null when it is not of the form. Valid until another is asked for.
  const Program* Of(ir::PrimFunc func);

 private:
  const ir::PrimFuncNode* func_ = nullptr;
  ir::Arena arena_;  // Of the expressions in `program_`.
  std::optional<Program> program_;
};

}  // namespace hone::direct
