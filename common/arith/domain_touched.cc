#include "common/arith/domain_touched.h"

#include "common/arith/analyzer.h"
#include "common/arith/int_set.h"
#include "common/ir/visitor.h"

namespace hone::arith {

namespace {

class TouchCollector : public ir::StmtExprVisitor {
 public:
  TouchCollector(ir::Buffer buffer, bool loads, bool stores) : buffer_(buffer), loads_(loads), stores_(stores) {}

  NDIntSet sets;
  Analyzer analyzer;

 protected:
  using StmtExprVisitor::Visit;

  void Visit(const ir::ForNode* node) override {
    VisitExpr(node->min);
    VisitExpr(node->extent);
    domains_.Set(node->loop_var, ir::Range{node->min, node->extent});
    VisitStmt(node->body);
    domains_.Erase(node->loop_var);
  }
  void Visit(const ir::LetNode* node) override {
    domains_.Set(node->var, EvalSet(node->value, domains_, analyzer));
    StmtExprVisitor::Visit(node);
    domains_.Erase(node->var);
  }
  void Visit(const ir::LetStmtNode* node) override {
    domains_.Set(node->var, EvalSet(node->value, domains_, analyzer));
    StmtExprVisitor::Visit(node);
    domains_.Erase(node->var);
  }
  void Visit(const ir::BlockRealizeNode* node) override {
    for (size_t i = 0; i < node->iter_values.size(); ++i) {
      domains_.Set(node->block->iter_vars[i]->var, EvalSet(node->iter_values[i], domains_, analyzer));
    }
    StmtExprVisitor::Visit(node);
    for (ir::IterVar iter : node->block->iter_vars) domains_.Erase(iter->var);
  }
  void Visit(const ir::BufferLoadNode* node) override {
    if (loads_ && node->buffer == buffer_.get()) Add(node->indices);
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    if (stores_ && node->buffer == buffer_) Add(node->indices);
    StmtExprVisitor::Visit(node);
  }

 private:
  void Add(ir::Array<ir::Expr> indices) {
    NDIntSet point;
    for (ir::Expr index : indices) point.push_back(EvalSet(IntSet::Vector(index), domains_, analyzer));
    UnionWith(sets, point, analyzer);
  }

  ir::Buffer buffer_;
  bool loads_;
  bool stores_;
  DomMap domains_;
};

}  // namespace

ir::Array<ir::Range> DomainTouched(ir::Stmt stmt, ir::Buffer buffer, bool loads, bool stores) {
  TouchCollector collector(buffer, loads, stores);
  collector.VisitStmt(stmt);
  std::vector<ir::Range> out;
  for (size_t i = 0; i < collector.sets.size(); ++i) {
    out.push_back(collector.sets[i].CoverRange(ir::RangeFromExtent(buffer->shape[i]), collector.analyzer));
  }
  return ir::MakeArray(out);
}

}  // namespace hone::arith
