#include "common/schedule/primitive/intrin_match.h"

#include "common/ir/ops.h"

namespace hone::schedule {

using ir::Buffer;
using ir::Expr;
using ir::Stmt;

bool IntrinMatcher::Fail(std::string_view why) {
  if (mismatch_.empty()) mismatch_ = why;
  return false;
}

Buffer IntrinMatcher::BufferOf(Buffer description) const {
  for (const auto& [from, to] : buffers_) {
    if (from == description) return to;
  }
  return {};
}

const std::vector<Expr>* IntrinMatcher::BaseOf(Buffer buffer) const {
  for (const auto& [key, base] : bases_) {
    if (key == buffer) return &base;
  }
  return nullptr;
}

bool IntrinMatcher::SameBuffer(Buffer a, Buffer b) {
  if (const Buffer known = BufferOf(b)) return known == a || Fail("a buffer stands for two");
  if (!(a->dtype == b->dtype)) return Fail("the data types of buffers differ");
  if (a->scope() != b->scope()) return Fail("the storage scopes of buffers differ");
  buffers_.emplace_back(b, a);
  return true;
}

bool IntrinMatcher::SameValue(Expr a, Expr b) {
  const Expr mapped = ir::Substitute(b, vars_);
  return a == mapped || analyzer_.CanProveEqual(a, ir::Cast(a.dtype(), mapped));
}

bool IntrinMatcher::SameRegion(ir::BufferRegion a, ir::BufferRegion b) {
  if (!SameBuffer(a->buffer, b->buffer)) return false;
  if (a->region.size() < b->region.size()) return Fail("a buffer has fewer dimensions than the description's");
  const size_t offset = a->region.size() - b->region.size();
  for (size_t i = 0; i < a->region.size(); ++i) {
    const bool same =
        i < offset ? ir::IsOne(a->region[i].extent) : SameValue(a->region[i].extent, b->region[i - offset].extent);
    if (!same) return Fail("the extents of regions differ");
  }
  if (const std::vector<Expr>* base = BaseOf(a->buffer)) {
    for (size_t i = 0; i < base->size(); ++i) {
      if (!analyzer_.CanProveEqual((*base)[i], a->region[i].min)) return Fail("a buffer has two different regions");
    }
    return true;
  }
  std::vector<Expr> base;
  for (const ir::Range& range : a->region) base.push_back(range.min);
  bases_.emplace_back(a->buffer, std::move(base));
  return true;
}

bool IntrinMatcher::SameRegions(ir::Array<ir::BufferRegion> a, ir::Array<ir::BufferRegion> b) {
  if (a.size() != b.size()) return Fail("the numbers of regions differ");
  for (size_t i = 0; i < a.size(); ++i) {
    if (!SameRegion(a[i], b[i])) return false;
  }
  return true;
}

bool IntrinMatcher::SameAccess(Buffer a, ir::Array<Expr> a_indices, Buffer b, ir::Array<Expr> b_indices) {
  if (!SameBuffer(a, b)) return false;
  const std::vector<Expr>* base = BaseOf(a);
  if (base == nullptr || a_indices.size() < b_indices.size()) return Fail("an access is outside of the regions");
  const size_t offset = a_indices.size() - b_indices.size();
  for (size_t i = 0; i < a_indices.size(); ++i) {
    const Expr relative = ir::Sub(a_indices[i], (*base)[i]);
    const Expr wanted = i < offset ? ir::IntImm(relative.dtype(), 0) : b_indices[i - offset];
    if (!SameValue(relative, wanted)) return Fail("the indices of accesses differ");
  }
  return true;
}

bool IntrinMatcher::SameExpr(Expr a, Expr b) {
  if (!a || !b) return (!a && !b) || Fail("an expression is missing");
  if (a.kind() != b.kind()) {
    return (a.dtype().is_index() && b.dtype().is_index() && SameValue(a, b)) || Fail("expressions differ");
  }
  if (!a.dtype().is_index() && !(a.dtype() == b.dtype())) return Fail("the types of expressions differ");
  if (const auto* x = a.as<ir::BufferLoadNode>()) {
    const auto* y = b.as<ir::BufferLoadNode>();
    return SameAccess(Buffer(x->buffer), x->indices, Buffer(y->buffer), y->indices);
  }
  if (const auto* x = a.as<ir::BinaryNode>()) {
    const auto* y = b.as<ir::BinaryNode>();
    return SameExpr(x->a, y->a) && SameExpr(x->b, y->b);
  }
  if (const auto* x = a.as<ir::CastNode>()) return SameExpr(x->value, b.as<ir::CastNode>()->value);
  if (const auto* x = a.as<ir::NotNode>()) return SameExpr(x->a, b.as<ir::NotNode>()->a);
  if (const auto* x = a.as<ir::IntImmNode>())
    return x->value == b.as<ir::IntImmNode>()->value || Fail("literals differ");
  if (const auto* x = a.as<ir::FloatImmNode>()) {
    return x->value == b.as<ir::FloatImmNode>()->value || Fail("literals differ");
  }
  if (const auto* x = a.as<ir::SelectNode>()) {
    const auto* y = b.as<ir::SelectNode>();
    return SameExpr(x->condition, y->condition) && SameExpr(x->true_value, y->true_value) &&
           SameExpr(x->false_value, y->false_value);
  }
  if (const auto* x = a.as<ir::CallNode>()) {
    const auto* y = b.as<ir::CallNode>();
    if (x->function != nullptr || y->function != nullptr || x->op != y->op || x->args.size() != y->args.size()) {
      return Fail("calls differ");
    }
    for (size_t i = 0; i < x->args.size(); ++i) {
      if (!SameExpr(x->args[i], y->args[i])) return false;
    }
    return true;
  }
  if (a.kind() == ir::ExprKind::kVar) return SameValue(a, b) || Fail("variables differ");
  return Fail("an expression is of a kind that intrinsics do not have");
}

bool IntrinMatcher::SameFor(const ir::ForNode* a, const ir::ForNode* b) {
  if (a->for_kind != b->for_kind) return Fail("the kinds of loops differ");
  if (!SameValue(a->min, b->min) || !SameValue(a->extent, b->extent)) return Fail("the extents of loops differ");
  if (a->annotations.size() != b->annotations.size()) return Fail("the annotations of loops differ");
  for (const ir::Attr& attr : a->annotations) {
    if (!b->annotations.Has(attr.key)) return Fail("the annotations of loops differ");
  }
  if ((a->thread_binding == nullptr) != (b->thread_binding == nullptr) ||
      (a->thread_binding != nullptr && a->thread_binding->thread_tag != b->thread_binding->thread_tag)) {
    return Fail("the thread bindings of loops differ");
  }
  vars_[b->loop_var.get()] = a->loop_var;
  analyzer_.Bind(a->loop_var, ir::Range{a->min, a->extent});
  return SameStmt(a->body, b->body);
}

bool IntrinMatcher::SameRealize(const ir::BlockRealizeNode* a, const ir::BlockRealizeNode* b) {
  const auto& a_iters = a->block->iter_vars;
  const auto& b_iters = b->block->iter_vars;
  if (a_iters.size() < b_iters.size()) return Fail("a block has fewer iters than the description's");
  const size_t offset = a_iters.size() - b_iters.size();
  for (size_t i = 0; i < b_iters.size(); ++i) {
    if (a_iters[i + offset]->iter_type != b_iters[i]->iter_type) return Fail("the types of iters differ");
    if (!SameValue(a->iter_values[i + offset], b->iter_values[i])) return Fail("the bindings of iters differ");
    vars_[b_iters[i]->var.get()] = a_iters[i + offset]->var;
    analyzer_.Bind(a_iters[i + offset]->var, a_iters[i + offset]->dom);
  }
  if (!SameExpr(a->predicate, b->predicate)) return Fail("the predicates of blocks differ");
  if (static_cast<bool>(a->block->init) != static_cast<bool>(b->block->init)) {
    return Fail("only one of two blocks has an init");
  }
  if (a->block->init && !SameStmt(a->block->init, b->block->init)) return false;
  return SameStmt(a->block->body, b->block->body);
}

bool IntrinMatcher::SameStmt(Stmt a, Stmt b) {
  if (a.kind() != b.kind()) return Fail("statements are of different kinds");
  if (const auto* x = a.as<ir::ForNode>()) return SameFor(x, b.as<ir::ForNode>());
  if (const auto* x = a.as<ir::BlockRealizeNode>()) return SameRealize(x, b.as<ir::BlockRealizeNode>());
  if (const auto* x = a.as<ir::BufferStoreNode>()) {
    const auto* y = b.as<ir::BufferStoreNode>();
    return SameAccess(x->buffer, x->indices, y->buffer, y->indices) && SameExpr(x->value, y->value);
  }
  if (const auto* x = a.as<ir::SeqNode>()) {
    const auto* y = b.as<ir::SeqNode>();
    if (x->seq.size() != y->seq.size()) return Fail("sequences differ in length");
    for (size_t i = 0; i < x->seq.size(); ++i) {
      if (!SameStmt(x->seq[i], y->seq[i])) return false;
    }
    return true;
  }
  if (const auto* x = a.as<ir::EvaluateNode>()) return SameExpr(x->value, b.as<ir::EvaluateNode>()->value);
  if (const auto* x = a.as<ir::IfThenElseNode>()) {
    const auto* y = b.as<ir::IfThenElseNode>();
    if (static_cast<bool>(x->else_case) != static_cast<bool>(y->else_case)) return Fail("branches differ");
    return SameExpr(x->condition, y->condition) && SameStmt(x->then_case, y->then_case) &&
           (!x->else_case || SameStmt(x->else_case, y->else_case));
  }
  return Fail("a statement is of a kind that intrinsics do not have");
}

bool IntrinMatcher::Match(const ir::BlockNode* block, const ir::BlockNode* description) {
  for (ir::IterVar iter : block->iter_vars) analyzer_.Bind(iter->var, iter->dom);
  return SameRegions(block->writes, description->writes) && SameRegions(block->reads, description->reads) &&
         SameStmt(block->body, description->body);
}

}  // namespace hone::schedule
