#include "common/script/workload_codec.h"

#include <utility>

#include "common/ir/module_equality.h"
#include "common/ir/structural_hash.h"
#include "common/ir/well_formed.h"
#include "common/script/graph_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/workload/flops.h"

namespace hone::script {

Workload WorkloadOfModule(const ir::IRModule& module, std::string name) {
  Workload out;
  out.script = PrintModule(module);
  out.id = WorkloadId(out.script);
  out.keys[static_cast<size_t>(ModuleEquality::kStructural)] = ir::ModuleKey(module, ir::Equality::kStructural);
  out.keys[static_cast<size_t>(ModuleEquality::kIgnoreNdarray)] = ir::ModuleKey(module, ir::Equality::kIgnoreNdarray);
  out.keys[static_cast<size_t>(ModuleEquality::kAnchorBlock)] = ir::ModuleKey(module, ir::Equality::kAnchorBlock);
  out.name = std::move(name);
  out.flops = workload::EstimateFlops(module);
  return out;
}

absl::StatusOr<Workload> WorkloadOfText(std::string_view text, std::string name) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule module, ParseModule(text));
  HONE_RETURN_IF_ERROR(ir::VerifyWellFormed(module));
  return WorkloadOfModule(module, std::move(name));
}

ModuleCodec GraphCodec() {
  ModuleCodec codec;
  codec.graph_json_of_script = [](std::string_view script) -> absl::StatusOr<std::string> {
    HONE_ASSIGN_OR_RETURN(const ir::IRModule module, ParseModule(script));
    return SaveGraphJson(module);
  };
  codec.workload_of_graph_json = [](std::string_view graph) -> absl::StatusOr<Workload> {
    HONE_ASSIGN_OR_RETURN(const ir::IRModule module, LoadGraphJson(graph));
    return WorkloadOfModule(module);
  };
  codec.workload_of_script = [](std::string_view script) { return WorkloadOfText(script); };
  codec.structural_hash = [](std::string_view script) -> uint64_t {
    const auto module = ParseModule(script);
    return module.ok() ? ir::StructuralHash(*module) : 0;
  };
  return codec;
}

}  // namespace hone::script
