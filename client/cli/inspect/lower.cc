#include "client/cli/inspect/lower.h"

#include <algorithm>
#include <vector>

#include "client/cli/inspect/program.h"
#include "common/lower/lower.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/codegen/cuda/cuda_codegen.h"
#include "worker/codegen/llvm/llvm_codegen.h"

namespace hone::cli {

namespace {

std::string Listed(const std::vector<std::string_view>& names) {
  std::string text;
  for (std::string_view name : names) StrAppend(&text, text.empty() ? "" : ", ", name);
  return text;
}

// The program after each run of the pass, or after every pass, each under a comment that names it.
absl::StatusOr<InspectAnswer> DumpAfter(const ir::IRModule& module, const Target& target, const std::string& wanted) {
  const std::vector<std::string_view> names = lower::PassNames(target);
  if (wanted != "all" && std::find(names.begin(), names.end(), wanted) == names.end()) {
    return absl::InvalidArgumentError(StrCat("dump-after \"", wanted, "\" is neither all nor one of ", Listed(names)));
  }
  std::string text;
  HONE_RETURN_IF_ERROR(lower::Lower(module, target, [&](std::string_view pass, ir::PrimFunc func) {
                         if (wanted != "all" && pass != wanted) return;
                         StrAppend(&text, "# after ", pass, "\n", script::PrintFunc(func), "\n\n");
                       }).status());
  return InspectAnswer().Text("text", text);
}

}  // namespace

absl::StatusOr<InspectAnswer> InspectLower(const InspectCase& question) {
  const std::string emit = question.emit.empty() ? "tir" : question.emit;
  if (emit != "tir" && emit != "llvm-ir" && emit != "asm" && emit != "cuda") {
    return absl::UnimplementedError(StrCat("emit \"", emit, "\" is none of tir, llvm-ir, asm, cuda"));
  }
  HONE_ASSIGN_OR_RETURN(Target target, TargetOf(question));
  HONE_ASSIGN_OR_RETURN(schedule::Schedule schedule, ScheduleProgram(question));
  if (!question.dump_after.empty()) return DumpAfter(schedule.module(), target, question.dump_after);
  HONE_ASSIGN_OR_RETURN(ir::IRModule lowered, lower::Lower(schedule.module(), target));
  if (emit == "tir") return InspectAnswer().Text("text", script::PrintModule(lowered));
  if (emit == "cuda") {
    HONE_ASSIGN_OR_RETURN(codegen::CudaSource source, codegen::EmitCuda(lowered, target));
    return InspectAnswer().Text("text", source.text);
  }
  codegen::CompileOptions options;
  options.object = false;
  options.llvm_ir = emit == "llvm-ir";
  options.assembly = emit == "asm";
  HONE_ASSIGN_OR_RETURN(codegen::CompiledKernel kernel, codegen::CompileCpu(lowered, target, options));
  return InspectAnswer().Text("text", options.llvm_ir ? kernel.llvm_ir : kernel.assembly);
}

}  // namespace hone::cli
