// ConvertBlocksToOpaque: iter variables of blocks are replaced by what they are bound to; blocks keep their regions,
// predicates and allocations but have no iters any more.
#include "absl/strings/str_cat.h"
#include "common/ir/mutator.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"
#include "common/lower/substituting_mutator.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

class OpaqueConverter final : public SubstitutingMutator {
 public:
  absl::Status status;

 private:
  using SubstitutingMutator::Mutate;

  ir::Stmt Mutate(const ir::BlockRealizeNode* node) override {
    const ir::BlockNode* block = node->block;
    if (block->init) {
      status = absl::InternalError(StrCat("block \"", block->name, "\" still has an init"));
      return node;
    }
    const auto values = MutateExprs(node->iter_values);
    const ir::Expr predicate = MutateExpr(node->predicate);
    for (size_t i = 0; i < values.size(); ++i) values_[block->iter_vars[i]->var.get()] = values[i];
    auto* opaque = ir::CopyNode(block);
    opaque->iter_vars = {};
    const ir::Stmt body = MutateStmt(ir::Stmt(opaque));
    return ir::MakeBlockRealize({}, predicate, body.as<ir::BlockNode>());
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> ConvertBlocksToOpaque(ir::PrimFunc func, const PassContext&) {
  OpaqueConverter converter;
  const ir::Stmt body = converter.MutateStmt(func->body);
  if (!converter.status.ok()) return converter.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
