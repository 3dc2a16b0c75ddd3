#include "server/cost_model/feature/direct/program.h"

#include <algorithm>
#include <utility>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/attr_value.h"
#include "server/cost_model/feature/direct/expressions.h"
#include "server/cost_model/feature/direct/placement.h"
#include "server/cost_model/feature/operation_counts.h"
#include "server/cost_model/feature/simplify_pass.h"

namespace hone::direct {
namespace {

using ir::Expr;
using ir::ExprKind;

constexpr int64_t kLimit = LinearIndex::kLimit;

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

class Reader final : private Expressions {
 public:
  explicit Reader(ReadState& state) : Expressions(state) { scopes_.emplace_back(); }

  bool Read() {
    for (const ir::BufferBinding& binding : func_->buffer_map) {
      const int id = IdOf(binding.buffer);
      program_.buffers[id].parameter = true;
    }
    return ReadStmt(func_->body);
  }

 private:
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
    out.value_varies = ir::UsesVar(value, [&](ir::Var var) { return IsOverVirtual(var.get()); });
    const Expr simple = SimplifyTwice(KnowLoops(nest_), OverLoops(value));  // As often as the passes.
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

  int scope_ = 0;
  int leaves_ = 0;
  std::vector<const ir::BufferNode*> views_;
  bool under_condition_ = false;
  bool simplified_ = false;  // The expressions that are read went through Simplify.
};

}  // namespace

bool ReadProgram(ir::PrimFunc func, Program& program, Purpose purpose) {
  ReadState state(func, program, purpose);
  return Reader(state).Read() && PlaceBuffers(state);
}

}  // namespace hone::direct
