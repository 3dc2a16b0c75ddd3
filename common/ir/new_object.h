// Making a node that is no expression and no statement. Internal to common/ir.
#pragma once

#include <new>

#include "common/ir/arena.h"

namespace hone::ir {

// A zeroed node of kind T in the current arena, its header set.
template <typename T>
T* NewObject() {
  T* node = ::new (Arena::Current().Allocate(sizeof(T))) T();
  node->object_kind = T::kObjectKind;
  return node;
}

}  // namespace hone::ir
