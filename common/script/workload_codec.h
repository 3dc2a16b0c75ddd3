// Workloads of the record layer, which knows text only, from and to IR.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/record/tvm_line.h"
#include "common/record/workload.h"

namespace hone::script {

// Script as printed from the IR, its id, one key for each module equality, and the arithmetic of the program.
Workload WorkloadOfModule(const ir::IRModule& module, std::string name = {});
// The same from text in any layout. InvalidArgument when it does not parse or is not well formed.
absl::StatusOr<Workload> WorkloadOfText(std::string_view text, std::string name = {});

// What a JSON database needs to read and write the files of TVM.
ModuleCodec GraphCodec();

}  // namespace hone::script
