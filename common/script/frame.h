// Scopes that are open while a script is turned into IR; each collects the statements inside of it.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "common/ir/module.h"
#include "common/script/source.h"

namespace hone::script {

enum class FrameKind : uint8_t {
  kFunction,
  kBlock,
  kInit,
  kFor,
  kAttr,  // Also launch_thread.
  kLet,
  kAssert,
  kAllocate,
  kAllocateConst,
  kDeclBuffer,
  kRealize,
  kIf,
  kThen,
  kElse,
  kWhile,
};

struct Frame {
  FrameKind kind;
  Position at;
  std::vector<ir::Stmt> stmts;
  bool opened = false;  // A scope is entered once.

  // kFor: one loop a variable. kLet: vars[0]. kAllocate, kAllocateConst: vars[0]. kAttr: vars[0], when it names one.
  std::vector<ir::Var> vars;
  std::vector<ir::Range> doms;
  ir::ForKind for_kind = ir::ForKind::kSerial;
  std::string_view thread;

  // kBlock: name. kAttr: key.
  std::string_view name;
  bool no_realize = false;
  std::vector<ir::IterVar> iter_vars;
  std::vector<ir::Expr> iter_values;
  ir::Expr condition;  // Predicate of a block; condition of kIf, kWhile, kAssert, kAllocate.
  std::optional<std::vector<ir::BufferRegion>> reads;
  std::optional<std::vector<ir::BufferRegion>> writes;
  std::vector<ir::Buffer> alloc_buffers;  // Of the root block for kFunction.
  std::vector<ir::MatchBufferRegion> match_buffers;
  bool has_annotations = false;
  ir::Attrs annotations;  // Function attributes for kFunction.
  ir::Stmt init;

  // kFunction.
  std::vector<ir::Var> params;
  std::vector<ir::BufferBinding> buffer_map;
  const ir::TypeNode* ret_type = nullptr;
  bool is_private = false;
  std::vector<ir::IterVar> env_threads;

  const ir::Object* node = nullptr;  // kAttr.
  ir::Expr value;                    // kAttr, kLet; message of kAssert; scope of kRealize.
  ir::DataType dtype;                // kAllocate, kAllocateConst.
  std::vector<ir::Expr> extents;
  const ir::NDArrayNode* data = nullptr;
  ir::Buffer buffer;  // kDeclBuffer, kRealize.
  bool allocates = false;
  std::vector<ir::Range> bounds;
  ir::Stmt then_case;  // kIf.
  ir::Stmt else_case;
};

}  // namespace hone::script
