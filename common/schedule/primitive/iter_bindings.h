// The values of a block's iter vars, to be put in their place in regions and expressions.
#pragma once

#include <optional>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "common/ir/mutator.h"
#include "common/ir/stmt.h"

namespace hone::schedule {

// A small substitution; made for expressions that mostly are a variable or a literal.
class IterBindings {
 public:
  IterBindings() = default;
  explicit IterBindings(const ir::BlockRealizeNode* realize) {
    for (size_t i = 0; i < realize->iter_values.size(); ++i) {
      Add(realize->block->iter_vars[i]->var, realize->iter_values[i]);
    }
  }

  void Add(ir::Var var, ir::Expr value) {
    items_.emplace_back(var, value);
    map_.reset();
  }
  bool empty() const { return items_.empty(); }
  // Null when `var` is not bound.
  ir::Expr Find(ir::Var var) const {
    for (const auto& [key, value] : items_) {
      if (key == var) return value;
    }
    return {};
  }

  // Null stays null.
  ir::Expr Apply(ir::Expr e) const {
    if (!e || e.kind() == ir::ExprKind::kIntImm || items_.empty()) return e;
    if (e.kind() == ir::ExprKind::kVar) {
      const ir::Expr value = Find(static_cast<const ir::VarNode*>(e.get()));
      return value ? value : e;
    }
    return ir::Substitute(e, Map());
  }
  ir::Range Apply(const ir::Range& range) const { return {Apply(range.min), Apply(range.extent)}; }
  ir::Array<ir::Range> Apply(ir::Array<ir::Range> region) const {
    absl::InlinedVector<ir::Range, 6> out;
    for (const ir::Range& range : region) out.push_back(Apply(range));
    return ir::MakeArray(out.data(), out.size());
  }
  ir::BufferRegion Apply(ir::BufferRegion region) const {
    return ir::MakeBufferRegion(region->buffer, Apply(region->region));
  }
  ir::Stmt Apply(ir::Stmt stmt) const { return items_.empty() || !stmt ? stmt : ir::Substitute(stmt, Map()); }

  const ir::VarMap& Map() const {
    if (!map_.has_value()) {
      map_.emplace();
      for (const auto& [var, value] : items_) (*map_)[var.get()] = value;
    }
    return *map_;
  }

 private:
  absl::InlinedVector<std::pair<ir::Var, ir::Expr>, 8> items_;
  mutable std::optional<ir::VarMap> map_;
};

}  // namespace hone::schedule
