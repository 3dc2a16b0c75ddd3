// Matching a block against the description of a tensor intrinsic.
#pragma once

#include <utility>
#include <vector>

#include "common/arith/analyzer.h"
#include "common/ir/mutator.h"
#include "common/ir/stmt.h"

namespace hone::schedule {

// Compares statement by statement, with variables and buffers of the description standing for those of the block. The
// iters of the two outermost blocks do not count; their regions must agree in order, number and extents (leading
// dimensions of the block's, of extent 1, may be more). Loops must agree in kind, extent and annotations.
class IntrinMatcher {
 public:
  // On failure mismatch() says why.
  bool Match(const ir::BlockNode* block, const ir::BlockNode* description);
  std::string_view mismatch() const { return mismatch_; }

  // The buffer that stands for one of the description; null when it did not occur.
  ir::Buffer BufferOf(ir::Buffer description) const;
  // Where the region of a buffer of the block begins.
  const std::vector<ir::Expr>* BaseOf(ir::Buffer buffer) const;

 private:
  bool Fail(std::string_view why);
  bool SameBuffer(ir::Buffer a, ir::Buffer b);
  bool SameRegion(ir::BufferRegion a, ir::BufferRegion b);
  bool SameRegions(ir::Array<ir::BufferRegion> a, ir::Array<ir::BufferRegion> b);
  bool SameAccess(ir::Buffer a, ir::Array<ir::Expr> a_indices, ir::Buffer b, ir::Array<ir::Expr> b_indices);
  bool SameValue(ir::Expr a, ir::Expr b);  // Provably, b's variables replaced.
  bool SameExpr(ir::Expr a, ir::Expr b);
  bool SameStmt(ir::Stmt a, ir::Stmt b);
  bool SameFor(const ir::ForNode* a, const ir::ForNode* b);
  bool SameRealize(const ir::BlockRealizeNode* a, const ir::BlockRealizeNode* b);

  arith::Analyzer analyzer_;
  ir::VarMap vars_;                                         // From the description's.
  std::vector<std::pair<ir::Buffer, ir::Buffer>> buffers_;  // Of the description, of the block.
  std::vector<std::pair<ir::Buffer, std::vector<ir::Expr>>> bases_;
  std::string_view mismatch_;
};

}  // namespace hone::schedule
