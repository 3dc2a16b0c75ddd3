#include "worker/runner/reduction_length.h"

#include <algorithm>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/script/parser.h"

namespace hone::runner {
namespace {

// 1 without reduction axes; nothing when an extent is not constant.
std::optional<double> LengthOf(const ir::BlockNode* block) {
  double length = 1;
  for (ir::IterVar iter : block->iter_vars) {
    if (iter->iter_type != ir::IterType::kReduce) continue;
    const int64_t* extent = ir::ConstInt(iter->dom.extent);
    if (extent == nullptr) return std::nullopt;
    length *= static_cast<double>(std::max<int64_t>(1, *extent));
  }
  return length;
}

}  // namespace

std::optional<double> ReductionLengthOf(std::string_view workload_script) {
  const auto module = script::ParseModule(workload_script);
  if (!module.ok()) return std::nullopt;
  double sum = 0;
  bool known = true, has_blocks = false;
  for (const ir::ModuleEntry& entry : (*module)->functions) {
    const auto* func = ir::As<ir::PrimFuncNode>(entry.function);
    if (func == nullptr) continue;
    ir::PreOrderVisitStmts(func->body, [&](ir::Stmt stmt) {
      const auto* block = stmt.as<ir::BlockNode>();
      if (block == nullptr || block->iter_vars.empty()) return true;  // The root is no work.
      has_blocks = true;
      const std::optional<double> length = LengthOf(block);
      known &= length.has_value();
      if (length.value_or(1) > 1) sum += *length;
      return true;
    });
  }
  if (!known || !has_blocks) return std::nullopt;
  return std::max(1.0, sum);
}

}  // namespace hone::runner
