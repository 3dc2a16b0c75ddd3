// LowerCrossThreadReduction: a reduction block whose reduction loops are bound to threadIdx becomes a part that every
// thread reduces by itself (when there is something to reduce, or a condition), an all-reduce over the threads, and a
// part that writes the result back. Later blocks of the kernel that read the result and write memory which threads
// share are given to the first of the reduction's threads.
//
// Blocks still have their init and their iters; the init of a lowered block is gone afterwards.
#include <algorithm>
#include <array>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/gpu/thread_loop.h"
#include "common/schedule/primitive/reducer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

using schedule::ReducerValues;
using schedule::Reduction;

// The loops that feed the reduction, outermost first; all of them lie directly around the block.
using Loops = std::vector<const ir::ForNode*>;

struct BoundRange {
  bool bound = false;
  ir::Range range;
};
// threadIdx.x, y, z.
using ThreadRanges = std::array<BoundRange, 3>;

int ThreadDim(std::string_view tag) { return IsThreadAxis(tag) && tag.size() == 11 ? tag[10] - 'x' : -1; }

// The stores and loads of the reduced buffers go to element 0 of others.
class BufferRedirector final : public ir::StmtExprMutator {
 public:
  BufferRedirector(const absl::InlinedVector<ir::Buffer, 2>& from, const std::vector<ir::Buffer>& to)
      : from_(from), to_(to) {}

 private:
  using ir::StmtExprMutator::Mutate;
  static ir::Array<ir::Expr> Zero() { return ir::MakeArray({ir::Int32(0)}); }
  ir::Buffer Target(ir::Buffer buffer) const {
    for (size_t i = 0; i < from_.size(); ++i) {
      if (from_[i] == buffer) return to_[i];
    }
    return {};
  }
  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    const ir::Buffer to = Target(node->buffer);
    return to ? ir::MakeBufferLoad(to, Zero()) : ir::StmtExprMutator::Mutate(node);
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const ir::Buffer to = Target(node->buffer);
    return to ? ir::MakeBufferStore(to, visited.as<ir::BufferStoreNode>()->value, Zero()) : visited;
  }

  const absl::InlinedVector<ir::Buffer, 2>& from_;
  const std::vector<ir::Buffer>& to_;
};

std::vector<ir::BufferRegion> Points(const std::vector<ir::Buffer>& buffers) {
  std::vector<ir::BufferRegion> out;
  for (ir::Buffer buffer : buffers) out.push_back(ir::FullRegion(buffer));
  return out;
}

const ir::CommReducerNode* ReducerOf(const Reduction& reduction) {
  std::vector<ir::Var> lhs, rhs;
  ReducerValues x, y;
  for (size_t i = 0; i < reduction.buffers.size(); ++i) {
    const ir::DataType dtype = reduction.buffers[i]->dtype;
    lhs.push_back(ir::MakeVar(StrCat("x", i), dtype));
    rhs.push_back(ir::MakeVar(StrCat("y", i), dtype));
    x.push_back(lhs.back());
    y.push_back(rhs.back());
  }
  const ReducerValues result = schedule::Combine(reduction.kind, x, y);
  auto* node = ir::New<ir::CommReducerNode>();
  node->object_kind = ir::ObjectKind::kCommReducer;
  node->lhs = ir::MakeArray(lhs);
  node->rhs = ir::MakeArray(rhs);
  node->result = ir::MakeArray(result.data(), result.size());
  node->identity = ir::MakeArray(reduction.identity.data(), reduction.identity.size());
  return node;
}

// The operands of `and`s that are none themselves. A predicate that is one comparison gives nothing.
void CollectConjuncts(ir::Expr predicate, std::vector<ir::Expr>& out) {
  if (predicate.kind() != ir::ExprKind::kAnd) return;
  const auto* both = predicate.as<ir::BinaryNode>();
  for (ir::Expr side : {both->a, both->b}) {
    if (side.kind() == ir::ExprKind::kAnd) {
      CollectConjuncts(side, out);
    } else {
      out.push_back(side);
    }
  }
}

// Builds what stands in the place of one reduction.
class Rewrite {
 public:
  Rewrite(const ir::BlockRealizeNode* realize, const Loops& loops, Reduction reduction)
      : realize_(realize), block_(realize->block), loops_(loops), reduction_(std::move(reduction)) {
    in_thread_needed_ = !ir::IsTrue(realize->predicate) ||
                        std::any_of(loops.begin(), loops.end(), [](const ir::ForNode* l) { return !IsBound(l); });
    MakeScratch("cross_thread_", cross_);
    if (in_thread_needed_) MakeScratch("in_thread_", in_thread_);
  }

  // Allocated around the kernel's statement, in order.
  std::vector<ir::Buffer> scratch() const {
    std::vector<ir::Buffer> all = cross_;
    all.insert(all.end(), in_thread_.begin(), in_thread_.end());
    return all;
  }

  ir::Stmt Build() const {
    std::vector<ir::Stmt> parts;
    if (in_thread_needed_) {
      parts.push_back(InThreadInit());
      parts.push_back(InThread());
    }
    parts.push_back(CrossThread());
    parts.push_back(WriteBack());
    ir::Stmt body = ir::MakeSeq(parts);
    for (size_t i = loops_.size(); i-- > 0;) {
      if (IsBound(loops_[i])) body = Around(loops_[i], body);
    }
    return body;
  }

 private:
  void MakeScratch(std::string_view prefix, std::vector<ir::Buffer>& out) const {
    for (ir::Buffer buffer : reduction_.buffers) {
      out.push_back(ir::MakeBuffer(ir::CopyString(StrCat(prefix, buffer->name)), ir::MakeArray({ir::Int32(1)}),
                                   buffer->dtype, "local"));
    }
  }

  static ir::Stmt Around(const ir::ForNode* loop, ir::Stmt body) {
    auto* copy = ir::CopyNode(loop);
    copy->body = body;
    return copy;
  }

  std::string_view Name(std::string_view suffix) const { return ir::CopyString(StrCat(block_->name, suffix)); }

  static absl::InlinedVector<ir::Buffer, 2> Inlined(const std::vector<ir::Buffer>& buffers) {
    return absl::InlinedVector<ir::Buffer, 2>(buffers.begin(), buffers.end());
  }

  ir::Stmt InThreadInit() const {
    std::vector<ir::Stmt> stores;
    for (size_t i = 0; i < in_thread_.size(); ++i) {
      stores.push_back(ir::MakeBufferStore(in_thread_[i], reduction_.identity[i], ir::MakeArray({ir::Int32(0)})));
    }
    const ir::BlockNode* block =
        ir::MakeBlock({}, {}, ir::MakeArray(Points(in_thread_)), Name("_in_thread_init"), ir::MakeSeq(stores));
    return ir::MakeBlockRealize({}, ir::BoolImm(true), block);
  }

  ir::Stmt InThread() const {
    std::vector<ir::BufferRegion> reads;
    for (ir::BufferRegion region : block_->reads) {
      if (std::find(reduction_.buffers.begin(), reduction_.buffers.end(), region->buffer) == reduction_.buffers.end()) {
        reads.push_back(region);
      }
    }
    const std::vector<ir::BufferRegion> scratch = Points(in_thread_);
    reads.insert(reads.begin(), scratch.begin(), scratch.end());
    auto* block = ir::CopyNode(block_);
    block->reads = ir::MakeArray(reads);
    block->writes = ir::MakeArray(scratch);
    block->name = Name("_in_thread");
    block->body = BufferRedirector(reduction_.buffers, in_thread_).MutateStmt(block_->body);
    block->init = {};
    ir::Stmt body = ir::MakeBlockRealize(realize_->iter_values, realize_->predicate, block);
    for (size_t i = loops_.size(); i-- > 0;) {
      if (!IsBound(loops_[i])) body = Around(loops_[i], body);
    }
    return body;
  }

  ir::Stmt CrossThread() const {
    std::vector<ir::Expr> args = {ir::IntImm(ir::DataType::UInt(32), static_cast<int64_t>(cross_.size()))};
    const ir::Array<ir::Expr> zero = ir::MakeArray({ir::Int32(0)});
    for (size_t i = 0; i < cross_.size(); ++i) {
      args.push_back(in_thread_needed_ ? ir::MakeBufferLoad(in_thread_[i], zero) : reduction_.rhs[i]);
    }
    args.push_back(ir::BoolImm(true));
    for (ir::Buffer buffer : cross_) args.push_back(ir::MakeBufferLoad(buffer, zero));
    for (const ir::ForNode* loop : loops_) {
      if (IsBound(loop)) args.push_back(loop->loop_var);
    }
    const ir::Stmt call =
        ir::MakeEvaluate(ir::MakeCall(ir::DataType::Handle(), ir::Builtin::tvm_thread_allreduce, ir::MakeArray(args)));
    const ir::Stmt body = ir::MakeAttrStmt(
        ReducerOf(reduction_), "reduce_scope",
        ir::MakeCall(ir::DataType::Handle(), ir::Builtin::reinterpret, {ir::IntImm(ir::DataType::UInt(64), 0)}), call);
    auto* block = ir::CopyNode(block_);
    block->iter_vars = in_thread_needed_ ? ir::Array<ir::IterVar>() : block_->iter_vars;
    block->reads = in_thread_needed_ ? ir::MakeArray(Points(in_thread_)) : block_->reads;
    block->writes = ir::MakeArray(Points(cross_));
    block->name = Name("_cross_thread");
    block->body = body;
    block->init = {};
    block->alloc_buffers = {};
    block->match_buffers = {};
    block->annotations = {};
    return ir::MakeBlockRealize(in_thread_needed_ ? ir::Array<ir::Expr>() : realize_->iter_values, ir::BoolImm(true),
                                block);
  }

  ir::Stmt WriteBack() const {
    std::vector<ir::IterVar> iters;
    std::vector<ir::Expr> bindings;
    ir::VarMap renamed;
    for (size_t i = 0; i < block_->iter_vars.size(); ++i) {
      const ir::IterVar iter = block_->iter_vars[i];
      if (iter->iter_type != ir::IterType::kSpatial) continue;
      const ir::Var var = ir::CopyVar(iter->var, ir::CopyString(StrCat("v", bindings.size())));
      iters.push_back(ir::MakeIterVar(iter->dom, var, ir::IterType::kSpatial));
      bindings.push_back(realize_->iter_values[i]);
      renamed[iter->var.get()] = var;
    }
    std::vector<ir::Stmt> stores;
    std::vector<ir::BufferRegion> writes;
    std::vector<ir::Expr> indices;
    for (ir::Expr index : reduction_.indices) indices.push_back(ir::Substitute(index, renamed));
    for (size_t i = 0; i < cross_.size(); ++i) {
      const ir::Expr value = ir::MakeBufferLoad(cross_[i], ir::MakeArray({ir::Int32(0)}));
      stores.push_back(ir::MakeBufferStore(reduction_.buffers[i], value, ir::MakeArray(indices)));
      writes.push_back(ir::PointRegion(reduction_.buffers[i], ir::MakeArray(indices)));
    }
    const ir::BlockNode* block = ir::MakeBlock(ir::MakeArray(iters), ir::MakeArray(Points(cross_)),
                                               ir::MakeArray(writes), Name("_write_back"), ir::MakeSeq(stores));
    return ir::MakeBlockRealize(ir::MakeArray(bindings), WriteBackPredicate(), block);
  }

  ir::Expr WriteBackPredicate() const {
    ir::Expr predicate = ir::BoolImm(true);
    std::vector<ir::Expr> conjuncts;
    CollectConjuncts(realize_->predicate, conjuncts);
    for (ir::Expr conjunct : conjuncts) {
      const bool reduces = ir::UsesVar(conjunct, [this](ir::Var v) {
        return std::any_of(loops_.begin(), loops_.end(), [&](const ir::ForNode* l) { return l->loop_var == v; });
      });
      if (!reduces) predicate = ir::And(predicate, conjunct);
    }
    if (reduction_.buffers[0]->scope() == "local") return predicate;
    for (const ir::ForNode* loop : loops_) {
      if (!IsBound(loop)) continue;
      predicate = ir::And(predicate, ir::EQ(loop->loop_var, ir::IntImm(loop->loop_var.dtype(), 0)));
    }
    return predicate;
  }

  const ir::BlockRealizeNode* realize_;
  const ir::BlockNode* block_;
  const Loops& loops_;
  const Reduction reduction_;
  bool in_thread_needed_;
  std::vector<ir::Buffer> cross_;
  std::vector<ir::Buffer> in_thread_;
};

class Lowerer final : public ir::StmtExprMutator {
 public:
  absl::Status status;

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    loops_.push_back(node);
    const std::string_view tag = ThreadTag(node);
    const int dim = ThreadDim(tag);
    BoundRange saved;
    if (dim >= 0) {
      saved = threads_[dim];
      threads_[dim] = {true, {node->min, node->extent}};
    }
    if (IsBound(node)) ++bound_depth_;
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    if (IsBound(node) && --bound_depth_ == 0) reduced_.clear();  // The kernel is over.
    if (dim >= 0) threads_[dim] = saved;
    loops_.pop_back();
    auto it = replaced_.find(node);
    return it != replaced_.end() ? it->second : visited;
  }

  ir::Stmt Mutate(const ir::BlockNode* node) override {
    Loops outer;
    std::swap(outer, loops_);
    std::vector<ir::Buffer> outer_scratch;
    std::swap(outer_scratch, scratch_);
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    std::swap(outer, loops_);
    std::swap(outer_scratch, scratch_);
    if (outer_scratch.empty()) return visited;
    auto* copy = ir::CopyNode(visited.as<ir::BlockNode>());
    std::vector<ir::Buffer> buffers = copy->alloc_buffers.ToVector();
    buffers.insert(buffers.end(), outer_scratch.begin(), outer_scratch.end());
    copy->alloc_buffers = ir::MakeArray(buffers);
    return copy;
  }

  ir::Stmt Mutate(const ir::BlockRealizeNode* node) override {
    for (const ir::ForNode* loop : loops_) ++blocks_below_[loop];
    size_t first = 0;
    if (IsCrossThread(node, &first)) {
      const absl::Status lowered = Lower(node, first);
      if (status.ok()) status = lowered;
      return node;
    }
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    return Broadcast(node, visited);
  }

  // Whether loops bound to threads feed reduce iters; `first` is the outermost loop of those that do.
  bool IsCrossThread(const ir::BlockRealizeNode* realize, size_t* first) const {
    const ir::BlockNode* block = realize->block;
    if (!block->init) return false;
    bool bound = false;
    for (size_t l = loops_.size(); l-- > 0;) {
      if (!FeedsReduction(realize, loops_[l])) continue;
      bound = bound || IsBound(loops_[l]);
      *first = l;
    }
    if (!bound) return false;
    return std::all_of(block->iter_vars.begin(), block->iter_vars.end(), [](ir::IterVar iter) {
      return iter->iter_type == ir::IterType::kSpatial || iter->iter_type == ir::IterType::kReduce;
    });
  }

  static bool FeedsReduction(const ir::BlockRealizeNode* realize, const ir::ForNode* loop) {
    for (size_t i = 0; i < realize->iter_values.size(); ++i) {
      if (realize->block->iter_vars[i]->iter_type == ir::IterType::kReduce &&
          ir::UsesVar(realize->iter_values[i], loop->loop_var)) {
        return true;
      }
    }
    return false;
  }

  absl::Status Lower(const ir::BlockRealizeNode* realize, size_t first) {
    const ir::BlockNode* block = realize->block;
    const auto refuse = [&](std::string_view why) {
      return absl::InvalidArgumentError(StrCat("block \"", block->name, "\" cannot be reduced across threads: ", why));
    };
    const Loops inner(loops_.begin() + first, loops_.end());
    for (const ir::ForNode* loop : inner) {
      if (!FeedsReduction(realize, loop)) {
        return refuse(StrCat("loop \"", loop->loop_var.name(), "\" inside of the reduction does not belong to it"));
      }
      if (IsBound(loop) && ThreadDim(ThreadTag(loop)) < 0) {
        return refuse(StrCat("a reduction loop is bound to ", ThreadTag(loop), ", expected threadIdx"));
      }
    }
    if (blocks_below_.at(inner[0]) != 1) return refuse("it is not the only block under its reduction loops");
    Reduction reduction;
    if (std::string_view why = schedule::MatchReduction(block->init, block->body, &reduction); !why.empty()) {
      return refuse(why);
    }
    const bool local = reduction.buffers[0]->scope() == "local";
    ThreadRanges threads;
    for (const ir::ForNode* loop : inner) {
      if (IsBound(loop)) threads[ThreadDim(ThreadTag(loop))] = {true, {loop->min, loop->extent}};
    }
    for (ir::Buffer buffer : reduction.buffers) {
      if ((buffer->scope() == "local") != local) return refuse("its buffers are partly local");
      reduced_[buffer.get()] = threads;
    }
    const Rewrite rewrite(realize, inner, std::move(reduction));
    const std::vector<ir::Buffer> scratch = rewrite.scratch();
    scratch_.insert(scratch_.end(), scratch.begin(), scratch.end());
    replaced_[inner[0]] = rewrite.Build();
    return absl::OkStatus();
  }

  // A block that reads what threads reduced and writes memory which they share runs in the first of them.
  ir::Stmt Broadcast(const ir::BlockRealizeNode* original, ir::Stmt visited) {
    if (bound_depth_ == 0 || reduced_.empty()) return visited;
    const ir::BlockNode* block = original->block;
    const bool writes_local = std::all_of(block->writes.begin(), block->writes.end(),
                                          [](ir::BufferRegion r) { return r->buffer->scope() == "local"; });
    if (writes_local) return visited;
    ThreadRanges missing;
    bool any = false;
    for (ir::BufferRegion region : block->reads) {
      auto it = reduced_.find(region->buffer.get());
      if (it == reduced_.end()) continue;
      for (int dim = 0; dim < 3; ++dim) {
        if (!it->second[dim].bound || threads_[dim].bound) continue;
        missing[dim] = it->second[dim];
        any = true;
      }
    }
    if (!any) return visited;
    auto* realize = ir::CopyNode(visited.as<ir::BlockRealizeNode>());
    constexpr std::string_view kNames[] = {"tx", "ty", "tz"};
    constexpr std::string_view kTags[] = {"threadIdx.x", "threadIdx.y", "threadIdx.z"};
    std::array<ir::Var, 3> vars;
    for (int dim = 0; dim < 3; ++dim) {
      if (!missing[dim].bound) continue;
      vars[dim] = ir::MakeVar(kNames[dim], missing[dim].range.min.dtype());
      realize->predicate = ir::And(ir::EQ(vars[dim], missing[dim].range.min), realize->predicate);
    }
    ir::Stmt out = realize;
    for (int dim = 0; dim < 3; ++dim) {
      if (!missing[dim].bound) continue;
      out = BoundLoop(vars[dim], missing[dim].range.min, missing[dim].range.extent, kTags[dim], out);
    }
    return out;
  }

  Loops loops_;  // Between the enclosing block and here, outermost first.
  int bound_depth_ = 0;
  ThreadRanges threads_;  // Bound by the loops around here.
  absl::flat_hash_map<const ir::ForNode*, int> blocks_below_;
  absl::flat_hash_map<const ir::ForNode*, ir::Stmt> replaced_;
  absl::flat_hash_map<const ir::BufferNode*, ThreadRanges> reduced_;  // In this kernel: over which threads.
  std::vector<ir::Buffer> scratch_;                                   // To be allocated by the enclosing block.
};

}  // namespace

absl::StatusOr<ir::PrimFunc> LowerCrossThreadReduction(ir::PrimFunc func, const PassContext&) {
  Lowerer lowerer;
  const ir::Stmt body = lowerer.MutateStmt(func->body);
  HONE_RETURN_IF_ERROR(lowerer.status);
  return WithBody(func, body);
}

}  // namespace hone::lower
