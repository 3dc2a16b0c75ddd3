// InjectPrefetch: below a loop with the annotation pragma_prefetch, whose value is a number of its iterations, every
// load from memory whose place changes with the loop asks for what the loop reads that many iterations later:
//   for k: C[ramp] += A[k * 64 + ramp]
//   =>  for k: { prefetch(&A[(k + d) * 64]); C[ramp] += A[k * 64 + ramp] }
// One request a cache line: loads of a statement list that lie closer than that share it. A request beyond the end of a
// buffer is harmless. Loads at places that other loads decide are left alone: those would be read too far.
#include "common/lower/inject_prefetch.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "common/arith/analyzer.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr std::string_view kPragma = "pragma_prefetch";
constexpr int64_t kLineBytes = 64;

struct AheadLoop {
  ir::Var var;
  int64_t distance;  // Iterations.
};

struct Request {
  ir::Buffer buffer;
  ir::Expr index;  // Of its first element.
};

// Places that a statement reads, one an access, the first element of a vector.
class LoadFinder final : public ir::ExprVisitor {
 public:
  std::vector<const ir::BufferLoadNode*> loads;

 private:
  using ir::ExprVisitor::Visit;
  void Visit(const ir::BufferLoadNode* node) override {
    loads.push_back(node);
    ir::ExprVisitor::Visit(node);
  }
  void Visit(const ir::CallNode* node) override {
    const bool takes_pointers = node->Is(ir::Builtin::address_of) || node->Is(ir::Builtin::tvm_access_ptr);
    if (!takes_pointers) ir::ExprVisitor::Visit(node);
  }
};

bool Loads(ir::Expr e) {
  bool loads = false;
  ir::PostOrderVisitExprs(e, [&](ir::Expr node) {
    loads |= node.kind() == ir::ExprKind::kBufferLoad || node.kind() == ir::ExprKind::kCall;
  });
  return loads;
}

class Injector final : public ir::StmtExprMutator {
 public:
  absl::Status status;

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    if (node->attr_key != kPragma) return ir::StmtExprMutator::Mutate(node);
    const int64_t* distance = ir::ConstInt(node->value);
    const auto* expr = node->node != nullptr && node->node->object_kind == ir::ObjectKind::kExpr
                           ? static_cast<const ir::ExprNode*>(node->node)
                           : nullptr;
    const auto* var = expr != nullptr ? ir::Expr(expr).as<ir::VarNode>() : nullptr;
    if (distance == nullptr || *distance < 1 || *distance > (1 << 20)) {
      status = absl::InvalidArgumentError(
          StrCat("pragma_prefetch", var != nullptr ? StrCat(" of loop \"", var->name, "\"") : std::string(),
                 ": expected a number of iterations, 1 or more"));
      return node;
    }
    if (var == nullptr) return MutateStmt(node->body);  // Of a block; there is no loop to look ahead of.
    wanted_.push_back({var, *distance});
    const ir::Stmt body = MutateStmt(node->body);
    wanted_.pop_back();
    return body;
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    // Passes before may have given the loop another variable; its name stays.
    const auto wanted = std::find_if(wanted_.rbegin(), wanted_.rend(), [&](const AheadLoop& loop) {
      return loop.var == node->loop_var || loop.var.name() == node->loop_var.name();
    });
    const bool ahead = wanted != wanted_.rend();
    if (ahead) loops_.push_back({node->loop_var, wanted->distance});
    const ir::Stmt out = InScope([&] { return ir::StmtExprMutator::Mutate(node); });
    if (ahead) loops_.pop_back();
    return out;
  }
  ir::Stmt Mutate(const ir::IfThenElseNode* node) override {
    return InScope([&] { return ir::StmtExprMutator::Mutate(node); });
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override { return WithRequests(node); }
  ir::Stmt Mutate(const ir::EvaluateNode* node) override { return WithRequests(node); }
  ir::Stmt Mutate(const ir::LetStmtNode* node) override {
    const std::vector<ir::Stmt> requests = RequestsOf(node->value);
    const ir::Stmt out = ir::StmtExprMutator::Mutate(node);
    if (requests.empty()) return out;
    std::vector<ir::Stmt> stmts = requests;
    stmts.push_back(out);
    return ir::MakeSeq(stmts);
  }

  // What was requested inside may not be outside, or not in every iteration.
  template <typename Visit>
  ir::Stmt InScope(Visit visit) {
    const size_t before = requested_.size();
    const ir::Stmt out = visit();
    requested_.resize(before);
    return out;
  }

  template <typename Node>
  ir::Stmt WithRequests(const Node* node) {
    std::vector<ir::Stmt> stmts = RequestsOf(node->value);
    if (stmts.empty()) return node;
    stmts.push_back(node);
    return ir::MakeSeq(stmts);
  }

  std::vector<ir::Stmt> RequestsOf(ir::Expr value) {
    std::vector<ir::Stmt> out;
    if (loops_.empty()) return out;
    LoadFinder finder;
    finder.VisitExpr(value);
    for (const ir::BufferLoadNode* load : finder.loads) {
      for (const AheadLoop& loop : loops_) Ask(load, loop, out);
    }
    return out;
  }

  void Ask(const ir::BufferLoadNode* load, const AheadLoop& loop, std::vector<ir::Stmt>& out) {
    if (load->indices.size() != 1 || load->buffer->scope() != "global") return;
    ir::Expr first = load->indices[0];
    int64_t elements = 1;
    if (const auto* ramp = first.as<ir::RampNode>()) {
      if (!ir::IsOne(ramp->stride)) return;
      first = ramp->base;
      elements = load->indices[0].dtype().lanes;
    }
    if (!first.dtype().is_scalar() || !ir::UsesVar(first, loop.var) || Loads(first)) return;
    const ir::Expr later = ir::Add(loop.var, ir::IntImm(loop.var.dtype(), loop.distance));
    const ir::Expr place = analyzer_.Simplify(ir::Substitute(first, {{loop.var.get(), later}}));
    const int64_t line = std::max<int64_t>(1, kLineBytes / load->buffer->dtype.bytes());
    for (int64_t at = 0; at < elements; at += line) {
      const ir::Expr index = at == 0 ? place : ir::Add(place, ir::IntImm(place.dtype(), at));
      if (IsRequested(load->buffer, index, line)) continue;
      requested_.push_back({load->buffer, index});
      const ir::Expr pointer = ir::MakeCall(ir::DataType::Handle(), ir::Builtin::address_of,
                                            {ir::MakeBufferLoad(load->buffer, ir::MakeArray({index}))});
      out.push_back(ir::MakeEvaluate(ir::MakeCall(ir::DataType::Void(), ir::Builtin::prefetch,
                                                  {pointer, ir::Int32(0), ir::Int32(3), ir::Int32(1)})));
    }
  }

  bool IsRequested(ir::Buffer buffer, ir::Expr index, int64_t line) {
    return std::any_of(requested_.begin(), requested_.end(), [&](const Request& request) {
      if (request.buffer->data != buffer->data || !(request.index.dtype() == index.dtype())) return false;
      const ir::Expr difference = analyzer_.Simplify(ir::Sub(request.index, index));
      const int64_t* apart = ir::ConstInt(difference);
      return apart != nullptr && std::abs(*apart) < line;
    });
  }

  std::vector<AheadLoop> wanted_;  // Pragmas around whose loop may come.
  std::vector<AheadLoop> loops_;   // Loops around that have one.
  std::vector<Request> requested_;
  arith::Analyzer analyzer_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> InjectPrefetch(ir::PrimFunc func, const PassContext&) {
  Injector injector;
  const ir::Stmt body = injector.MutateStmt(func->body);
  if (!injector.status.ok()) return injector.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
