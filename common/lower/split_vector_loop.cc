// SplitVectorLoop: vectorized loops are cut into pieces of the machine's vector length, so that no vector wider than a
// register is ever built and index arithmetic of fused loops ((j * 16 + v) // 16) folds away. What remains at the end
// is one shorter vector when that is a power of two, else a piece under a mask (v < rest).
#include <algorithm>
#include <bit>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/linear_mutator.h"
#include "common/lower/passes.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr int64_t kMostUnrolledPieces = 16;

bool HasLoopOfKind(ir::Stmt stmt, ir::ForKind kind) {
  bool found = false;
  ir::PreOrderVisitStmts(stmt, [&](ir::Stmt s) {
    const auto* loop = s.as<ir::ForNode>();
    found |= loop != nullptr && loop->for_kind == kind;
    return !found;
  });
  return found;
}

// Bits of the widest element that the loop touches.
int WidestElement(ir::Stmt body) {
  int bits = 8;
  const auto see = [&](ir::DataType dtype) {
    if (dtype.bits <= 64) bits = std::max<int>(bits, dtype.is_bfloat16() || dtype.is_float8() ? 32 : dtype.bits);
  };
  ir::PreOrderVisitStmts(body, [&](ir::Stmt s) {
    if (const auto* store = s.as<ir::BufferStoreNode>()) {
      see(store->buffer->dtype);
      // Arithmetic on wider types than what is stored; index arithmetic does not count.
      ir::PostOrderVisitExprs(store->value, [&](ir::Expr e) {
        if (e.as<ir::BufferLoadNode>() != nullptr || (e.as<ir::CastNode>() != nullptr && !e.dtype().is_index())) {
          see(e.dtype());
        }
      });
    }
    return true;
  });
  return bits;
}

// The largest power of two up to `native` that divides every constant by which an index divides the loop variable.
int64_t LanesFor(ir::Stmt body, ir::Var var, int64_t native) {
  int64_t lanes = native;
  ir::PostOrderVisitExprs(body, [&](ir::Expr e) {
    if (e.kind() != ir::ExprKind::kFloorDiv && e.kind() != ir::ExprKind::kFloorMod) return;
    const auto* division = e.as<ir::BinaryNode>();
    const int64_t* divisor = ir::ConstInt(division->b);
    if (divisor == nullptr || *divisor <= 0 || !ir::UsesVar(division->a, var)) return;
    lanes = std::min(lanes, *divisor & -*divisor);
  });
  return lanes * 4 < native ? native : lanes;
}

class Splitter final : public LinearMutator {
 public:
  explicit Splitter(const MachineTraits& machine) : machine_(machine) {}
  absl::Status status;

 private:
  using LinearMutator::Mutate;

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Stmt visited = LinearMutator::Mutate(node);
    const auto* loop = visited.as<ir::ForNode>();
    if (loop->for_kind != ir::ForKind::kVectorized) return visited;
    const int64_t* extent = ir::ConstInt(loop->extent);
    if (extent == nullptr || *extent < 1) {
      status = absl::InvalidArgumentError(
          StrCat("vectorized loop \"", loop->loop_var.name(), "\" needs a constant extent of at least 1"));
      return visited;
    }
    if (HasLoopOfKind(loop->body, ir::ForKind::kVectorized) || HasLoopOfKind(loop->body, ir::ForKind::kParallel)) {
      auto* serial = ir::CopyNode(loop);
      serial->for_kind = ir::ForKind::kSerial;
      return serial;
    }
    return Pieces(loop, *extent);
  }

  ir::Stmt Pieces(const ir::ForNode* loop, int64_t extent) {
    const int64_t native = std::max<int64_t>(1, machine_.vector_bits / WidestElement(loop->body));
    int64_t lanes = LanesFor(loop->body, loop->loop_var, native);
    while (lanes > 1 && lanes / 2 >= extent) lanes /= 2;
    std::vector<ir::Stmt> out;
    const int64_t whole = extent / lanes;
    if (whole == 1) out.push_back(Piece(loop, ir::Int32(0), lanes, lanes));
    if (whole > 1) {
      const ir::DataType dtype = loop->loop_var.dtype();
      const ir::Var outer = ir::MakeVar(StrCat(loop->loop_var.name(), "_vo"), dtype);
      const ir::Stmt piece = Piece(loop, ir::Mul(outer, ir::IntImm(dtype, lanes)), lanes, lanes);
      const ir::ForKind kind = whole <= kMostUnrolledPieces ? ir::ForKind::kUnrolled : ir::ForKind::kSerial;
      out.push_back(ir::MakeFor(outer, ir::IntImm(dtype, 0), ir::IntImm(dtype, whole), kind, piece));
    }
    const int64_t rest = extent - whole * lanes;
    if (rest > 0) {
      const int64_t width = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(rest)));
      out.push_back(Piece(loop, ir::IntImm(loop->loop_var.dtype(), whole * lanes), width, rest));
    }
    return ir::MakeSeq(out);
  }

  // `used` iterations from `begin` on, as a vectorized loop of `lanes`.
  ir::Stmt Piece(const ir::ForNode* loop, ir::Expr begin, int64_t lanes, int64_t used) {
    const ir::DataType dtype = loop->loop_var.dtype();
    const ir::Var var = ir::CopyVar(loop->loop_var);
    const ir::Expr index = ir::Add(ir::Add(loop->min, ir::Cast(dtype, begin)), var);
    ir::Stmt body = ir::Substitute(loop->body, {{loop->loop_var.get(), index}});
    if (used < lanes) body = ir::MakeIfThenElse(ir::LT(var, ir::IntImm(dtype, used)), body);
    if (lanes == 1) return ir::Substitute(body, {{var.get(), ir::IntImm(dtype, 0)}});
    return ir::MakeFor(var, ir::IntImm(dtype, 0), ir::IntImm(dtype, lanes), ir::ForKind::kVectorized, body);
  }

  const MachineTraits& machine_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> SplitVectorLoop(ir::PrimFunc func, const PassContext& context) {
  Splitter splitter(context.machine);
  const ir::Stmt body = splitter.MutateStmt(func->body);
  if (!splitter.status.ok()) return splitter.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
