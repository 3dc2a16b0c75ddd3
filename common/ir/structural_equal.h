// Structural equality of IR: the same tree up to renaming of defined variables. Names of variables, buffers and blocks,
// predicates of loads and stores, and offset factors do not count; function attributes and the order of everything do.
// Doubles are equal when they differ by less than 1e-9.
//
// Variables defined inside of what is compared are matched one to one. A free variable equals only itself, unless
// `map_free_vars`, which matches free ones by first use.
#pragma once

#include "common/ir/module.h"

namespace hone::ir {

struct EqualOptions {
  bool map_free_vars = false;
  // Constant tensors of equal dtype and shape are equal whatever they hold.
  bool ignore_ndarray_data = false;
};

bool StructuralEqual(Expr a, Expr b, bool map_free_vars = false);
bool StructuralEqual(Stmt a, Stmt b, bool map_free_vars = false);
bool StructuralEqual(const Object* a, const Object* b, const EqualOptions& options = {});
// Functions are matched by name.
bool StructuralEqual(const IRModule& a, const IRModule& b, bool map_free_vars = false);

// Cheap equality of expressions in one scope: variables and buffers by identity, no mapping. Either may be null.
bool DeepEqual(Expr a, Expr b);

}  // namespace hone::ir
