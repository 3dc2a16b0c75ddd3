#include "common/lower/gpu/split_host_device.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/thread_loop.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr int64_t kDeviceKernelLaunch = 2;  // calling_conv

// Variables that a statement uses and does not define, its thread axes and its dynamic shared memory.
class KernelSurvey final : public ir::StmtExprVisitor {
 public:
  explicit KernelSurvey(ir::Stmt body) {
    VisitStmt(body);
    std::erase_if(free_, [this](ir::Var v) { return defined_.contains(v.get()); });
    std::stable_sort(free_.begin(), free_.end(), [](ir::Var a, ir::Var b) {
      if (a.dtype().is_handle() != b.dtype().is_handle()) return a.dtype().is_handle();
      return a.name() < b.name();
    });
  }

  const std::vector<ir::Var>& free() const { return free_; }
  std::vector<std::pair<std::string_view, ir::Expr>> axes;  // Tag and extent, in order of appearance.
  ir::Expr dynamic_bytes;                                   // Null without dynamic shared memory.

 private:
  using ir::StmtExprVisitor::Visit;

  void Use(ir::Var var) {
    if (seen_.insert(var.get()).second) free_.push_back(var);
  }
  void Define(ir::Var var) { defined_.insert(var.get()); }

  void Visit(const ir::VarNode* node) override { Use(node); }
  void Visit(const ir::BufferLoadNode* node) override {
    Use(node->buffer->data);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    Use(node->buffer->data);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::ForNode* node) override {
    Define(node->loop_var);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::LetStmtNode* node) override {
    Define(node->var);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::LetNode* node) override {
    Define(node->var);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::AllocateNode* node) override {
    Define(node->buffer_var);
    if (node->buffer_var->type->scope == "shared.dyn") {
      ir::Expr bytes = ir::Int32(node->dtype.bytes());
      for (ir::Expr extent : node->extents) bytes = ir::Mul(bytes, extent);
      dynamic_bytes = dynamic_bytes ? ir::Add(dynamic_bytes, bytes) : bytes;
    }
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::AttrStmtNode* node) override {
    if (const auto* iter = ir::As<ir::IterVarNode>(node->node); iter != nullptr && node->attr_key == "thread_extent") {
      Define(iter->var);
      const bool known =
          std::any_of(axes.begin(), axes.end(), [&](const auto& axis) { return axis.first == iter->thread_tag; });
      if (!known) axes.emplace_back(iter->thread_tag, node->value);
    }
    if (const auto* reducer = ir::As<ir::CommReducerNode>(node->node)) {
      for (ir::Var var : reducer->lhs) Define(var);
      for (ir::Var var : reducer->rhs) Define(var);
    }
    ir::StmtExprVisitor::Visit(node);
  }

  std::vector<ir::Var> free_;
  absl::flat_hash_set<const ir::VarNode*> seen_;
  absl::flat_hash_set<const ir::VarNode*> defined_;
};

class Splitter final : public ir::StmtExprMutator {
 public:
  explicit Splitter(std::string name) : name_(std::move(name)) {}
  std::vector<ir::ModuleEntry> kernels;

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    if (node->attr_key != "thread_extent") return ir::StmtExprMutator::Mutate(node);
    const KernelSurvey survey(node);
    const std::string_view name =
        ir::CopyString(StrCat(name_, "_kernel", kernels.empty() ? std::string() : StrCat("_", kernels.size())));
    std::vector<const ir::Object*> launch;
    std::vector<ir::Expr> args = {ir::StringImm(name)};
    for (ir::Var var : survey.free()) args.push_back(var);
    for (const auto& [tag, extent] : survey.axes) {
      launch.push_back(ir::String(tag));
      args.push_back(extent);
    }
    if (survey.dynamic_bytes) {
      launch.push_back(ir::String("tir.use_dyn_shared_memory"));
      args.push_back(survey.dynamic_bytes);
    }
    ir::Attrs attrs;
    attrs = attrs.With("calling_conv", ir::AnnotationInt(kDeviceKernelLaunch));
    attrs = attrs.With("global_symbol", ir::String(name));
    attrs = attrs.With("tir.is_global_func", ir::AnnotationBool(true));
    attrs = attrs.With("tir.kernel_launch_params", ir::ObjectArray(ir::MakeArray(launch)));
    attrs = attrs.With("tir.noalias", ir::AnnotationBool(true));
    kernels.push_back({ir::MakeGlobalVar(name), ir::MakePrimFunc(ir::MakeArray(survey.free()), {}, node, attrs)});
    return ir::MakeEvaluate(ir::MakeCall(ir::kInt32, ir::Builtin::tvm_call_packed, ir::MakeArray(args)));
  }

  const std::string name_;
};

}  // namespace

absl::StatusOr<ir::IRModule> SplitHostDevice(const ir::IRModule& lowered) {
  const ir::ModuleEntry* entry = lowered.Entry();
  const auto* func = entry != nullptr ? ir::As<ir::PrimFuncNode>(entry->function) : nullptr;
  if (func == nullptr) return absl::InvalidArgumentError("the module has no entry function");
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(lowered.arena());
  const ir::ArenaScope scope(arena);
  Splitter splitter(std::string(func->attrs.GetString("global_symbol", entry->var->name)));
  auto* host = ir::CopyNode(func);
  host->body = splitter.MutateStmt(func->body);
  host->attrs = func->attrs.With("tir.is_entry_func", ir::AnnotationBool(true));
  std::vector<ir::ModuleEntry> functions = splitter.kernels;
  functions.push_back({entry->var, host});
  return ir::IRModule(arena, ir::MakeModuleNode(std::move(functions)));
}

}  // namespace hone::lower
