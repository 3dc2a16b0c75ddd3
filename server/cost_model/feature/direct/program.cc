#include "server/cost_model/feature/direct/program.h"

#include <algorithm>
#include <optional>

#include "common/arith/analyzer.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "server/cost_model/feature/operation_counts.h"
#include "server/cost_model/feature/simplify_pass.h"

namespace hone::direct {
namespace {

using ir::Expr;
using ir::ExprKind;

constexpr int64_t kLimit = LinearIndex::kLimit;

// A loop or block around accesses; scope 0 is the function.
struct Scope {
  int parent;
  int depth;
  int loops;  // Kept loops from the function down to and including this scope.
  double product;
};

// What a loop variable or iter variable stands for.
struct Binding {
  const ir::VarNode* var;
  LinearIndex value;
  int scope_above_loop = -1;  // Of a kept loop's variable: the scope that the loop stands in.
};

bool IsKnownLoop(const ir::ForNode* loop) {
  const int64_t* extent = ir::ConstInt(loop->extent);
  return ir::IsZero(loop->min) && extent != nullptr && *extent >= 1 && *extent <= kLimit &&
         loop->thread_binding == nullptr;
}

// Special wishes that the lowering passes read.
bool HasSpecialAnnotation(const ir::BlockNode* block) {
  for (const ir::Attr& attr : block->annotations) {
    if (attr.key == "meta_schedule.layout_rewrite_preproc" || attr.key == "explicit_read_region" ||
        attr.key == "explicit_write_region" || attr.key == "auto_copy") {
      return true;
    }
  }
  return false;
}

bool IsLiteral(Expr e) { return e.kind() == ExprKind::kIntImm || e.kind() == ExprKind::kFloatImm; }

class Reader {
 public:
  Reader(ir::PrimFunc func, Program& program) : func_(func), program_(program) { scopes_.push_back({-1, 0, 0, 1}); }

  bool Read() {
    for (const ir::BufferBinding& binding : func_->buffer_map) {
      const int id = IdOf(binding.buffer);
      program_.buffers[id].parameter = true;
    }
    return ReadStmt(func_->body) && PlaceBuffers() && FinishStores();
  }

 private:
  struct BufferState {
    int scope = -1;  // The lowest that holds all accesses.
    bool allocated = false;
  };

  int IdOf(ir::Buffer buffer) {
    auto& buffers = program_.buffers;
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (buffers[i].buffer == buffer) return static_cast<int>(i);
    }
    buffers.emplace_back();
    buffers.back().buffer = buffer;
    states_.emplace_back();
    for (Expr extent : buffer->shape) {
      const int64_t* value = ir::ConstInt(extent);
      buffers.back().shape.push_back(value != nullptr ? *value : -1);
    }
    return static_cast<int>(buffers.size()) - 1;
  }

  // ---- statements

  bool ReadStmt(ir::Stmt s) {
    switch (s.kind()) {
      case ir::StmtKind::kSeq:
        for (ir::Stmt part : s.as<ir::SeqNode>()->seq) {
          if (!ReadStmt(part)) return false;
        }
        return true;
      case ir::StmtKind::kFor:
        return ReadLoop(s.as<ir::ForNode>());
      case ir::StmtKind::kBlockRealize:
        return ReadBlock(s.as<ir::BlockRealizeNode>());
      case ir::StmtKind::kBufferStore:
        return ReadStore(s.as<ir::BufferStoreNode>());
      default:
        return false;
    }
  }

  bool ReadLoop(const ir::ForNode* loop) {
    if (!IsKnownLoop(loop)) return false;
    const int64_t extent = *ir::ConstInt(loop->extent);
    Binding binding;
    binding.var = loop->loop_var.get();
    if (extent == 1 && loop->for_kind == ir::ForKind::kSerial && loop->annotations.empty()) {
      bindings_.push_back(binding);  // Gone: its variable is zero.
      const bool ok = ReadStmt(loop->body);
      bindings_.pop_back();
      return ok;
    }
    const int id = static_cast<int>(program_.loops.size());
    const int64_t unroll = std::max<int64_t>(loop->annotations.GetInt("pragma_auto_unroll_max_step", 0), 0);
    program_.loops.push_back({loop, extent, unroll});
    depth_of_loop_.push_back(static_cast<int>(nest_.size()));
    if (extent > 1) binding.value.Add(id, 1);
    binding.scope_above_loop = scope_;
    bindings_.push_back(binding);
    nest_.push_back(id);
    const int outer = scope_;
    const Scope& above = scopes_[outer];
    scopes_.push_back({outer, above.depth + 1, above.loops + 1, above.product * static_cast<double>(extent)});
    scope_ = static_cast<int>(scopes_.size()) - 1;
    const bool ok = ReadStmt(loop->body);
    scope_ = outer;
    nest_.pop_back();
    bindings_.pop_back();
    return ok;
  }

  bool ReadBlock(const ir::BlockRealizeNode* realize) {
    const ir::BlockNode* block = realize->block;
    if (!ir::IsTrue(realize->predicate) || !block->match_buffers.empty() || HasSpecialAnnotation(block)) return false;
    const size_t bound = bindings_.size();
    for (size_t i = 0; i < block->iter_vars.size(); ++i) {
      const ir::IterType type = block->iter_vars[i]->iter_type;
      if (type != ir::IterType::kSpatial && type != ir::IterType::kReduce) return false;
      Binding binding;
      binding.var = block->iter_vars[i]->var.get();
      if (!ReadIndex(realize->iter_values[i], binding.value)) return false;
      bindings_.push_back(binding);
    }
    for (ir::Buffer buffer : block->alloc_buffers) states_[IdOf(buffer)].allocated = true;
    const int outer = scope_;
    const Scope& above = scopes_[outer];
    scopes_.push_back({outer, above.depth + 1, above.loops, above.product});
    scope_ = static_cast<int>(scopes_.size()) - 1;
    const bool ok = (!block->init || ReadInit(block)) && ReadStmt(block->body);
    scope_ = outer;
    bindings_.resize(bound);
    if (ok) RaiseLoopCarried(realize);
    return ok;
  }

  // Only literals, so that it makes no row; where it runs does not matter then, as long as it touches what the body
  // touches under loops of its own.
  bool ReadInit(const ir::BlockNode* block) {
    const auto* store = block->init.as<ir::BufferStoreNode>();
    if (store == nullptr || !IsLiteral(store->value)) return false;
    absl::InlinedVector<int, 8> reduced;
    const size_t first = bindings_.size() - block->iter_vars.size();
    for (size_t i = 0; i < block->iter_vars.size(); ++i) {
      if (block->iter_vars[i]->iter_type != ir::IterType::kReduce) continue;
      const LinearIndex& value = bindings_[first + i].value;
      for (const LinearIndex::Term& term : value) reduced.push_back(term.key);
    }
    for (size_t i = 0; i < block->iter_vars.size(); ++i) {
      if (block->iter_vars[i]->iter_type == ir::IterType::kReduce) continue;
      for (int loop : reduced) {
        if (bindings_[first + i].value.Find(loop) != nullptr) return false;
      }
    }
    return ReadStore(store);
  }

  // What is accumulated lives on from one iteration of the reduction to the next: above all of its loops.
  void RaiseLoopCarried(const ir::BlockRealizeNode* realize) {
    const ir::BlockNode* block = realize->block;
    for (size_t i = 0; i < block->iter_vars.size(); ++i) {
      if (block->iter_vars[i]->iter_type != ir::IterType::kReduce) continue;
      int above = -1;
      CollectScopesAbove(realize->iter_values[i], above);
      if (above < 0) continue;
      for (ir::BufferRegion region : block->writes) TouchAt(IdOf(region->buffer), above);
    }
  }

  void CollectScopesAbove(Expr e, int& above) {
    if (const auto* var = e.as<ir::VarNode>()) {
      const Binding* binding = Find(var);
      if (binding != nullptr && binding->scope_above_loop >= 0) above = Common(above, binding->scope_above_loop);
    } else if (const auto* op = e.as<ir::BinaryNode>()) {
      CollectScopesAbove(op->a, above);
      CollectScopesAbove(op->b, above);
    }
  }

  // ---- scopes

  int Common(int a, int b) const {
    if (a < 0) return b;
    while (scopes_[a].depth > scopes_[b].depth) a = scopes_[a].parent;
    while (scopes_[b].depth > scopes_[a].depth) b = scopes_[b].parent;
    while (a != b) {
      a = scopes_[a].parent;
      b = scopes_[b].parent;
    }
    return a;
  }
  void TouchAt(int buffer, int scope) { states_[buffer].scope = Common(states_[buffer].scope, scope); }

  // ---- indices

  const Binding* Find(const ir::VarNode* var) const {
    for (size_t i = bindings_.size(); i > 0; --i) {
      if (bindings_[i - 1].var == var) return &bindings_[i - 1];
    }
    return nullptr;
  }

  // Adds `scale` times `e`; false when it is not of the form.
  bool Collect(Expr e, int64_t scale, LinearIndex& out) {
    if (scale > kLimit || scale < -kLimit) return false;
    switch (e.kind()) {
      case ExprKind::kIntImm: {
        const int64_t value = static_cast<const ir::IntImmNode*>(e.get())->value;
        return value <= kLimit && value >= -kLimit && out.AddBase(value * scale);
      }
      case ExprKind::kVar: {
        const Binding* binding = Find(static_cast<const ir::VarNode*>(e.get()));
        return binding != nullptr && out.Add(binding->value, scale);
      }
      case ExprKind::kAdd:
      case ExprKind::kSub: {
        const auto* op = static_cast<const ir::BinaryNode*>(e.get());
        return Collect(op->a, scale, out) && Collect(op->b, e.kind() == ExprKind::kAdd ? scale : -scale, out);
      }
      case ExprKind::kMul: {
        const auto* op = static_cast<const ir::BinaryNode*>(e.get());
        const bool left = op->a.kind() == ExprKind::kIntImm;
        const auto* literal = (left ? op->a : op->b).as<ir::IntImmNode>();
        if (literal == nullptr || literal->value <= 0 || literal->value > kLimit) return false;
        return Collect(left ? op->b : op->a, scale * literal->value, out);
      }
      case ExprKind::kFloorDiv:
      case ExprKind::kFloorMod: {
        const auto* op = static_cast<const ir::BinaryNode*>(e.get());
        const auto* literal = op->b.as<ir::IntImmNode>();
        if (literal == nullptr || literal->value <= 0 || literal->value > kLimit) return false;
        LinearIndex inner;
        if (!Collect(op->a, 1, inner) || !inner.Finish()) return false;
        const auto largest = [&](int loop) { return program_.loops[loop].extent - 1; };
        const bool ok = e.kind() == ExprKind::kFloorDiv ? inner.FloorDiv(literal->value, largest)
                                                        : inner.FloorMod(literal->value, largest);
        return ok && out.Add(inner, scale);
      }
      default:
        return false;
    }
  }

  // The simplified form of `e` over loops, when it is linear.
  bool ReadIndex(Expr e, LinearIndex& out) {
    if (!e.dtype().is_index()) return false;
    if (Collect(e, 1, out)) return out.Finish();
    // Not linear as it is written; perhaps it simplifies.
    const Expr simple = Simplify(OverLoops(e));
    out = {};
    return Collect(simple, 1, out) && out.Finish();
  }

  // `e` in terms of loop variables.
  Expr OverLoops(Expr e) {
    ir::VarMap map;
    ir::UsesVar(e, [&](ir::Var var) {
      if (const Binding* binding = Find(var.get())) map[var.get()] = ToExpr(binding->value, var.dtype());
      return false;
    });
    return ir::Substitute(e, map);
  }

  Expr ToExpr(const LinearIndex& index, ir::DataType dtype) const {
    Expr out;
    auto add = [&](Expr e) { out = out ? ir::MakeBinary(ExprKind::kAdd, out, e) : e; };
    for (const LinearIndex::Term& term : index) {
      Expr e = program_.loops[term.key].node->loop_var;
      if (term.upper != 0) e = ir::MakeBinary(ExprKind::kFloorMod, e, ir::IntImm(dtype, term.upper));
      if (term.lower != 1) e = ir::MakeBinary(ExprKind::kFloorDiv, e, ir::IntImm(dtype, term.lower));
      add(term.scale == 1 ? e : ir::MakeBinary(ExprKind::kMul, e, ir::IntImm(dtype, term.scale)));
    }
    if (!out) return ir::IntImm(dtype, index.base());
    if (index.base() > 0) add(ir::IntImm(dtype, index.base()));
    if (index.base() < 0) out = ir::MakeBinary(ExprKind::kSub, out, ir::IntImm(dtype, -index.base()));
    return out;
  }

  Expr Simplify(Expr e) {
    if (!analyzer_.has_value()) analyzer_.emplace();
    for (int loop : nest_) {
      if (std::find(known_loops_.begin(), known_loops_.end(), loop) != known_loops_.end()) continue;
      known_loops_.push_back(loop);
      const ir::ForNode* node = program_.loops[loop].node;
      analyzer_->Bind(node->loop_var, ir::Range{node->min, node->extent});
    }
    return SimplifyOne(*analyzer_, SimplifyOne(*analyzer_, e));  // The passes do it twice.
  }

  bool ReadAccess(ir::Buffer buffer, ir::Array<Expr> indices, Access& out) {
    out.buffer = IdOf(buffer);
    for (Expr index : indices) {
      out.indices.emplace_back();
      if (!ReadIndex(index, out.indices.back())) return false;
    }
    TouchAt(out.buffer, scope_);
    return true;
  }

  // ---- values

  bool ReadStore(const ir::BufferStoreNode* store) {
    if (store->predicate) return false;
    Store out;
    if (!ReadAccess(store->buffer, store->indices, out.target)) return false;
    if (IsLiteral(store->value)) {
      silent_.push_back(std::move(out.target));
      return true;
    }
    if (!ReadSimpleValue(store->value, out)) {
      out.loads.clear();
      out.operations.fill(0);
      if (!ReadValueBySimplifying(store->value, out)) return false;
    }
    out.loops.assign(nest_.begin(), nest_.end());
    program_.stores.push_back(std::move(out));
    return true;
  }

  // Float arithmetic on loads, which simplification leaves alone but for the indices.
  bool ReadSimpleValue(Expr e, Store& out) {
    switch (e.kind()) {
      case ExprKind::kBufferLoad: {
        const auto* load = e.as<ir::BufferLoadNode>();
        out.loads.emplace_back();
        return !load->predicate && ReadAccess(load->buffer, load->indices, out.loads.back());
      }
      case ExprKind::kAdd:
      case ExprKind::kSub:
      case ExprKind::kMul: {
        const auto* op = static_cast<const ir::BinaryNode*>(e.get());
        if (!e.dtype().is_any_float() || IsLiteral(op->a) || IsLiteral(op->b)) return false;
        CountOperation(e, 1, out.operations);
        return ReadSimpleValue(op->a, out) && ReadSimpleValue(op->b, out);
      }
      case ExprKind::kCast: {
        const auto* cast = e.as<ir::CastNode>();
        return e.dtype().is_any_float() && cast->value.kind() == ExprKind::kBufferLoad &&
               ReadSimpleValue(cast->value, out);
      }
      default:
        return false;
    }
  }

  bool ReadValueBySimplifying(Expr value, Store& out) {
    if (!IsPlainValue(value)) return false;
    return CountValue(Simplify(OverLoops(value)), out);
  }

  // Of kinds that the passes treat as this path does; loads of temporaries are under no condition.
  bool IsPlainValue(Expr e) {
    switch (e.kind()) {
      case ExprKind::kIntImm:
      case ExprKind::kFloatImm:
        return true;
      case ExprKind::kVar:
        return Find(static_cast<const ir::VarNode*>(e.get())) != nullptr;
      case ExprKind::kCast:
        return IsPlainValue(e.as<ir::CastNode>()->value);
      case ExprKind::kNot:
        return IsPlainValue(e.as<ir::NotNode>()->a);
      case ExprKind::kBufferLoad: {
        const auto* load = e.as<ir::BufferLoadNode>();
        if (load->predicate) return false;
        if (under_condition_ && !program_.buffers[IdOf(load->buffer)].parameter) return false;
        return std::all_of(load->indices.begin(), load->indices.end(), [&](Expr i) { return IsPlainValue(i); });
      }
      case ExprKind::kCall: {
        const auto* call = e.as<ir::CallNode>();
        const bool outer = under_condition_;
        under_condition_ = outer || call->Is(ir::Builtin::if_then_else);
        const bool plain = call->function == nullptr && std::all_of(call->args.begin(), call->args.end(),
                                                                    [&](Expr arg) { return IsPlainValue(arg); });
        under_condition_ = outer;
        return plain;
      }
      default: {
        const auto* op = e.as<ir::BinaryNode>();
        return op != nullptr && IsPlainValue(op->a) && IsPlainValue(op->b);
      }
    }
  }

  bool CountValue(Expr e, Store& out) {
    switch (e.kind()) {
      case ExprKind::kIntImm:
      case ExprKind::kFloatImm:
      case ExprKind::kVar:
        return true;
      case ExprKind::kBufferLoad: {
        const auto* load = e.as<ir::BufferLoadNode>();
        out.loads.emplace_back();
        return ReadAccess(load->buffer, load->indices, out.loads.back());
      }
      case ExprKind::kCast:
        return CountValue(e.as<ir::CastNode>()->value, out);
      case ExprKind::kNot:
        CountOperation(e, 1, out.operations);
        return CountValue(e.as<ir::NotNode>()->a, out);
      case ExprKind::kCall:
        CountOperation(e, 1, out.operations);
        for (Expr arg : e.as<ir::CallNode>()->args) {
          if (!CountValue(arg, out)) return false;
        }
        return true;
      default: {
        const auto* op = e.as<ir::BinaryNode>();
        if (op == nullptr) return false;
        CountOperation(e, 1, out.operations);
        return CountValue(op->a, out) && CountValue(op->b, out);
      }
    }
  }

  // ---- temporaries

  // What is touched of one dimension: `outer` holds loops outside of the allocation.
  struct Hull {
    bool touched = false;
    LinearIndex outer;  // Its base is the least index.
    int64_t width = 0;
  };

  bool PlaceBuffers() {
    for (size_t id = 0; id < states_.size(); ++id) {
      BufferFacts& facts = program_.buffers[id];
      if (!facts.parameter && !states_[id].allocated) return false;  // Where it lives is unknown.
      if (std::find(facts.shape.begin(), facts.shape.end(), -1) != facts.shape.end()) return false;
      if (facts.parameter || states_[id].scope < 0) continue;
      facts.placed = true;
      facts.outer_product = scopes_[states_[id].scope].product;
      if (!Compact(static_cast<int>(id))) return false;
    }
    return true;
  }

  template <typename F>
  bool ForEachAccess(int buffer, const F& f) {
    for (Access& access : silent_) {
      if (access.buffer == buffer && !f(access)) return false;
    }
    for (Store& store : program_.stores) {
      if (store.target.buffer == buffer && !f(store.target)) return false;
      for (Access& load : store.loads) {
        if (load.buffer == buffer && !f(load)) return false;
      }
    }
    return true;
  }

  bool Compact(int id) {
    BufferFacts& facts = program_.buffers[id];
    const int open = scopes_[states_[id].scope].loops;
    absl::InlinedVector<Hull, 6> hulls(facts.shape.size());
    const bool known = ForEachAccess(id, [&](Access& access) {
      for (size_t d = 0; d < hulls.size(); ++d) {
        if (!Include(access.indices[d], open, hulls[d])) return false;
      }
      return true;
    });
    if (!known) return false;
    for (size_t d = 0; d < hulls.size(); ++d) {
      if (!hulls[d].touched || hulls[d].width + 1 >= facts.shape[d]) continue;
      facts.shape[d] = hulls[d].width + 1;
      ForEachAccess(id, [&](Access& access) {
        Rebase(access.indices[d], open, hulls[d].outer.base());
        return true;
      });
    }
    return true;
  }

  // False when the loops outside are not the same as those of accesses before.
  bool Include(const LinearIndex& index, int open, Hull& hull) const {
    LinearIndex outer;
    outer.set_base(index.base());
    int64_t width = 0;
    for (const LinearIndex::Term& term : index) {
      if (depth_of_loop_[term.key] < open) {
        outer.Add(term, 1);
      } else {
        width += Growth(term, program_.loops[term.key].extent);
      }
    }
    if (!hull.touched) {
      hull = {true, outer, width};
      return true;
    }
    if (outer.size() != hull.outer.size()) return false;
    for (const LinearIndex::Term& term : outer) {
      const LinearIndex::Term* same = hull.outer.Find(term.key);
      if (same == nullptr || same->scale != term.scale || same->lower != term.lower || same->upper != term.upper) {
        return false;
      }
    }
    const int64_t begin = std::min(hull.outer.base(), outer.base());
    const int64_t end = std::max(hull.outer.base() + hull.width, outer.base() + width);
    hull.outer.set_base(begin);
    hull.width = end - begin;
    return true;
  }

  void Rebase(LinearIndex& index, int open, int64_t least) const {
    LinearIndex out;
    out.set_base(index.base() - least);
    for (const LinearIndex::Term& term : index) {
      if (depth_of_loop_[term.key] >= open) out.Add(term, 1);
    }
    index = out;
  }

  // Operations in the indices of loads count with the value's.
  bool FinishStores() {
    for (Store& store : program_.stores) {
      for (const Access& load : store.loads) {
        for (const LinearIndex& index : load.indices) CountOperations(index, store.operations);
      }
    }
    return true;
  }

  const ir::PrimFunc func_;
  Program& program_;
  std::vector<BufferState> states_;  // By buffer.
  std::vector<int> depth_of_loop_;   // How many kept loops are around a loop.
  std::vector<Scope> scopes_;
  int scope_ = 0;
  absl::InlinedVector<int, 20> nest_;
  std::vector<Binding> bindings_;
  std::vector<Access> silent_;  // Of stores that make no row.
  std::optional<arith::Analyzer> analyzer_;
  absl::InlinedVector<int, 20> known_loops_;  // To the analyzer.
  bool under_condition_ = false;
};

}  // namespace

bool ReadProgram(ir::PrimFunc func, Program& program) { return Reader(func, program).Read(); }

}  // namespace hone::direct
