#include "common/schedule/primitive/transform_block_layout.h"

#include <optional>
#include <vector>

#include "common/arith/index_map.h"
#include "common/arith/iter_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/rebind.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_python.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::Expr;
using ir::Stmt;

// Substitutes the iters and simplifies the indices of all accesses as iteration maps of the new ones.
class IndexSimplifier final : public ir::StmtExprMutator {
 public:
  IndexSimplifier(const ir::VarMap& map, const LoopDomains& domains) : map_(map), domains_(domains) {
    for (const arith::IterDomain& domain : domains) analyzer_.Bind(domain.var, domain.range);
  }
  BlockReuses& reuses() { return reuses_; }
  using StmtExprMutator::MutateRegions;

 private:
  using StmtExprMutator::Mutate;

  Expr Mutate(const ir::VarNode* node) override {
    const auto it = map_.find(node);
    return it != map_.end() ? it->second : Expr(node);
  }
  Expr Mutate(const ir::BufferLoadNode* node) override {
    const Expr out = StmtExprMutator::Mutate(node);
    const auto* load = out.as<ir::BufferLoadNode>();
    return load == node ? out : ir::MakeBufferLoad(ir::Buffer(load->buffer), Simplify(load->indices), load->predicate);
  }
  Stmt Mutate(const ir::BufferStoreNode* node) override {
    const Stmt out = StmtExprMutator::Mutate(node);
    const auto* store = out.as<ir::BufferStoreNode>();
    if (store == node) return out;
    return ir::MakeBufferStore(store->buffer, store->value, Simplify(store->indices), store->predicate);
  }
  Stmt Mutate(const ir::BlockNode* node) override {
    const Stmt inner = StmtExprMutator::Mutate(node);
    if (inner.get() == node) return node;
    auto* copy = ir::CopyNode(inner.as<ir::BlockNode>());
    copy->reads = SimplifyRegions(copy->reads);
    copy->writes = SimplifyRegions(copy->writes);
    reuses_.emplace_back(node, copy);
    return copy;
  }

  ir::Array<ir::BufferRegion> SimplifyRegions(ir::Array<ir::BufferRegion> regions) {
    return ir::MapArray(regions, [this](ir::BufferRegion region) -> ir::BufferRegion {
      std::vector<Expr> mins;
      for (const ir::Range& range : region->region) mins.push_back(range.min);
      const auto simplified = Simplify(ir::MakeArray(mins));
      std::vector<ir::Range> ranges;
      for (size_t i = 0; i < mins.size(); ++i) ranges.push_back({simplified[i], region->region[i].extent});
      return ir::MakeBufferRegion(region->buffer, ir::MakeArray(ranges));
    });
  }

  ir::Array<Expr> Simplify(ir::Array<Expr> indices) {
    std::vector<Expr> out = indices.ToVector();
    const std::vector<Expr> simplified =
        arith::IterMapSimplify(out, domains_, ir::BoolImm(true), arith::IterMapLevel::kSurjective, analyzer_,
                               /*simplify_trivial_iterators=*/true);
    for (size_t i = 0; i < out.size(); ++i) {
      const bool to_literal = ir::ConstInt(simplified[i]) != nullptr && out[i].as<ir::VarNode>() != nullptr;
      if (!to_literal) out[i] = simplified[i];
    }
    return ir::MakeArray(out);
  }

  const ir::VarMap& map_;
  const LoopDomains& domains_;
  arith::Analyzer analyzer_;
  BlockReuses reuses_;
};

absl::Status CheckNest(const ScheduleState& state, SrefId block, const SrefList& loops) {
  if (!IsTrivialBinding(state, block)) return state.Refuse("The bindings of the block must be trivial", {block});
  if (loops.empty()) return state.Refuse("The block must be under loops", {block});
  for (SrefId loop : loops) {
    HONE_RETURN_IF_ERROR(CheckStartsAtZero(state, loop));
    const Sref& child = state.at(state.at(loop).first_child);
    const ir::StmtNode* inner = child.realize != nullptr ? static_cast<const ir::StmtNode*>(child.realize) : child.stmt;
    if (state.loop(loop)->body.get() != inner) {
      return state.Refuse("The block must be the only child of the loops above it", {loop, block});
    }
  }
  for (ir::IterVar iter : state.block(block)->iter_vars) {
    if (!ir::IsZero(iter->dom.min)) return state.Refuse("The domains of the block's iters must start at 0", {block});
  }
  return absl::OkStatus();
}

// The type of a new iter that is a function of old ones; refused when they differ.
absl::StatusOr<ir::IterType> TypeOf(const ScheduleState& state, SrefId block, Expr value) {
  const ir::BlockNode* node = state.block(block);
  const ir::IterType* type = nullptr;
  bool mixed = false;
  for (const ir::IterVar& iter : node->iter_vars) {
    if (!ir::UsesVar(value, [&](ir::Var v) { return v == iter->var; })) continue;
    if (type != nullptr && *type != iter->iter_type) mixed = true;
    type = &iter->iter_type;
  }
  if (type == nullptr || mixed) {
    return state.Refuse("A new iter must be made of old ones of one type", {block});
  }
  return *type;
}

// As far as literals tell.
bool SameCount(absl::Span<const Expr> a, absl::Span<const Expr> b) {
  const auto count = [](absl::Span<const Expr> extents) -> std::optional<__int128> {
    __int128 out = 1;
    for (const Expr extent : extents) {
      const int64_t* value = ir::ConstInt(extent);
      if (value == nullptr || out > INT64_MAX) return std::nullopt;
      out *= *value;
    }
    return out;
  };
  const auto x = count(a);
  const auto y = count(b);
  return !x || !y || *x == *y;
}

}  // namespace

absl::Status TransformBlockLayout(ScheduleState& state, SrefId block, const ir::IndexMapNode* index_map) {
  const ir::BlockNode* old = state.block(block);
  HONE_RETURN_IF_ERROR(RequireScopeRoot(state, block).status());
  if (index_map->initial_indices.size() != old->iter_vars.size()) {
    return state.Refuse("The index map must have one input an iter of the block", {block});
  }
  const SrefList loops = LoopsAbove(state, block);
  HONE_RETURN_IF_ERROR(CheckNest(state, block, loops));

  arith::Analyzer analyzer;
  std::vector<Expr> iters;
  std::vector<Expr> extents;
  std::vector<ir::Range> ranges;
  for (ir::IterVar iter : old->iter_vars) {
    iters.push_back(iter->var);
    extents.push_back(iter->dom.extent);
    ranges.push_back(iter->dom);
    analyzer.Bind(iter->var, iter->dom);
  }
  arith::Analyzer plain;  // Iters of extent 1 stay variables.
  const std::vector<Expr> mapped = arith::MapIndices(index_map, iters, plain);
  HONE_ASSIGN_OR_RETURN(const std::vector<Expr> new_extents, arith::MapShape(index_map, extents, analyzer));
  LoopDomains domains;
  std::vector<ir::IterVar> new_iters;
  std::vector<ir::Var> new_loops;
  std::vector<Expr> new_vars;
  for (size_t i = 0; i < mapped.size(); ++i) {
    const ir::DataType dtype = new_extents[i].dtype();
    ir::IterType type = ir::IterType::kSpatial;
    if (!ir::IsOne(new_extents[i])) {
      HONE_ASSIGN_OR_RETURN(type, TypeOf(state, block, mapped[i]));
    }
    const ir::Var var = ir::MakeVar(StrCat("v", i), dtype);
    new_iters.push_back(ir::MakeIterVar(ir::RangeFromExtent(new_extents[i]), var, type));
    new_loops.push_back(ir::MakeVar(StrCat("ax", i), dtype));
    new_vars.push_back(var);
    domains.push_back({var, ir::RangeFromExtent(new_extents[i])});
  }
  const absl::StatusOr<const ir::IndexMapNode*> inverse = arith::InverseIndexMap(index_map, ranges, analyzer);
  // j % 5 with j below 2 is j to the one, and padded to 5 to the other.
  if (!inverse.ok() || !SameCount(extents, new_extents)) {
    return state.Refuse("The index map is not bijective affine", {block});
  }
  std::vector<Expr> values = arith::MapIndices(*inverse, new_vars, plain);
  for (size_t i = 0; i < iters.size(); ++i) {
    for (size_t k = 0; k < mapped.size(); ++k) {
      if (ir::IsOne(extents[i]) && mapped[k] == iters[i]) values[i] = new_vars[k];
    }
  }
  ir::VarMap map;
  for (size_t i = 0; i < values.size(); ++i) {
    map[old->iter_vars[i]->var.get()] = values[i];
  }
  IndexSimplifier simplifier(map, domains);
  auto* inner = ir::CopyNode(simplifier.MutateStmt(old).as<ir::BlockNode>());
  inner->iter_vars = ir::MakeArray(new_iters);
  BlockReuses reuses = simplifier.reuses();
  reuses.emplace_back(old, inner);
  const std::vector<Expr> bindings(new_loops.begin(), new_loops.end());
  Stmt nest = ir::MakeBlockRealize(ir::MakeArray(bindings), ir::BoolImm(true), inner);
  for (size_t i = new_loops.size(); i-- > 0;) {
    nest = ir::MakeFor(new_loops[i], ir::IntImm(new_loops[i].dtype(), 0), new_extents[i], ir::ForKind::kSerial, nest);
  }
  state.Replace(loops.front(), nest, reuses);
  return absl::OkStatus();
}

absl::Status Schedule::TransformBlockLayout(BlockRv block, const ir::IndexMapNode* index_map) {
  const PrimitiveScope scope(*this, kTransformBlockLayoutRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const ir::IndexMapNode* map, Resolve(index_map));
  HONE_RETURN_IF_ERROR(schedule::TransformBlockLayout(state_, id, map));
  Record(kTransformBlockLayoutRow, {Value::OfRv(block)}, {Value::IndexMap(index_map)}, {});
  return absl::OkStatus();
}

const InstructionRow kTransformBlockLayoutRow = {
    .name = "TransformBlockLayout",
    .pure = false,
    .inputs = "b",
    .attrs = "m",
    .outputs = Outputs::kNone,
    .output_kind = ' ',
    .method = "transform_block_layout",
    .arguments = "block,index_map",
    .apply = [](Schedule& s, Call& c) { return s.TransformBlockLayout(BlockOf(c, 0), c.attrs[0].index_map()); }};

}  // namespace hone::schedule
