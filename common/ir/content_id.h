// Content ids of programs: SHA-256 of a canonical encoding that does not depend on names of variables, buffers and
// blocks. Safe to store: the encoding carries a version.
#pragma once

#include <string>

#include "common/ir/module.h"
#include "common/support/sha256.h"

namespace hone::ir {

struct ContentOptions {
  // Constant tensors count by dtype and shape only.
  bool ignore_ndarray_data = false;
};

// Equal for structurally equal modules.
Digest ContentId(const IRModule& module, const ContentOptions& options = {});
// Of a function, block or other object; free variables count by first use.
Digest ContentId(const Object* object, const ContentOptions& options = {});

// The bytes that are hashed: a version tag, then the canonical encoding.
std::string CanonicalEncoding(const Object* object, const ContentOptions& options = {});

}  // namespace hone::ir
