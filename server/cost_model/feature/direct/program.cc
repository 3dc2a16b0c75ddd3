#include "server/cost_model/feature/direct/program.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "common/arith/analyzer.h"
#include "common/arith/conditional_bounds.h"
#include "common/arith/region.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/attr_value.h"
#include "server/cost_model/feature/operation_counts.h"
#include "server/cost_model/feature/simplify_pass.h"

namespace hone::direct {
namespace {

using ir::Expr;
using ir::ExprKind;

constexpr int64_t kLimit = LinearIndex::kLimit;

// What a loop variable or iter variable stands for.
struct Binding {
  const ir::VarNode* var;
  LinearIndex value;
  bool linear = true;         // `value` says it all.
  Expr source;                // As the program has it; null for a loop's variable.
  Expr written;               // `source` over loops, made when it is needed.
  int scope_above_loop = -1;  // Of a kept loop's variable: the scope that the loop stands in.
};

bool IsKnownLoop(const ir::ForNode* loop) {
  const int64_t* extent = ir::ConstInt(loop->extent);
  return ir::IsZero(loop->min) && extent != nullptr && *extent >= 1 && *extent <= kLimit;
}

Axis AxisOf(std::string_view tag) {
  if (tag.starts_with("vthread")) return Axis::kVirtual;
  const bool block = tag.size() == 10 && tag.starts_with("blockIdx.");
  const bool thread = tag.size() == 11 && tag.starts_with("threadIdx.");
  const int dim = block || thread ? tag.back() - 'x' : -1;
  if (dim < 0 || dim > 2) return Axis::kOther;
  return static_cast<Axis>(static_cast<int>(block ? Axis::kBlockX : Axis::kThreadX) + dim);
}

std::string_view TagOf(const Loop& loop) { return loop.node->thread_binding->thread_tag; }

// Whether all threads of the loop share storage of `scope`.
bool SharedAcross(std::string_view scope, Axis axis) {
  if (axis == Axis::kNone || axis == Axis::kOther) return false;
  const std::string_view base = scope.substr(0, scope.find('.'));
  const bool block = axis < Axis::kThreadX;
  if (base == "global") return true;
  if (base == "shared") return !block;
  return base == "warp" && axis == Axis::kThreadX;
}

// Requests of passes that only a lowering for a GPU reads.
bool WantsLaterPass(const ir::Attrs& annotations) {
  for (const ir::Attr& attr : annotations) {
    if (attr.key.starts_with("software_pipeline") || attr.key == "tir.manifest_shared_memory_local_stage" ||
        attr.key == "double_buffer_scope") {
      return true;
    }
  }
  return false;
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
  Reader(ir::PrimFunc func, Program& program, Purpose purpose)
      : func_(func), lite_(purpose == Purpose::kMemory), program_(program), scopes_(program.scopes) {
    scopes_.emplace_back();
  }

  bool Read() {
    for (const ir::BufferBinding& binding : func_->buffer_map) {
      const int id = IdOf(binding.buffer);
      program_.buffers[id].parameter = true;
    }
    return ReadStmt(func_->body) && PlaceBuffers() && Finish();
  }

 private:
  struct BufferState {
    int scope = -1;  // The lowest that holds all accesses.
    bool allocated = false;
  };
  // A declared region that a view opens.
  struct Opening {
    Access mins;
    Shape extents;
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
      case ir::StmtKind::kEvaluate:
        return ReadCall(s.as<ir::EvaluateNode>()->value);
      default:
        return false;
    }
  }

  // A call makes no row. What it does to buffers through views is known from these; other pointers are not followed.
  bool ReadCall(Expr call) {
    program_.whole = false;
    bool known = true;
    ir::PostOrderVisitExprs(call, [&](Expr e) {
      if (const auto* load = e.as<ir::BufferLoadNode>()) known = known && IsView(load->buffer);
      const auto* var = e.as<ir::VarNode>();
      if (var == nullptr || !var->dtype.is_handle()) return;
      for (const BufferFacts& facts : program_.buffers) {
        known = known && (facts.parameter || facts.buffer->data.get() != var);
      }
    });
    ++leaves_;
    return known;
  }
  bool IsView(const ir::BufferNode* buffer) const {
    return std::find(views_.begin(), views_.end(), buffer) != views_.end();
  }

  int OpenScope(int loop) {
    Scope scope = scopes_[scope_];
    scope.parent = scope_;
    ++scope.depth;
    scope.loops += loop >= 0 ? 1 : 0;
    scope.loop = loop;
    scope.condition = {};
    scope.first_leaf = leaves_;
    scopes_.push_back(scope);
    return std::exchange(scope_, static_cast<int>(scopes_.size()) - 1);
  }
  void CloseScope(int outer) {
    scopes_[scope_].last_leaf = leaves_ - 1;
    scope_ = outer;
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
    program_.loops.push_back({loop, extent, unroll, Axis::kNone, id});
    program_.whole = program_.whole && !WantsLaterPass(loop->annotations);
    depth_of_loop_.push_back(static_cast<int>(nest_.size()));
    if (extent > 1) binding.value.Add(id, 1);
    binding.scope_above_loop = scope_;
    bindings_.push_back(binding);
    nest_.push_back(id);
    const int outer = OpenScope(id);
    const bool ok = (loop->for_kind != ir::ForKind::kThreadBinding || Bind(id)) && ReadStmt(loop->body);
    CloseScope(outer);
    nest_.pop_back();
    bindings_.pop_back();
    return ok;
  }

  // Gives the loop to its kernel. False when it differs from others of its axis.
  bool Bind(int id) {
    Loop& loop = program_.loops[id];
    Scope& scope = scopes_[scope_];
    loop.axis = AxisOf(TagOf(loop));
    if (scope.kernel < 0) {
      scope.kernel = static_cast<int>(program_.kernels.size());
      program_.kernels.emplace_back();
      program_.kernels.back().scope = scope_;
    } else if (!loop.node->annotations.empty()) {
      return false;  // They would go to another loop.
    }
    Kernel& kernel = program_.kernels[scope.kernel];
    for (int axis : kernel.axes) {
      if (TagOf(program_.loops[axis]) != TagOf(loop)) continue;
      loop.final = axis;
      return program_.loops[axis].extent == loop.extent;
    }
    kernel.axes.push_back(id);
    return true;
  }

  bool ReadBlock(const ir::BlockRealizeNode* realize) {
    const ir::BlockNode* block = realize->block;
    if (HasSpecialAnnotation(block)) return false;
    program_.whole = program_.whole && !WantsLaterPass(block->annotations);
    const size_t bound = bindings_.size();
    absl::InlinedVector<Binding, 8> iters;
    for (size_t i = 0; i < block->iter_vars.size(); ++i) {
      const ir::IterType type = block->iter_vars[i]->iter_type;
      if (type != ir::IterType::kSpatial && type != ir::IterType::kReduce) return false;
      if (type == ir::IterType::kReduce && block->init && FedByThreads(realize->iter_values[i])) return false;
      iters.emplace_back();
      iters.back().var = block->iter_vars[i]->var.get();
      Index value;
      if (!ReadIndex(realize->iter_values[i], value)) return false;
      iters.back().value = value.linear;
      iters.back().linear = !value.written;
      iters.back().source = realize->iter_values[i];
    }
    const Expr condition = ir::IsTrue(realize->predicate) ? Expr() : OverLoops(realize->predicate);
    bindings_.insert(bindings_.end(), iters.begin(), iters.end());
    for (ir::Buffer buffer : block->alloc_buffers) states_[IdOf(buffer)].allocated = true;
    const int outer = OpenScope(-1);
    scopes_[scope_].condition = condition;
    bool ok = ReadAligns(block);
    for (ir::MatchBufferRegion match : block->match_buffers) ok = ok && ReadView(match);
    ok = ok && (!block->init || ReadInit(block)) && ReadStmt(block->body);
    CloseScope(outer);
    bindings_.resize(bound);
    if (ok) RaiseLoopCarried(realize);
    return ok;
  }

  bool FedByThreads(Expr e) const {
    return ir::UsesVar(e, [&](ir::Var var) {
      const Binding* binding = Find(var.get());
      return binding != nullptr && binding->scope_above_loop >= 0 && IsBoundVar(var.get());
    });
  }
  bool IsBoundVar(const ir::VarNode* var) const {
    const int loop = LoopOf(var);
    return loop >= 0 && program_.loops[loop].axis != Axis::kNone;
  }
  int LoopOf(const ir::VarNode* var) const {
    for (size_t i = program_.loops.size(); i > 0; --i) {
      if (program_.loops[i - 1].node->loop_var.get() == var) return static_cast<int>(i - 1);
    }
    return -1;
  }

  bool ReadAligns(const ir::BlockNode* block) {
    const auto* entries = ir::As<ir::ArrayNode>(block->annotations.Get("buffer_dim_align"));
    if (entries == nullptr) return true;
    for (const ir::Object* entry : entries->items) {
      const auto parsed = lower::AttrInts(entry);
      if (!parsed || parsed->size() != 4) continue;
      const std::vector<int64_t>& numbers = *parsed;
      if (numbers[0] < 0 || numbers[0] >= static_cast<int64_t>(block->writes.size())) continue;
      BufferFacts& facts = program_.buffers[IdOf(block->writes[numbers[0]]->buffer)];
      facts.aligns.push_back({numbers[1], numbers[2], numbers[3]});
    }
    return true;
  }

  bool ReadView(ir::MatchBufferRegion match) {
    views_.push_back(match->buffer.get());
    if (IsView(match->source->buffer.get())) return false;
    Opening opening;
    opening.mins.buffer = IdOf(match->source->buffer);
    opening.mins.scope = scope_;
    for (const ir::Range& range : match->source->region) {
      const int64_t* extent = ir::ConstInt(range.extent);
      Index index;
      if (extent == nullptr || !ReadIndex(range.min, index) || index.written) return false;
      opening.mins.indices.push_back(index);
      opening.extents.push_back(*extent);
    }
    TouchAt(opening.mins.buffer, scope_);
    openings_.push_back(std::move(opening));
    return true;
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
      if (!bindings_[first + i].linear) return false;
      const LinearIndex& value = bindings_[first + i].value;
      for (const LinearIndex::Term& term : value) reduced.push_back(term.key);
    }
    for (size_t i = 0; i < block->iter_vars.size(); ++i) {
      if (block->iter_vars[i]->iter_type == ir::IterType::kReduce) continue;
      if (!bindings_[first + i].linear) return false;
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
        if (binding != nullptr) return binding->linear && out.Add(binding->value, scale);
        const int loop = finishing_ ? LoopOf(static_cast<const ir::VarNode*>(e.get())) : -1;
        return loop >= 0 && out.Add(loop, program_.loops[loop].extent > 1 ? scale : 0);
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
        const bool ok = e.kind() == ExprKind::kFloorDiv ? inner.FloorDiv(literal->value, largest, lite_)
                                                        : inner.FloorMod(literal->value, largest, lite_);
        return ok && out.Add(inner, scale);
      }
      default:
        return false;
    }
  }

  // `e` over loops, linear when it can be. False when it is not of integers or depends on unknown variables.
  bool ReadIndex(Expr e, Index& out) {
    if (!e.dtype().is_index()) return false;
    if (Collect(e, 1, out.linear)) return out.linear.Finish();
    // Not linear as it is written; perhaps it simplifies.
    const Expr written = OverLoops(e);
    if (lite_) {
      out.linear = {};
      out.written = written;
      out.unknown = true;
      return true;
    }
    const Expr simple = simplified_ ? written : Simplify(written);
    out.linear = {};
    if (Collect(simple, 1, out.linear)) return out.linear.Finish();
    out.linear = {};
    out.written = written;
    return true;
  }

  // `e` in terms of loop variables, as substituting the bindings of blocks makes it.
  Expr OverLoops(Expr e) { return OverLoops(e, bindings_.size()); }
  // The same with the first `known` bindings.
  Expr OverLoops(Expr e, size_t known) {
    ir::VarMap map;
    ir::UsesVar(e, [&](ir::Var var) {
      for (size_t i = known; i > 0; --i) {
        if (bindings_[i - 1].var != var.get()) continue;
        if (Expr written = Written(i - 1, var)) map[var.get()] = written;
        break;
      }
      return false;
    });
    return map.empty() ? e : ir::Substitute(e, map);
  }

  // Null for the variable of a loop that is kept.
  Expr Written(size_t at, ir::Var var) {
    if (!bindings_[at].source) {
      return bindings_[at].scope_above_loop < 0 ? ir::IntImm(var.dtype(), 0) : Expr();
    }
    if (!bindings_[at].written) bindings_[at].written = OverLoops(bindings_[at].source, at);
    return bindings_[at].written;
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

  // The analyzer, which knows the ranges of the loops.
  arith::Analyzer& KnowLoops(absl::Span<const int> loops) {
    if (!analyzer_.has_value()) analyzer_.emplace();
    known_loops_.resize(program_.loops.size());
    for (int loop : loops) {
      if (known_loops_[loop]) continue;
      known_loops_[loop] = true;
      const ir::ForNode* node = program_.loops[loop].node;
      analyzer_->Bind(node->loop_var, ir::Range{node->min, node->extent});
    }
    return *analyzer_;
  }

  Expr Simplify(Expr e) {
    arith::Analyzer& analyzer = KnowLoops(nest_);
    return SimplifyOne(analyzer, SimplifyOne(analyzer, e));  // The passes do it twice.
  }

  bool ReadAccess(ir::Buffer buffer, ir::Array<Expr> indices, Access& out) {
    out.buffer = IdOf(buffer);
    out.scope = scope_;
    for (Expr index : indices) {
      out.indices.emplace_back();
      Index& read = out.indices.back();
      if (!ReadIndex(index, read)) return false;
      read.simplified = simplified_;
    }
    if (!program_.buffers[out.buffer].parameter && (IsConditional(scope_) || !IsLinear(out))) {
      if (simplified_) return IsLinear(out);
      for (size_t d = 0; d < indices.size(); ++d) out.indices[d].source = OverLoops(indices[d]);
    }
    TouchAt(out.buffer, scope_);
    return true;
  }

  // ---- values

  bool ReadStore(const ir::BufferStoreNode* store) {
    if (store->predicate) return false;
    Store out;
    if (!ReadAccess(store->buffer, store->indices, out.target)) return false;
    const int leaf = leaves_++;
    if (IsLiteral(store->value)) {
      program_.silent.push_back(std::move(out.target));
      program_.silent_leaves.push_back(leaf);
      return true;
    }
    out.widest_bytes = store->value.dtype().bytes();
    const auto* cast = store->value.as<ir::CastNode>();
    out.is_load = (cast != nullptr ? cast->value : store->value).kind() == ExprKind::kBufferLoad;
    if (!ReadSimpleValue(store->value, out)) {
      out.loads.clear();
      out.operations.fill(0);
      out.plain = false;
      out.is_load = false;
      if (!ReadValueBySimplifying(store->value, out)) return false;
    }
    program_.stores.push_back(std::move(out));
    program_.store_leaves.push_back(leaf);
    return true;
  }

  // Float arithmetic on loads, which simplification leaves alone but for the indices.
  bool ReadSimpleValue(Expr e, Store& out) {
    switch (e.kind()) {
      case ExprKind::kBufferLoad: {
        const auto* load = e.as<ir::BufferLoadNode>();
        out.loads.emplace_back();
        out.widest_bytes = std::max<int>(out.widest_bytes, e.dtype().bytes());
        if (load->predicate || !ReadAccess(load->buffer, load->indices, out.loads.back())) return false;
        // Indices that are not linear are simplified with the whole value: now, or when the temporary is compacted.
        return lite_ || IsLinear(out.loads.back()) ||
               (out.is_load && !program_.buffers[out.loads.back().buffer].parameter);
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
        out.widest_bytes = std::max<int>(out.widest_bytes, e.dtype().bytes());
        return e.dtype().is_any_float() && cast->value.kind() == ExprKind::kBufferLoad &&
               ReadSimpleValue(cast->value, out);
      }
      default:
        return false;
    }
  }

  bool ReadValueBySimplifying(Expr value, Store& out) {
    if (!IsPlainValue(value)) return false;
    if (lite_) return ReadLoadsOfTemporaries(value, out);
    const Expr simple = Simplify(OverLoops(value));
    out.value_varies = ir::UsesVar(simple, [&](ir::Var var) {
      const int loop = LoopOf(var.get());
      return loop >= 0 && program_.loops[loop].axis == Axis::kVirtual;
    });
    simplified_ = true;
    const bool ok = CountValue(simple, out);
    simplified_ = false;
    return ok;
  }

  bool ReadLoadsOfTemporaries(Expr value, Store& out) {
    bool ok = true;
    ir::PostOrderVisitExprs(value, [&](Expr e) {
      out.widest_bytes = std::max<int>(out.widest_bytes, e.dtype().bytes());
      const auto* load = e.as<ir::BufferLoadNode>();
      if (load == nullptr || !ok || program_.buffers[IdOf(load->buffer)].parameter) return;
      out.loads.emplace_back();
      ok = ReadAccess(load->buffer, load->indices, out.loads.back());
    });
    out.value_varies = ir::UsesVar(value, [&](ir::Var var) { return IsOverVirtual(var.get()); });
    return ok;
  }

  // Whether what the variable of the program stands for mentions a virtual thread.
  bool IsOverVirtual(const ir::VarNode* var) {
    const Binding* binding = Find(var);
    if (binding == nullptr) return false;
    if (binding->linear) {
      return std::any_of(binding->value.begin(), binding->value.end(), [&](const LinearIndex::Term& term) {
        return program_.loops[term.key].axis == Axis::kVirtual;
      });
    }
    return ir::UsesVar(OverLoops(Expr(var)), [&](ir::Var loop_var) {
      const int loop = LoopOf(loop_var.get());
      return loop >= 0 && program_.loops[loop].axis == Axis::kVirtual;
    });
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
  using Hulls = absl::InlinedVector<Hull, 6>;

  bool PlaceBuffers() {
    finishing_ = true;
    for (size_t id = 0; id < states_.size(); ++id) {
      BufferFacts& facts = program_.buffers[id];
      if (!facts.parameter && !states_[id].allocated) return false;  // Where it lives is unknown.
      if (std::find(facts.shape.begin(), facts.shape.end(), -1) != facts.shape.end()) return false;
      if (facts.parameter || states_[id].scope < 0) continue;
      facts.placed = true;
      facts.scope = facts.buffer->scope() == "global" ? OutsideOfKernels(states_[id].scope) : states_[id].scope;
      facts.outer_product = ProductAround(facts.scope);
      if (!Compact(static_cast<int>(id))) return false;
    }
    return true;
  }

  // Temporaries in global memory never land inside of a kernel.
  int OutsideOfKernels(int scope) const {
    int out = scope;
    for (int s = scope; s > 0; s = scopes_[s].parent) {
      const int loop = scopes_[s].loop;
      if (loop >= 0 && program_.loops[loop].axis >= Axis::kBlockX && program_.loops[loop].axis < Axis::kThreadX) {
        out = scopes_[s].parent;
      }
    }
    return out;
  }

  // Of the extents of the loops around what stands in the scope, bound ones around their kernel.
  double ProductAround(int scope) const {
    double product = 1;
    if (scopes_[scope].kernel >= 0) {
      for (int axis : program_.kernels[scopes_[scope].kernel].axes) {
        product *= static_cast<double>(program_.loops[axis].extent);
      }
    }
    for (int s = scope; s > 0; s = scopes_[s].parent) {
      if (scopes_[s].loop < 0) continue;
      const Loop& loop = program_.loops[scopes_[s].loop];
      if (loop.axis == Axis::kNone) product *= static_cast<double>(loop.extent);
    }
    return product;
  }

  template <typename F>
  bool ForEachAccess(int buffer, const F& f) {
    for (Access& access : program_.silent) {
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

  bool IsConditional(int scope) const {
    for (; scope > 0; scope = scopes_[scope].parent) {
      if (scopes_[scope].condition) return true;
    }
    return false;
  }
  static bool IsLinear(const Access& access) {
    return std::none_of(access.indices.begin(), access.indices.end(),
                        [](const Index& index) { return static_cast<bool>(index.written); });
  }

  bool Compact(int id) {
    BufferFacts& facts = program_.buffers[id];
    Hulls hulls(facts.shape.size());
    absl::InlinedVector<const Access*, 4> later;
    const bool known = ForEachAccess(id, [&](Access& access) {
      if (!IsLinear(access) || IsConditional(access.scope)) {
        later.push_back(&access);
        return true;
      }
      return IncludeLinear(access, facts, nullptr, hulls);
    });
    if (!known) return false;
    for (const Opening& opening : openings_) {
      if (opening.mins.buffer != id) continue;
      if (IsConditional(opening.mins.scope) || !IncludeLinear(opening.mins, facts, &opening.extents, hulls)) {
        return false;
      }
    }
    for (const Access* access : later) {
      if (!IncludeConditional(*access, facts, hulls)) return false;
    }
    for (size_t d = 0; d < hulls.size(); ++d) {
      const Hull& hull = hulls[d];
      if (!hull.touched) continue;
      if (hull.outer.base() < 0) return false;
      if (hull.width + 1 >= facts.shape[d]) {
        if (hull.outer.base() != 0 || hull.outer.size() != 0) return false;
        continue;
      }
      facts.shape[d] = hull.width + 1;
      const bool rebased = ForEachAccess(id, [&](Access& access) { return Rebase(access.indices[d], facts, hull); });
      if (!rebased) return false;
    }
    return true;
  }

  // Whether a dimension's extent includes what the loop runs over.
  bool IsRelaxed(int loop, const BufferFacts& facts) const {
    return depth_of_loop_[loop] >= scopes_[facts.scope].loops ||
           (program_.loops[loop].axis != Axis::kNone && SharedAcross(facts.buffer->scope(), program_.loops[loop].axis));
  }

  void HullOf(const LinearIndex& index, int64_t extent, const BufferFacts& facts, Hull& out) const {
    out.touched = true;
    out.outer.set_base(index.base());
    out.width = extent - 1;
    for (const LinearIndex::Term& term : index) {
      if (IsRelaxed(term.key, facts)) {
        out.width += Growth(term, program_.loops[term.key].extent);
      } else {
        out.outer.Add(term, 1);
      }
    }
  }

  bool IncludeLinear(const Access& access, const BufferFacts& facts, const Shape* extents, Hulls& hulls) const {
    for (size_t d = 0; d < hulls.size(); ++d) {
      Hull one;
      HullOf(access.indices[d].linear, extents != nullptr ? (*extents)[d] : 1, facts, one);
      if (!Include(one, hulls[d])) return false;
    }
    return true;
  }

  static bool SameOuter(const Hull& a, const Hull& b) {
    if (a.outer.size() != b.outer.size()) return false;
    for (const LinearIndex::Term& term : a.outer) {
      const LinearIndex::Term* same = b.outer.Find(term.key);
      if (same == nullptr || same->scale != term.scale || same->lower != term.lower || same->upper != term.upper) {
        return false;
      }
    }
    return true;
  }

  // False when the loops outside are not the same as those of accesses before.
  static bool Include(const Hull& one, Hull& hull) {
    if (!hull.touched) {
      hull = one;
      return true;
    }
    if (!SameOuter(one, hull)) return false;
    const int64_t begin = std::min(hull.outer.base(), one.outer.base());
    const int64_t end = std::max(hull.outer.base() + hull.width, one.outer.base() + one.width);
    hull.outer.set_base(begin);
    hull.width = end - begin;
    return true;
  }

  // An access under conditions or with an index that is not linear: nothing new when it stays inside of the others even
  // without its conditions, else as the pass estimates it.
  bool IncludeConditional(const Access& access, const BufferFacts& facts, Hulls& hulls) {
    if (IsLinear(access)) {
      bool inside = true;
      for (size_t d = 0; inside && d < hulls.size(); ++d) {
        Hull one;
        HullOf(access.indices[d].linear, 1, facts, one);
        inside = hulls[d].touched && SameOuter(one, hulls[d]) && one.outer.base() >= hulls[d].outer.base() &&
                 one.outer.base() + one.width <= hulls[d].outer.base() + hulls[d].width;
      }
      if (inside) return true;
    }
    absl::InlinedVector<int, 20> loops;
    absl::InlinedVector<Expr, 2> conditions;
    for (int s = access.scope; s > 0; s = scopes_[s].parent) {
      if (scopes_[s].loop >= 0) loops.push_back(scopes_[s].loop);
      if (scopes_[s].condition) conditions.push_back(scopes_[s].condition);
    }
    std::reverse(loops.begin(), loops.end());
    arith::Analyzer& analyzer = KnowLoops(loops);
    arith::DomMap domains;
    for (int loop : loops) {
      const ir::ForNode* node = program_.loops[loop].node;
      domains.Set(node->loop_var, ir::Range{node->min, node->extent});
    }
    absl::InlinedVector<std::unique_ptr<arith::ConditionalBounds>, 2> narrowed;
    Expr predicate = ir::BoolImm(true);
    for (size_t i = conditions.size(); i-- > 0;) {
      narrowed.push_back(std::make_unique<arith::ConditionalBounds>(conditions[i], true, domains, analyzer));
      AddPending(conditions[i], predicate);
    }
    absl::InlinedVector<arith::IterDomain, 8> iters;
    for (size_t i = 0; i < loops.size(); ++i) {
      if (!IsRelaxed(loops[i], facts)) continue;
      const ir::Var var = program_.loops[loops[i]].node->loop_var;
      const ir::Range none = ir::RangeFromExtent(ir::IntImm(var.dtype(), 0));
      iters.push_back({var, domains.Find(var)->CoverRange(none, analyzer)});
    }
    absl::InlinedVector<ir::Range, 4> region;
    for (const Index& index : access.indices) {
      if (!index.source) return false;
      const ir::DataType dtype = facts.buffer->index_dtype();
      region.push_back({index.source, ir::IntImm(dtype, 1)});
    }
    const ir::Array<ir::Range> ranges(region.data(), region.size());
    const arith::NDIntSet sets = arith::EstimateRegionUpperBound(ranges, iters, predicate, analyzer);
    while (!narrowed.empty()) narrowed.pop_back();
    for (size_t d = 0; d < hulls.size(); ++d) {
      const ir::Range range = sets[d].CoverRange(ir::RangeFromExtent(facts.buffer->shape[d]), analyzer);
      const Expr extent = analyzer.Simplify(range.extent);
      const int64_t* width = ir::ConstInt(extent);
      Hull one;
      one.touched = true;
      if (width == nullptr || !Collect(analyzer.Simplify(range.min), 1, one.outer) || !one.outer.Finish()) return false;
      one.width = *width - 1;
      if (!Include(one, hulls[d])) return false;
    }
    return true;
  }

  // The comparisons of several variables in a conjunction.
  static void AddPending(Expr condition, Expr& out) {
    if (const auto* both = condition.as<ir::AndNode>()) {
      AddPending(both->a, out);
      return AddPending(both->b, out);
    }
    if (const auto* call = condition.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::likely)) {
      return AddPending(call->args[0], out);
    }
    const auto* comparison = condition.as<ir::BinaryNode>();
    if (comparison == nullptr || !ir::IsComparison(comparison->kind)) return;
    absl::InlinedVector<const ir::VarNode*, 4> vars;
    bool simple = true;
    for (Expr side : {comparison->a, comparison->b}) {
      ir::PostOrderVisitExprs(side, [&](Expr e) {
        if (const auto* var = e.as<ir::VarNode>()) {
          if (std::find(vars.begin(), vars.end(), var) == vars.end()) vars.push_back(var);
          return;
        }
        simple = simple && (e.as<ir::IntImmNode>() != nullptr || e.as<ir::BinaryNode>() != nullptr);
      });
    }
    if (simple && vars.size() > 1) out = ir::And(out, condition);
  }

  bool Rebase(Index& index, const BufferFacts& facts, const Hull& hull) {
    if (index.unknown) return true;
    if (index.source) index.source = ir::Sub(index.source, ToExpr(hull.outer, index.source.dtype()));
    if (index.written) {
      const ir::DataType dtype = index.written.dtype();
      index.written = ir::Sub(index.written, ToExpr(hull.outer, dtype));
      return true;
    }
    LinearIndex out;
    out.set_base(index.linear.base() - hull.outer.base());
    for (const LinearIndex::Term& term : index.linear) {
      if (IsRelaxed(term.key, facts)) out.Add(term, 1);
    }
    index.linear = out;
    return true;
  }

  // ---- what is left when all is read

  bool Finish() {
    for (Access& access : program_.silent) {
      if (!FinishAccess(access)) return false;
    }
    for (size_t i = 0; i < program_.stores.size(); ++i) {
      Store& store = program_.stores[i];
      SetLoops(store);
      if (store.is_load && !lite_ && !IsLinear(store.loads[0]) && !SimplifyLoad(store.loads[0])) return false;
      if (!FinishAccess(store.target)) return false;
      for (Access& load : store.loads) {
        if (!FinishAccess(load)) return false;
        // Operations in the indices of loads count with the value's.
        for (const Index& index : load.indices) {
          if (index.tree >= 0) {
            program_.trees[index.tree].CountOperations(store.operations);
          } else {
            CountOperations(index.linear, store.operations);
          }
        }
      }
    }
    return true;
  }

  void SetLoops(Store& store) const {
    absl::InlinedVector<int, 20> inner;
    const int kernel = scopes_[store.target.scope].kernel;
    for (int s = store.target.scope; s > 0; s = scopes_[s].parent) {
      const int loop = scopes_[s].loop;
      if (loop >= 0 && program_.loops[loop].axis == Axis::kNone) inner.push_back(loop);
      if (kernel < 0 || s != program_.kernels[kernel].scope) continue;
      const auto& axes = program_.kernels[kernel].axes;
      inner.insert(inner.end(), axes.rbegin(), axes.rend());
    }
    store.loops.assign(inner.rbegin(), inner.rend());
  }

  // All indices of a load at once, as the pass does it.
  bool SimplifyLoad(Access& access) {
    absl::InlinedVector<Expr, 4> indices;
    for (const Index& index : access.indices) {
      if (!index.source) return false;
      indices.push_back(index.source);
    }
    const ir::Buffer buffer = program_.buffers[access.buffer].buffer;
    const Expr simple = Simplify(ir::MakeBufferLoad(buffer, ir::Array<Expr>(indices.data(), indices.size())));
    const auto* load = simple.as<ir::BufferLoadNode>();
    if (load == nullptr) return false;
    for (size_t d = 0; d < indices.size(); ++d) {
      Index& index = access.indices[d];
      index.written = load->indices[d];
      index.simplified = true;
    }
    return true;
  }

  bool FinishAccess(Access& access) {
    for (Index& index : access.indices) {
      if (index.unknown) continue;
      if (index.written && !FinishWritten(index)) return false;
      if (index.tree < 0 && !Unify(index.linear)) return false;
    }
    return true;
  }

  bool FinishWritten(Index& index) {
    const Expr simple = index.simplified ? index.written : Simplify(index.written);
    index.linear = {};
    if (Collect(simple, 1, index.linear) && index.linear.Finish()) {
      index.written = {};
      return true;
    }
    index.written = simple;
    index.tree = static_cast<int>(program_.trees.size());
    program_.trees.emplace_back();
    absl::InlinedVector<int, 8> met;
    bool clash = false;
    const bool built = program_.trees.back().Build(simple, [&](const ir::VarNode* var) {
      const int loop = LoopOf(var);
      if (loop < 0) return -1;
      for (int other : met) clash = clash || (other != loop && FinalOf(other) == FinalOf(loop));
      met.push_back(loop);
      return FinalOf(loop);
    });
    return built && !clash;
  }

  int FinalOf(int loop) const { return program_.loops[loop].final; }

  // False when loops that become one meet in the index.
  bool Unify(LinearIndex& index) const {
    const bool same = std::all_of(index.begin(), index.end(),
                                  [&](const LinearIndex::Term& term) { return FinalOf(term.key) == term.key; });
    if (same) return true;
    LinearIndex out;
    out.set_base(index.base());
    for (const LinearIndex::Term& term : index) {
      LinearIndex::Term renamed = term;
      renamed.key = FinalOf(term.key);
      if (out.Find(renamed.key) != nullptr) return false;
      out.Add(renamed, 1);
    }
    index = out;
    return true;
  }

  const ir::PrimFunc func_;
  const bool lite_;
  Program& program_;
  std::vector<Scope>& scopes_;
  std::vector<BufferState> states_;  // By buffer.
  std::vector<int> depth_of_loop_;   // How many kept loops are around a loop.
  int scope_ = 0;
  int leaves_ = 0;
  absl::InlinedVector<int, 20> nest_;
  std::vector<Binding> bindings_;
  std::vector<Opening> openings_;
  std::vector<const ir::BufferNode*> views_;
  std::optional<arith::Analyzer> analyzer_;
  std::vector<bool> known_loops_;  // To the analyzer.
  bool under_condition_ = false;
  bool simplified_ = false;  // The expressions that are read went through Simplify.
  bool finishing_ = false;   // Variables stand for loops wherever they are.
};

}  // namespace

bool ReadProgram(ir::PrimFunc func, Program& program, Purpose purpose) { return Reader(func, program, purpose).Read(); }

}  // namespace hone::direct
