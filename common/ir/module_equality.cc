#include "common/ir/module_equality.h"

#include <algorithm>
#include <vector>

#include "common/ir/content_id.h"
#include "common/ir/structural_equal.h"
#include "common/ir/structural_hash.h"
#include "common/ir/visitor.h"

namespace hone::ir {
namespace {

// Arithmetic of an expression: every binary node of kAdd..kMax counts 1; indices and comparisons count nothing.
double Flops(Expr e) {
  if (!e) return 0;
  if (const auto* node = e.as<BinaryNode>()) {
    if (IsComparison(node->kind)) return 0;
    return Flops(node->a) + Flops(node->b) + (IsArithmetic(node->kind) ? 1 : 0);
  }
  if (const auto* node = e.as<NotNode>()) return Flops(node->a);
  if (const auto* node = e.as<CastNode>()) return Flops(node->value);
  if (const auto* node = e.as<SelectNode>()) {
    return Flops(node->condition) + std::max(Flops(node->true_value), Flops(node->false_value));
  }
  if (const auto* node = e.as<CallNode>()) {
    double sum = 0;
    for (const Expr arg : node->args) sum += Flops(arg);
    return sum;
  }
  return 0;
}

double Flops(Stmt s) {
  if (!s) return 0;
  switch (s.kind()) {
    case StmtKind::kBufferStore:
      return Flops(s.as<BufferStoreNode>()->value);
    case StmtKind::kSeq: {
      double sum = 0;
      for (const Stmt inner : s.as<SeqNode>()->seq) sum += Flops(inner);
      return sum;
    }
    case StmtKind::kIfThenElse: {
      const auto* node = s.as<IfThenElseNode>();
      return Flops(node->condition) + std::max(Flops(node->then_case), Flops(node->else_case));
    }
    case StmtKind::kFor: {
      const auto* node = s.as<ForNode>();
      const int64_t* extent = ConstInt(node->extent);
      return Flops(node->body) * (extent != nullptr ? static_cast<double>(*extent) : 1);
    }
    case StmtKind::kBlock:
      return Flops(s.as<BlockNode>()->body);
    case StmtKind::kBlockRealize:
      return Flops(s.as<BlockRealizeNode>()->block->body);
    case StmtKind::kLetStmt:
      return Flops(s.as<LetStmtNode>()->body);
    case StmtKind::kAttrStmt:
      return Flops(s.as<AttrStmtNode>()->body);
    case StmtKind::kAssertStmt:
      return Flops(s.as<AssertStmtNode>()->body);
    case StmtKind::kBufferRealize:
      return Flops(s.as<BufferRealizeNode>()->body);
    case StmtKind::kAllocate:
      return Flops(s.as<AllocateNode>()->body);
    case StmtKind::kAllocateConst:
      return Flops(s.as<AllocateConstNode>()->body);
    case StmtKind::kDeclBuffer:
      return Flops(s.as<DeclBufferNode>()->body);
    case StmtKind::kWhile:
      return Flops(s.as<WhileNode>()->body);
    case StmtKind::kEvaluate:
      return Flops(s.as<EvaluateNode>()->value);
  }
  return 0;
}

bool Contains(Stmt tree, const BlockNode* block) {
  bool found = false;
  PreOrderVisitStmts(tree, [&](Stmt s) {
    const auto* realize = s.as<BlockRealizeNode>();
    found = found || s.get() == block || (realize != nullptr && realize->block == block);
    return !found;
  });
  return found;
}

const EqualOptions kIgnoreData{.map_free_vars = false, .ignore_ndarray_data = true};

}  // namespace

std::optional<Equality> EqualityFromName(std::string_view name) {
  if (name == "structural") return Equality::kStructural;
  if (name == "ignore-ndarray") return Equality::kIgnoreNdarray;
  if (name == "anchor-block") return Equality::kAnchorBlock;
  return std::nullopt;
}

const BlockNode* FindAnchorBlock(const IRModule& module) {
  const ModuleEntry* entry = module.Entry();
  const auto* func = entry != nullptr ? As<PrimFuncNode>(entry->function) : nullptr;
  if (func == nullptr) return nullptr;
  std::vector<const BlockNode*> candidates;
  const SeqNode* top = nullptr;
  PreOrderVisitStmts(func->body, [&](Stmt s) {
    const auto* realize = s.as<BlockRealizeNode>();
    if (realize != nullptr && realize->block->init) candidates.push_back(realize->block);
    if (top == nullptr) top = s.as<SeqNode>();
    return true;
  });
  if (candidates.size() < 2 || top == nullptr) return candidates.empty() ? nullptr : candidates[0];
  const BlockNode* best = candidates[0];
  double best_flops = -1;
  for (const BlockNode* candidate : candidates) {
    double flops = 0;
    for (const Stmt s : top->seq) {
      if (s.kind() == StmtKind::kFor && Contains(s, candidate)) {
        flops = Flops(s);
        break;
      }
    }
    if (flops > best_flops) {
      best_flops = flops;
      best = candidate;
    }
  }
  return best;
}

bool ModulesEqual(const IRModule& a, const IRModule& b, Equality equality) {
  switch (equality) {
    case Equality::kStructural:
      return StructuralEqual(a, b);
    case Equality::kIgnoreNdarray:
      return StructuralEqual(a.get(), b.get(), kIgnoreData);
    case Equality::kAnchorBlock: {
      const BlockNode* x = FindAnchorBlock(a);
      const BlockNode* y = FindAnchorBlock(b);
      if (x != nullptr && y != nullptr) return StructuralEqual(x, y, kIgnoreData);
      return StructuralEqual(a.get(), b.get(), kIgnoreData);
    }
  }
  return false;
}

uint64_t ModuleHash(const IRModule& module, Equality equality) {
  const HashOptions ignore{.map_free_vars = false, .ignore_ndarray_data = true};
  if (equality == Equality::kStructural) return StructuralHash(module);
  if (equality == Equality::kAnchorBlock) {
    // The block's free variables (data of outer buffers) are met in defining positions, so they are numbered.
    if (const BlockNode* block = FindAnchorBlock(module)) return StructuralHash(block, ignore);
  }
  return StructuralHash(module, ignore);
}

Digest ModuleKey(const IRModule& module, Equality equality) {
  if (equality == Equality::kStructural) return ContentId(module);
  if (equality == Equality::kAnchorBlock) {
    if (const BlockNode* block = FindAnchorBlock(module)) return ContentId(block, {.ignore_ndarray_data = true});
  }
  return ContentId(module, {.ignore_ndarray_data = true});
}

}  // namespace hone::ir
