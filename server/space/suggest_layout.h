// The layout of a buffer that suits the loops which read it.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "common/ir/buffer.h"
#include "common/ir/stmt.h"

namespace hone::space {

// A packed layout in which the loops, outermost first, read `buffer` contiguously: one dimension for every part of a
// loop that advances the access, in loop order. `indices` are in terms of the loop variables. Null when the access is
// no such map, or the buffer's shape is not constant. Made in the current arena.
const ir::IndexMapNode* SuggestLayout(ir::Buffer buffer, absl::Span<const ir::Expr> indices,
                                      const std::vector<const ir::ForNode*>& loops, ir::Expr predicate);

}  // namespace hone::space
