// A 64-bit hash that agrees with StructuralEqual: equal programs hash alike. For tables in memory only; content ids are
// for everything that is stored. Predicates of loads and stores count here, although equality ignores them, and nearly
// equal doubles hash apart (both as in TVM).
#pragma once

#include <cstdint>

#include "common/ir/module.h"

namespace hone::ir {

struct HashOptions {
  bool map_free_vars = false;
  bool ignore_ndarray_data = false;
};

uint64_t StructuralHash(Expr e, bool map_free_vars = false);
uint64_t StructuralHash(Stmt s, bool map_free_vars = false);
uint64_t StructuralHash(const Object* object, const HashOptions& options = {});
uint64_t StructuralHash(const IRModule& module, const HashOptions& options = {});

}  // namespace hone::ir
