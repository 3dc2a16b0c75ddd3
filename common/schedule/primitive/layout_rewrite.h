// Rewriting the accesses of a buffer whose layout changes.
#pragma once

#include "common/ir/stmt.h"
#include "common/schedule/rebind.h"

namespace hone::schedule {

// `block` (which holds every access) with `from` replaced by `to`: indices are mapped and simplified in the context of
// the loops and iters around, regions that mention the buffer are inferred anew.
const ir::BlockNode* RewriteLayout(const ir::BlockNode* block, ir::Buffer from, ir::Buffer to,
                                   const ir::IndexMapNode* map, BlockReuses& reuses);

// What the padding of a new layout holds, and where it is.
struct LayoutPadding {
  ir::Expr predicate;                 // Over the inverse's inputs; literal false without padding.
  const ir::IndexMapNode* inverse;    // From new indices to old ones.
  const ir::IndexMapNode* pad_value;  // From new indices to one value; may be null without padding.
};

// `block` with the padding of `to` taken care of, before RewriteLayout: when nothing writes `from`, an assumption at
// the beginning; when all writes traverse `from` row by row in serial nests, these are rewritten over the new shape;
// else a nest that fills the padding comes after the last write.
const ir::BlockNode* HandlePadding(const ir::BlockNode* block, ir::Buffer from, ir::Buffer to,
                                   const LayoutPadding& padding, BlockReuses& reuses);

}  // namespace hone::schedule
