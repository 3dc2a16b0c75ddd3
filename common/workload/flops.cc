#include "common/workload/flops.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace hone::workload {
namespace {

using ir::Expr;
using ir::Stmt;
using ir::StmtKind;

// Operations by dtype (code, bits): branches are compared dtype by dtype.
class Count {
 public:
  Count() = default;
  explicit Count(ir::DataType dtype) { by_type_[{static_cast<int>(dtype.code), dtype.bits}] = 1; }

  Count& operator+=(const Count& other) {
    for (const auto& [type, count] : other.by_type_) by_type_[type] += count;
    return *this;
  }
  Count& operator*=(double factor) {
    for (auto& [type, count] : by_type_) count *= factor;
    return *this;
  }
  Count MaxWith(const Count& other) const {
    Count result = *this;
    for (const auto& [type, count] : other.by_type_) result.by_type_[type] = std::max(result.by_type_[type], count);
    return result;
  }
  double Total() const {
    double total = 0;
    for (const auto& [type, count] : by_type_) total += count;
    return total;
  }

 private:
  std::map<std::pair<int, int>, double> by_type_;
};

Count CountExpr(Expr e) {
  if (!e) return Count();
  if (const auto* binary = e.as<ir::BinaryNode>()) {
    if (ir::IsComparison(e.kind())) return Count();
    Count count = CountExpr(binary->a);
    count += CountExpr(binary->b);
    if (ir::IsArithmetic(e.kind())) count += Count(e.dtype());
    return count;
  }
  if (const auto* node = e.as<ir::NotNode>()) return CountExpr(node->a);
  if (const auto* node = e.as<ir::CastNode>()) return CountExpr(node->value);
  if (const auto* node = e.as<ir::SelectNode>()) {
    Count count = CountExpr(node->condition);
    count += CountExpr(node->true_value).MaxWith(CountExpr(node->false_value));
    return count;
  }
  if (const auto* node = e.as<ir::CallNode>()) {
    Count count;
    for (Expr arg : node->args) count += CountExpr(arg);
    return count;
  }
  if (const auto* node = e.as<ir::LetNode>()) {
    Count count = CountExpr(node->value);
    count += CountExpr(node->body);
    return count;
  }
  return Count();  // Leaves, loads, vector construction.
}

// The largest value of an extent that is a literal or a minimum with one.
std::optional<double> UpperBound(Expr extent) {
  if (const int64_t* value = ir::ConstInt(extent)) return static_cast<double>(*value);
  if (const auto* min = extent.as<ir::MinNode>()) {
    std::optional<double> a = UpperBound(min->a), b = UpperBound(min->b);
    if (a.has_value() && b.has_value()) return std::min(*a, *b);
    return a.has_value() ? a : b;
  }
  return std::nullopt;
}

Count CountStmt(Stmt s) {
  if (!s) return Count();
  switch (s.kind()) {
    case StmtKind::kLetStmt: {
      Count count = CountExpr(s.as<ir::LetStmtNode>()->value);
      count += CountStmt(s.as<ir::LetStmtNode>()->body);
      return count;
    }
    case StmtKind::kAttrStmt:
      return CountStmt(s.as<ir::AttrStmtNode>()->body);
    case StmtKind::kAssertStmt:
      return CountStmt(s.as<ir::AssertStmtNode>()->body);
    case StmtKind::kBufferStore:
      return CountExpr(s.as<ir::BufferStoreNode>()->value);
    case StmtKind::kBufferRealize:
      return CountStmt(s.as<ir::BufferRealizeNode>()->body);
    case StmtKind::kAllocate:
      return CountStmt(s.as<ir::AllocateNode>()->body);
    case StmtKind::kAllocateConst:
      return CountStmt(s.as<ir::AllocateConstNode>()->body);
    case StmtKind::kDeclBuffer:
      return CountStmt(s.as<ir::DeclBufferNode>()->body);
    case StmtKind::kSeq: {
      Count count;
      for (Stmt child : s.as<ir::SeqNode>()->seq) count += CountStmt(child);
      return count;
    }
    case StmtKind::kIfThenElse: {
      const auto* node = s.as<ir::IfThenElseNode>();
      Count count = CountExpr(node->condition);
      count += CountStmt(node->then_case).MaxWith(CountStmt(node->else_case));
      return count;
    }
    case StmtKind::kEvaluate:
      return CountExpr(s.as<ir::EvaluateNode>()->value);
    case StmtKind::kFor: {
      Count count = CountStmt(s.as<ir::ForNode>()->body);
      count *= UpperBound(s.as<ir::ForNode>()->extent).value_or(1);
      return count;
    }
    case StmtKind::kWhile: {
      Count count = CountExpr(s.as<ir::WhileNode>()->condition);
      count += CountStmt(s.as<ir::WhileNode>()->body);
      return count;
    }
    case StmtKind::kBlock:
      return CountStmt(s.as<ir::BlockNode>()->body);
    case StmtKind::kBlockRealize:
      return CountStmt(s.as<ir::BlockRealizeNode>()->block);
  }
  return Count();
}

}  // namespace

double EstimateFlops(Stmt statement) { return CountStmt(statement).Total(); }

double EstimateFlops(const ir::IRModule& module) {
  double total = 0;
  for (const ir::ModuleEntry& entry : module->functions) {
    const auto* function = ir::As<ir::PrimFuncNode>(entry.function);
    if (function == nullptr) continue;
    const ir::Object* given = function->attrs.Get("estimated_flops");
    const bool is_expr = given != nullptr && given->object_kind == ir::ObjectKind::kExpr;
    const Expr number = is_expr ? static_cast<const ir::ExprNode*>(given) : nullptr;
    if (const auto* value = number.as<ir::FloatImmNode>()) {
      total += value->value;
    } else if (const auto* value = number.as<ir::IntImmNode>()) {
      total += static_cast<double>(value->value);
    } else {
      total += EstimateFlops(function->body);
    }
  }
  return total;
}

}  // namespace hone::workload
