#include "server/cost_model/feature/direct/reading.h"

namespace hone::direct {

const Program* ProgramReading::Of(ir::PrimFunc func) {
  if (func_ != func) {
    func_ = func;
    program_.emplace();
    const ir::ArenaScope scope(arena_);
    if (!ReadProgram(func, *program_)) program_.reset();
  }
  return program_.has_value() ? &*program_ : nullptr;
}

}  // namespace hone::direct
