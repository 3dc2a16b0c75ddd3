// Parses the Python subset into a syntax tree.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/ir/arena.h"
#include "common/script/ast.h"
#include "common/script/token.h"

namespace hone::script {

// The tree lives in `arena`; its text in the source and in `arena`. InvalidArgument for what the grammar does not have,
// and for expressions nested deeper than `max_depth`.
absl::StatusOr<Suite> ParsePython(const Source& source, const std::vector<Token>& tokens, ir::Arena& arena,
                                  int max_depth);

}  // namespace hone::script
