#include "common/schedule/simplify_substitute.h"

#include <vector>

namespace hone::schedule {
namespace {

class Substituter final : public ir::StmtExprMutator {
 public:
  Substituter(const ir::VarMap& map, arith::Analyzer& analyzer, BlockReuses& reuses)
      : map_(map), analyzer_(analyzer), reuses_(reuses) {}

 private:
  using StmtExprMutator::Mutate;

  ir::Expr MutateExpr(ir::Expr e) override {
    const ir::Expr out = StmtExprMutator::MutateExpr(e);
    return out == e ? e : analyzer_.Simplify(out);
  }
  ir::Expr Mutate(const ir::VarNode* node) override {
    const auto it = map_.find(node);
    return it != map_.end() ? it->second : ir::Expr(node);
  }
  ir::Stmt Mutate(const ir::BlockNode* node) override {
    const ir::Stmt out = StmtExprMutator::Mutate(node);
    if (out.get() != node) reuses_.emplace_back(node, out.as<ir::BlockNode>());
    return out;
  }

  const ir::VarMap& map_;
  arith::Analyzer& analyzer_;
  BlockReuses& reuses_;
};

}  // namespace

ir::Stmt SimplifySubstitute(ir::Stmt stmt, const ir::VarMap& map, arith::Analyzer& analyzer, BlockReuses& reuses) {
  return Substituter(map, analyzer, reuses).MutateStmt(stmt);
}

ir::Array<ir::BufferRegion> RelaxRegions(ir::Array<ir::BufferRegion> regions, const arith::DomMap& domains,
                                         arith::Analyzer& analyzer) {
  std::vector<ir::BufferRegion> out;
  for (ir::BufferRegion region : regions) {
    std::vector<ir::Range> ranges;
    for (size_t i = 0; i < region->region.size(); ++i) {
      const arith::IntSet set = arith::EvalSet(region->region[i], domains, analyzer);
      ranges.push_back(set.CoverRange(ir::RangeFromExtent(region->buffer->shape[i]), analyzer));
    }
    out.push_back(ir::MakeBufferRegion(region->buffer, ir::MakeArray(ranges)));
  }
  return ir::MakeArray(out);
}

}  // namespace hone::schedule
