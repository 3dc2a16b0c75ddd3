#include "client/cli/inspect/lower.h"

#include "client/cli/inspect/program.h"
#include "common/lower/lower.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/codegen/llvm/llvm_codegen.h"

namespace hone::cli {

absl::StatusOr<InspectAnswer> InspectLower(const InspectCase& question) {
  const std::string emit = question.emit.empty() ? "tir" : question.emit;
  if (emit != "tir" && emit != "llvm-ir" && emit != "asm") {
    return absl::UnimplementedError(StrCat("emit \"", emit, "\" is none of tir, llvm-ir, asm"));
  }
  HONE_ASSIGN_OR_RETURN(Target target, TargetOf(question));
  HONE_ASSIGN_OR_RETURN(schedule::Schedule schedule, ScheduleProgram(question));
  HONE_ASSIGN_OR_RETURN(ir::IRModule lowered, lower::Lower(schedule.module(), target));
  if (emit == "tir") return InspectAnswer().Text("text", script::PrintModule(lowered));
  codegen::CompileOptions options;
  options.object = false;
  options.llvm_ir = emit == "llvm-ir";
  options.assembly = emit == "asm";
  HONE_ASSIGN_OR_RETURN(codegen::CompiledKernel kernel, codegen::CompileCpu(lowered, target, options));
  return InspectAnswer().Text("text", options.llvm_ir ? kernel.llvm_ir : kernel.assembly);
}

}  // namespace hone::cli
