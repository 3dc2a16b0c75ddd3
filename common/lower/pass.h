// What a lowering pass is: a function from a PrimFunc to a PrimFunc, one file each. The list is in pipeline.cc.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/ir/module.h"

namespace hone::lower {

// What passes need to know of the machine; see TraitsOf in lower.h.
struct MachineTraits {
  std::string kind = "llvm";
  int vector_bits = 128;        // Widest vector register.
  int vector_registers = 16;    // How many there are.
  bool masked_vectors = false;  // Loads and stores under a mask are as cheap as plain ones.
  int sm = 0;                   // Of a CUDA device: 80 for sm_80.
};

struct PassContext {
  MachineTraits machine;
  // LowerMatchBuffer refuses accesses that leave a row of a view whose rows do not follow each other in the source: the
  // code would be wrong. Analyses that never run the program have no use for that.
  bool check_views = true;
};

// Runs with an ArenaScope active. Errors are the program's: they name the loop, block or buffer.
using PassFunction = absl::StatusOr<ir::PrimFunc> (*)(ir::PrimFunc func, const PassContext& context);

struct Pass {
  std::string_view name;  // TVM's where it has the pass, as --dump-after takes it.
  PassFunction run;
};

// `func` with another body; the same node when the body is the same.
inline ir::PrimFunc WithBody(ir::PrimFunc func, ir::Stmt body) {
  if (body == func->body) return func;
  auto* copy = ir::CopyNode(func);
  copy->body = body;
  return copy;
}

}  // namespace hone::lower
