// For tests: a compiled kernel in this process.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/interp/tensor.h"
#include "common/ir/module.h"
#include "common/target/target.h"
#include "worker/codegen/llvm/llvm_codegen.h"

namespace hone::codegen {

class CompiledFunction {
 public:
  // Lowers, compiles and loads `module`.
  static absl::StatusOr<CompiledFunction> Make(const ir::IRModule& module, const Target& target,
                                               const CompileOptions& options = {});

  // Runs on copies of the tensors whose memory is aligned as the measuring runner aligns it, with bytes around it that
  // must stay as they are; copies back. FailedPrecondition when those were changed or the kernel reported an error.
  absl::Status Run(absl::Span<interp::Tensor> args) const;
  // The raw entry.
  int32_t Call(void** buffers) const { return entry_(buffers); }

 private:
  int32_t (*entry_)(void**) = nullptr;
};

// Runs `module` compiled for `target` and in the interpreter, on the same random inputs; OK when they agree.
absl::Status ExpectCompiledAgrees(const ir::IRModule& module, const Target& target, uint64_t seed,
                                  int64_t reduction_length = 1024);

}  // namespace hone::codegen
