// IR to TVMScript text.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/ir/module.h"

namespace hone::script {

struct PrintOptions {
  // T.grid, T.axis.remap, inlined buffer parameters, the implicit root block, fused allocations, `return`.
  bool syntax_sugar = true;
  bool header = true;     // The comment lines that name the prefixes.
  std::string name = {};  // Of the class or the function; default Module, or the function's own name.
  std::string ir_prefix = "I";
  std::string tir_prefix = "T";
  // Text starts with the metadata that it refers to; otherwise a last line says that there is some.
  bool show_meta = false;
  // Nodes (statements) and the comment behind the line that prints them: "what is wrong here" of an error report.
  std::vector<std::pair<const ir::Object*, std::string>> annotations = {};
};

// As TVM 0.19's mod.script() does. No newline at the end.
std::string PrintModule(const ir::IRModule& module, const PrintOptions& options = {});
std::string PrintFunc(const ir::PrimFuncNode* func, const PrintOptions& options = {});
// A piece, without header. Variables and buffers that it does not define print by their names.
std::string PrintStmt(ir::Stmt stmt, const PrintOptions& options = {});
std::string PrintExpr(ir::Expr expr);
// An attribute or annotation value, region, range, index map, ...
std::string PrintObject(const ir::Object* object);

}  // namespace hone::script
