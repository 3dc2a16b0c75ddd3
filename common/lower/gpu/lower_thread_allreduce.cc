// LowerThreadAllreduce: tvm_thread_allreduce becomes code of each thread. Threads that reduce together and lie side by
// side in warps exchange values by shuffles; whole warps then meet through a little shared memory. Other shapes reduce
// in shared memory as a tree. Every thread of a group gets the result. The reductions of a kernel use the same shared
// memory one after the other, however many copies of them there are: each begins with a barrier.
#include <algorithm>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/gpu/thread_loop.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr int64_t kWarp = 32;
constexpr int64_t kMaxThreads = 1024;

struct ThreadAxis {
  ir::Var var;
  int dim;  // 0, 1, 2 for x, y, z.
  int64_t extent;
};

// One reduction: who reduces with whom.
struct Groups {
  ir::Expr reduce_index;  // Of this thread in its group, x first.
  ir::Expr group_index;   // Of its group in the block.
  int64_t reduce = 1;     // Threads of a group.
  int64_t groups = 1;
  bool leading = false;  // The group is consecutive in the order of threads.
};

ir::Expr Zero() { return ir::Int32(0); }
ir::Array<ir::Expr> At(ir::Expr index) { return ir::MakeArray({index}); }
ir::Expr Load(ir::Buffer buffer, ir::Expr index) { return ir::MakeBufferLoad(buffer, At(index)); }
ir::Stmt Store(ir::Buffer buffer, ir::Expr index, ir::Expr value) {
  return ir::MakeBufferStore(buffer, value, At(index));
}
ir::Stmt Barrier(std::string_view scope) {
  return ir::MakeEvaluate(ir::MakeCall(ir::kInt32, ir::Builtin::tvm_storage_sync, {ir::StringImm(scope)}));
}

// Shared memory for the reductions of one kernel.
class SharedScratch {
 public:
  // The one that an earlier reduction used under this name, where it is of the same kind, or a new one.
  ir::Buffer Get(std::string_view name, ir::DataType dtype, int64_t extent) {
    for (ir::Buffer buffer : buffers_) {
      if (buffer->name == name && buffer->dtype == dtype && *ir::ConstInt(buffer->shape[0]) == extent) return buffer;
    }
    buffers_.push_back(ir::MakeBuffer(ir::CopyString(name), ir::MakeArray({ir::Int32(extent)}), dtype, "shared"));
    return buffers_.back();
  }
  // `body` with the allocations around it; forgets them.
  ir::Stmt Allocate(ir::Stmt body) {
    for (size_t i = buffers_.size(); i-- > 0;) {
      body = ir::MakeAllocate(buffers_[i]->data, buffers_[i]->dtype, buffers_[i]->shape, ir::BoolImm(true), body);
    }
    buffers_.clear();
    return body;
  }

 private:
  std::vector<ir::Buffer> buffers_;
};

class Allreduce {
 public:
  Allreduce(const ir::CallNode* call, const ir::CommReducerNode* reducer, const Groups& groups, SharedScratch& shared)
      : reducer_(reducer), groups_(groups), shared_(shared) {
    const size_t n = reducer->lhs.size();
    condition_ = call->args[n + 1];
    for (size_t i = 0; i < n; ++i) {
      values_.push_back(call->args[1 + i]);
      results_.push_back(call->args[n + 2 + i].as<ir::BufferLoadNode>());
      dtypes_.push_back(values_.back().dtype());
    }
  }
  bool valid() const { return std::find(results_.begin(), results_.end(), nullptr) == results_.end(); }

  ir::Stmt Build() {
    if (groups_.reduce == 1) {
      std::vector<ir::Stmt> stores;
      for (size_t i = 0; i < values_.size(); ++i) stores.push_back(Result(i, Guarded(i)));
      return ir::MakeSeq(stores);
    }
    ir::Stmt body = CanShuffle() ? ByShuffles() : ByTree();
    for (size_t i = buffers_.size(); i-- > 0;) {
      body = ir::MakeAllocate(buffers_[i]->data, buffers_[i]->dtype, buffers_[i]->shape, ir::BoolImm(true), body);
    }
    return body;
  }

 private:
  // The value of this thread, or the identity when it takes no part.
  ir::Expr Guarded(size_t i) const {
    return ir::IsTrue(condition_) ? values_[i] : ir::Select(condition_, values_[i], reducer_->identity[i]);
  }

  ir::Stmt Result(size_t i, ir::Expr value) const {
    return ir::MakeBufferStore(ir::Buffer(results_[i]->buffer), value, results_[i]->indices);
  }

  ir::Buffer Scratch(std::string_view name, ir::DataType dtype, int64_t extent, std::string_view scope) {
    if (scope == "shared") return shared_.Get(name, dtype, extent);
    buffers_.push_back(ir::MakeBuffer(ir::CopyString(name), ir::MakeArray({ir::Int32(extent)}), dtype, scope));
    return buffers_.back();
  }
  std::vector<ir::Buffer> ScratchOf(std::string_view name, int64_t extent, std::string_view scope) {
    std::vector<ir::Buffer> out;
    for (size_t i = 0; i < dtypes_.size(); ++i)
      out.push_back(Scratch(StrCat(name, i == 0 ? "" : StrCat("_", i)), dtypes_[i], extent, scope));
    return out;
  }

  // into = combine(into, other); all are computed before any is stored.
  ir::Stmt CombineInto(const std::vector<ir::Buffer>& into, ir::Expr into_index,
                       const std::vector<ir::Expr>& other) const {
    ir::VarMap map;
    for (size_t i = 0; i < into.size(); ++i) {
      map[reducer_->lhs[i].get()] = Load(into[i], into_index);
      map[reducer_->rhs[i].get()] = other[i];
    }
    if (into.size() == 1) return Store(into[0], into_index, ir::Substitute(reducer_->result[0], map));
    std::vector<ir::Var> vars;
    std::vector<ir::Stmt> stores;
    for (size_t i = 0; i < into.size(); ++i) {
      vars.push_back(ir::MakeVar(ir::CopyString(StrCat("combined", i)), dtypes_[i]));
      stores.push_back(Store(into[i], into_index, vars[i]));
    }
    ir::Stmt body = ir::MakeSeq(stores);
    for (size_t i = into.size(); i-- > 0;)
      body = ir::MakeLetStmt(vars[i], ir::Substitute(reducer_->result[i], map), body);
    return body;
  }

  // Groups must not straddle warps, and whole warps meet by at most one more warp.
  bool CanShuffle() const {
    if (!groups_.leading) return false;
    for (ir::DataType dtype : dtypes_) {
      const int bits = dtype.bits;
      const bool half = dtype.is_float() && bits == 16;
      if (dtype.is_vector() || !(bits == 32 || bits == 64 || half)) return false;
    }
    const int64_t r = groups_.reduce;
    if (kWarp % r == 0) return true;
    if (r % kWarp == 0) return r <= kMaxThreads;
    return groups_.groups == 1 && r <= kWarp;
  }

  ir::Stmt ByShuffles() {
    const int64_t r = groups_.reduce;
    std::vector<ir::Stmt> out;
    // The lanes that are here now, asked before they part ways. Shuffles of 64 bits and more lanes are the emitter's.
    const ir::Buffer mask = Scratch("mask", ir::DataType::UInt(32), 1, "local");
    mask_ = mask;
    out.push_back(Store(mask, Zero(), ir::MakeCall(ir::DataType::UInt(32), ir::Builtin::tvm_warp_activemask, {})));
    if (r <= kWarp) {
      const std::vector<ir::Buffer> red = ScratchOf("red_buf0", 1, "local");
      for (size_t i = 0; i < red.size(); ++i) out.push_back(Store(red[i], Zero(), Guarded(i)));
      ReduceInWarp(red, r, groups_.reduce_index, out);
      const ir::Expr first = r == kWarp ? Zero() : ir::FloorMod(ir::Mul(groups_.group_index, ir::Int32(r)), kWarp);
      for (size_t i = 0; i < red.size(); ++i) {
        out.push_back(Store(red[i], Zero(), Shuffle(ir::Builtin::tvm_warp_shuffle, Load(red[i], Zero()), first)));
      }
      for (size_t i = 0; i < red.size(); ++i) out.push_back(Result(i, Load(red[i], Zero())));
      return ir::MakeSeq(out);
    }
    // Each warp by itself, then the first lanes for all warps of the group.
    const int64_t warps = r / kWarp;
    const std::vector<ir::Buffer> red = ScratchOf("red_buf0", 1, "local");
    const std::vector<ir::Buffer> staging = ScratchOf("red_buf_staging", warps * groups_.groups, "shared");
    const std::vector<ir::Buffer> result = ScratchOf("red_result", groups_.groups, "shared");
    for (size_t i = 0; i < red.size(); ++i) out.push_back(Store(red[i], Zero(), Guarded(i)));
    const ir::Expr lane = ir::FloorMod(groups_.reduce_index, kWarp);
    ReduceInWarp(red, kWarp, lane, out);
    const ir::Expr mine =
        ir::Add(ir::Mul(groups_.group_index, ir::Int32(warps)), ir::FloorDiv(groups_.reduce_index, kWarp));
    // Others may still read what an earlier reduction left here.
    out.push_back(Barrier("shared"));
    std::vector<ir::Stmt> stage;
    for (size_t i = 0; i < red.size(); ++i) stage.push_back(Store(staging[i], mine, Load(red[i], Zero())));
    out.push_back(ir::MakeIfThenElse(ir::EQ(lane, Zero()), ir::MakeSeq(stage)));
    out.push_back(Barrier("shared"));
    const ir::Expr base = ir::Mul(groups_.group_index, ir::Int32(warps));
    std::vector<ir::Stmt> fetch;
    for (size_t i = 0; i < red.size(); ++i) {
      fetch.push_back(Store(red[i], Zero(), Load(staging[i], ir::Add(base, groups_.reduce_index))));
    }
    out.push_back(ir::MakeIfThenElse(ir::LT(groups_.reduce_index, ir::Int32(warps)), ir::MakeSeq(fetch)));
    ReduceInWarp(red, warps, lane, out);
    std::vector<ir::Stmt> publish;
    for (size_t i = 0; i < red.size(); ++i)
      publish.push_back(Store(result[i], groups_.group_index, Load(red[i], Zero())));
    out.push_back(ir::MakeIfThenElse(ir::EQ(groups_.reduce_index, Zero()), ir::MakeSeq(publish)));
    out.push_back(Barrier("shared"));
    for (size_t i = 0; i < red.size(); ++i) out.push_back(Result(i, Load(result[i], groups_.group_index)));
    return ir::MakeSeq(out);
  }

  ir::Expr Shuffle(ir::Builtin op, ir::Expr value, ir::Expr operand) const {
    return ir::MakeCall(value.dtype(), op, {Load(mask_, Zero()), value, operand, ir::Int32(kWarp), ir::Int32(kWarp)});
  }

  // The first of `count` neighbouring lanes gets the total of all.
  void ReduceInWarp(const std::vector<ir::Buffer>& red, int64_t count, ir::Expr index, std::vector<ir::Stmt>& out) {
    int64_t offset = 1;
    while (offset * 2 < count) offset *= 2;
    if (count == 1) return;
    const std::vector<ir::Buffer> temporary = ScratchOf("t", 1, "local");
    for (; offset > 0; offset /= 2) {
      std::vector<ir::Expr> other;
      for (size_t i = 0; i < red.size(); ++i) {
        out.push_back(Store(temporary[i], Zero(),
                            Shuffle(ir::Builtin::tvm_warp_shuffle_down, Load(red[i], Zero()), ir::Int32(offset))));
        other.push_back(Load(temporary[i], Zero()));
      }
      ir::Stmt combine = CombineInto(red, Zero(), other);
      if (offset * 2 > count)
        combine = ir::MakeIfThenElse(ir::LT(ir::Add(index, ir::Int32(offset)), ir::Int32(count)), combine);
      out.push_back(combine);
      count = std::min(count, offset);
    }
  }

  ir::Stmt ByTree() {
    const int64_t r = groups_.reduce;
    std::vector<ir::Stmt> out;
    std::vector<ir::Buffer> red;
    for (size_t i = 0; i < dtypes_.size(); ++i) {
      red.push_back(Scratch(StrCat("red_buf", i), dtypes_[i], r * groups_.groups, "shared"));
    }
    const ir::Expr base = ir::Mul(groups_.group_index, ir::Int32(r));
    const ir::Expr mine = ir::Add(base, groups_.reduce_index);
    out.push_back(Barrier("shared"));  // Others may still read what an earlier reduction left here.
    for (size_t i = 0; i < red.size(); ++i) out.push_back(Store(red[i], mine, Guarded(i)));
    out.push_back(Barrier("shared"));
    int64_t half = 1;
    while (half * 2 < r) half *= 2;
    for (int64_t count = r; half > 0; half /= 2) {
      std::vector<ir::Expr> other;
      for (ir::Buffer buffer : red) other.push_back(Load(buffer, ir::Add(mine, ir::Int32(half))));
      const ir::Expr takes_part = ir::LT(groups_.reduce_index, ir::Int32(std::min(half, count - half)));
      out.push_back(ir::MakeIfThenElse(takes_part, CombineInto(red, mine, other)));
      out.push_back(Barrier("shared"));
      count = half;
    }
    for (size_t i = 0; i < red.size(); ++i) out.push_back(Result(i, Load(red[i], base)));
    return ir::MakeSeq(out);
  }

  const ir::CommReducerNode* reducer_;
  const Groups& groups_;
  SharedScratch& shared_;
  ir::Expr condition_;
  std::vector<ir::Expr> values_;
  std::vector<const ir::BufferLoadNode*> results_;
  std::vector<ir::DataType> dtypes_;
  std::vector<ir::Buffer> buffers_;  // A thread's own; to be allocated around, the first outermost.
  ir::Buffer mask_;
};

class Lowerer final : public ir::StmtExprMutator {
 public:
  absl::Status status;

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    if (const auto* iter = ir::As<ir::IterVarNode>(node->node); iter != nullptr && node->attr_key == "thread_extent") {
      const bool threads = IsThreadAxis(iter->thread_tag);
      const int64_t* extent = ir::ConstInt(node->value);
      if (threads) axes_.push_back({iter->var, iter->thread_tag[10] - 'x', extent != nullptr ? *extent : -1});
      const auto* inner = node->body.as<ir::AttrStmtNode>();
      ir::Stmt body = MutateStmt(node->body);
      // Scratch is allocated inside of all launch axes that follow each other.
      if (inner == nullptr || inner->attr_key != "thread_extent") body = scratch_.Allocate(body);
      if (threads) axes_.pop_back();
      return body == node->body ? ir::Stmt(node) : ir::MakeAttrStmt(node->node, node->attr_key, node->value, body);
    }
    const auto* reducer = ir::As<ir::CommReducerNode>(node->node);
    if (node->attr_key != "reduce_scope" || reducer == nullptr) return ir::StmtExprMutator::Mutate(node);
    const auto* evaluate = node->body.as<ir::EvaluateNode>();
    const auto* call = evaluate != nullptr ? evaluate->value.as<ir::CallNode>() : nullptr;
    if (call == nullptr || !call->Is(ir::Builtin::tvm_thread_allreduce)) return ir::StmtExprMutator::Mutate(node);
    Groups groups;
    if (!GroupsOf(call, reducer->lhs.size(), groups)) {
      status = absl::InvalidArgumentError("an all-reduce needs constant numbers of threads");
      return node;
    }
    Allreduce allreduce(call, reducer, groups, scratch_);
    if (!allreduce.valid()) {
      status = absl::InvalidArgumentError("an all-reduce needs buffer elements for its results");
      return node;
    }
    return allreduce.Build();
  }

  // index = index * of a mixed-radix number, the first axis fastest.
  static void Append(ir::Expr& index, int64_t& size, const ThreadAxis& axis) {
    const ir::Expr var = ir::Cast(ir::kInt32, axis.var);
    index = size == 1 ? var : ir::Add(index, ir::Mul(var, ir::Int32(size)));
    size *= axis.extent;
  }

  bool GroupsOf(const ir::CallNode* call, size_t n, Groups& groups) const {
    std::vector<ThreadAxis> sorted;
    for (const ThreadAxis& axis : axes_) {
      if (axis.extent < 1) return false;
      if (axis.extent > 1) sorted.push_back(axis);
    }
    std::sort(sorted.begin(), sorted.end(), [](const ThreadAxis& a, const ThreadAxis& b) { return a.dim < b.dim; });
    groups.reduce_index = Zero();
    groups.group_index = Zero();
    bool group_seen = false;
    groups.leading = true;
    for (const ThreadAxis& axis : sorted) {
      bool reduces = false;
      for (size_t i = 2 + 2 * n; i < call->args.size(); ++i) reduces = reduces || call->args[i].get() == axis.var.get();
      if (reduces) {
        groups.leading = groups.leading && !group_seen;
        Append(groups.reduce_index, groups.reduce, axis);
      } else {
        group_seen = true;
        Append(groups.group_index, groups.groups, axis);
      }
    }
    return true;
  }

  std::vector<ThreadAxis> axes_;
  SharedScratch scratch_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> LowerThreadAllreduce(ir::PrimFunc func, const PassContext&) {
  Lowerer lowerer;
  const ir::Stmt body = lowerer.MutateStmt(func->body);
  if (!lowerer.status.ok()) return lowerer.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
