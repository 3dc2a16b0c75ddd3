#include "client/cpp/measure_candidate.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/lower/remove_weight_layout_rewrite.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::meta_schedule {

std::string ArgInfoToJson(const ArgInfo& info) { return nlohmann::json{"TENSOR", info.dtype, info.shape}.dump(); }

absl::StatusOr<ArgInfo> ArgInfoFromJson(std::string_view json) {
  const auto array = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  const absl::Status bad =
      absl::InvalidArgumentError(StrCat("argument info ", json, ", expected [\"TENSOR\", dtype, [extents]]"));
  if (!array.is_array() || array.size() != 3 || array[0] != "TENSOR" || !array[1].is_string() || !array[2].is_array()) {
    return bad;
  }
  ArgInfo info{array[1].get<std::string>(), {}};
  for (const auto& extent : array[2]) {
    if (!extent.is_number_integer()) return bad;
    info.shape.push_back(extent.get<int64_t>());
  }
  return info;
}

absl::StatusOr<std::vector<ArgInfo>> ArgInfosOfFunction(const ir::PrimFuncNode& func) {
  std::vector<ArgInfo> out;
  for (ir::Var param : func.params) {
    const ir::Buffer buffer = func.BufferOf(param);
    if (!buffer) {
      return absl::InvalidArgumentError(StrCat("parameter \"", param->name, "\" is no buffer, expected tensors only"));
    }
    ArgInfo info{buffer->dtype.ToString(), {}};
    for (ir::Expr extent : buffer->shape) {
      const auto* value = extent.as<ir::IntImmNode>();
      if (value == nullptr) {
        return absl::InvalidArgumentError(StrCat("parameter \"", buffer->name, "\" has no constant shape"));
      }
      info.shape.push_back(value->value);
    }
    out.push_back(std::move(info));
  }
  return out;
}

absl::StatusOr<std::vector<ArgInfo>> ArgInfosOfEntry(const ir::IRModule& module, bool remove_preproc) {
  const ir::ModuleEntry* entry = module.Entry();
  const auto* func = entry != nullptr ? ir::As<ir::PrimFuncNode>(entry->function) : nullptr;
  if (func == nullptr) {
    return absl::InvalidArgumentError(
        "the module has no entry function: expected one with tir.is_entry_func, one called main, or a single one");
  }
  if (!remove_preproc) return ArgInfosOfFunction(*func);
  auto arena = std::make_shared<ir::Arena>();
  const ir::ArenaScope scope(arena);
  return ArgInfosOfFunction(*lower::RemoveWeightLayoutRewriteBlock(func));
}

absl::StatusOr<MeasureCandidate> MakeMeasureCandidate(schedule::Schedule sch) {
  MeasureCandidate out;
  HONE_ASSIGN_OR_RETURN(out.args_info, ArgInfosOfEntry(sch.module()));
  out.sch = std::make_shared<const schedule::Schedule>(std::move(sch));
  return out;
}

}  // namespace hone::meta_schedule
