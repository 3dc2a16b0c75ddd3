// Small questions about loops that are bound to thread axes.
#pragma once

#include <string_view>

#include "common/ir/stmt.h"

namespace hone::lower {

inline bool IsBound(const ir::ForNode* loop) { return loop->for_kind == ir::ForKind::kThreadBinding; }
// Empty for a loop that is not bound.
inline std::string_view ThreadTag(const ir::ForNode* loop) {
  return IsBound(loop) ? loop->thread_binding->thread_tag : std::string_view();
}
inline bool IsBlockAxis(std::string_view tag) { return tag.starts_with("blockIdx."); }
inline bool IsThreadAxis(std::string_view tag) { return tag.starts_with("threadIdx."); }
inline bool IsVirtualThread(std::string_view tag) { return tag.starts_with("vthread"); }

// A loop over `var` bound to the thread axis `tag`.
inline ir::Stmt BoundLoop(ir::Var var, ir::Expr min, ir::Expr extent, std::string_view tag, ir::Stmt body,
                          ir::Attrs annotations = {}) {
  const ir::IterVar binding =
      ir::MakeIterVar({}, ir::MakeVar("", var.dtype()), ir::IterType::kThreadIndex, ir::CopyString(tag));
  return ir::MakeFor(var, min, extent, ir::ForKind::kThreadBinding, body, binding, annotations);
}

}  // namespace hone::lower
