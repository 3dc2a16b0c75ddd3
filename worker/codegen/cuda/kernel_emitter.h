// Writes one kernel. Internal to worker/codegen/cuda.
//
// Scalars are C++ expressions; vectors are made of statements: a vector that is needed as a whole gets a variable, and
// lanes are written one by one unless the value is a plain copy.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/arith/analyzer.h"
#include "common/ir/module.h"
#include "common/ir/stmt.h"
#include "common/lower/gpu/shared_layout.h"
#include "worker/codegen/cuda/cuda_types.h"
#include "worker/codegen/cuda/launch_plan.h"

namespace hone::codegen {

// A pointer that a kernel may use: a parameter of the program or a temporary between kernels.
struct GlobalBuffer {
  ir::Var data;
  ir::DataType dtype;
  int arg = 0;  // As in KernelLaunch::args.
};

class KernelEmitter {
 public:
  KernelEmitter(CudaPrelude& prelude, const std::vector<GlobalBuffer>& buffers, std::string name, int sm);

  // `body` starts with the outermost thread_extent. `outer` are allocations of shared or local memory around it.
  absl::Status Emit(ir::Stmt body, const std::vector<const ir::AllocateNode*>& outer,
                    const std::vector<std::pair<ir::Var, ir::Expr>>& lets);

  const std::string& text() const { return text_; }
  const KernelLaunch& launch() const { return launch_; }

 private:
  struct Pointer {
    std::string name;
    ir::DataType dtype;  // Of what it points to, as declared.
    std::string scope;
  };
  // A matrix of a warp, spread over its threads.
  struct Fragment {
    std::string role;  // "a", "b", "c".
    int m = 0, n = 0, k = 0;
    ir::DataType dtype;
    std::string layout = "row";
    bool mma = false;  // In the registers of mma.sync and ldmatrix, instead of in those that wmma leaves open.
    int registers() const;
    std::string shape() const;
    std::string register_type() const;  // "float", "int" or "unsigned".
    int64_t elements() const;
  };

  // What the kernel uses, found before anything is written.
  void Survey(ir::Stmt body, const std::vector<const ir::AllocateNode*>& outer);
  void SurveyFragment(const ir::CallNode* call);
  void ChooseFragmentRegisters(ir::Stmt body);
  std::string Signature();
  void BindThread(const ir::AttrStmtNode* attr);

  // Statements.
  void EmitStmt(ir::Stmt stmt);
  void EmitBlock(ir::Stmt stmt);  // One level deeper.
  void EmitFor(const ir::ForNode* loop);
  void EmitAllocate(const ir::AllocateNode* allocate);
  void EmitAttr(const ir::AttrStmtNode* attr);
  void EmitStore(const ir::BufferStoreNode* store);
  bool EmitAsyncCopy(const ir::BufferStoreNode* store);
  void EmitEvaluate(ir::Expr value);
  void EmitWait(ir::Expr count);

  // Scalars. `precedence`: that of the operator around it; lower ones are put in parentheses.
  std::string Scalar(ir::Expr e, int precedence = 0);
  std::string Binary(const ir::BinaryNode* node, int precedence);
  std::string Divide(const ir::BinaryNode* node, int precedence);
  std::string Call(const ir::CallNode* call, int precedence);
  std::string Math(const ir::CallNode* call);
  std::string ExternCall(const ir::CallNode* call);
  std::string Dp4a(const ir::CallNode* call, size_t first);  // The factors are arguments `first` and the next.
  std::string CastTo(ir::DataType to, ir::DataType from, const std::string& value);
  std::string Combine(ir::ExprKind kind, ir::DataType dtype, const std::string& a, const std::string& b);
  std::string MathOf(ir::Builtin op, ir::DataType dtype, const std::vector<std::string>& args);

  // Vectors.
  std::string Vector(ir::Expr e);                        // A variable that holds it.
  void VectorInto(const std::string& name, ir::Expr e);  // Statements that set it.
  std::string Lane(ir::Expr e, int lane);                // One lane, after Prepare.
  void Prepare(ir::Expr e);                              // Gives variables to the parts that Lane cannot write.
  void LoadVectorInto(const std::string& name, const ir::BufferLoadNode* load);
  void StoreVector(const ir::BufferStoreNode* store);
  // The number of lanes that one access can move at `base`: a power of two.
  int AccessLanes(ir::Expr base, ir::DataType element, int lanes);

  // Memory.
  std::string Element(ir::Buffer buffer, const std::string& index);
  std::string Address(ir::Buffer buffer, ir::Expr index);
  std::string PointerTo(ir::Buffer buffer);
  std::string PointerExpr(ir::Expr pointer);  // address_of, tvm_access_ptr or a variable.
  std::string ScopeOf(ir::Expr pointer);

  // Matrix instructions.
  void LoadMatrix(const ir::CallNode* call);
  void StoreMatrix(const ir::CallNode* call);
  void FillMatrix(const ir::CallNode* call);
  void MultiplyMatrices(const ir::CallNode* call);
  std::string LdmatrixFunction(const Fragment& f);
  std::string MoveAccumulatorFunction(const Fragment& f, bool load, bool shared);
  std::string MmaFunction(const Fragment& d, const Fragment& c);
  void PtxMma(const ir::CallNode* call);
  void PtxLdmatrix(const ir::CallNode* call);
  void PtxCpAsync(const ir::CallNode* call);
  void MmaStore(const ir::CallNode* call);
  void MmaFill(const ir::CallNode* call);
  const Fragment* FragmentOf(ir::Expr e, std::string* name);

  void Line(std::string_view text);
  std::string NewName(std::string_view wanted);
  std::string TypeName(ir::DataType dtype);
  void Fail(absl::Status status);
  void FailUnimplemented(std::string message);

  CudaPrelude& prelude_;
  const std::vector<GlobalBuffer>& buffers_;
  const int sm_;
  KernelLaunch launch_;
  absl::Status status_;
  std::string text_;
  std::string body_;
  int indent_ = 1;
  arith::Analyzer analyzer_;
  absl::flat_hash_map<const ir::VarNode*, std::string> names_;  // Scalars and vectors, as expressions.
  absl::flat_hash_map<const ir::VarNode*, Pointer> pointers_;
  absl::flat_hash_map<const ir::VarNode*, Fragment> fragments_;
  bool needs_wmma_ = false;  // Some matrix instruction has no counterpart among mma.sync and ldmatrix.
  absl::flat_hash_map<const ir::VarNode*, int64_t> dynamic_offset_;  // Shared buffers in dynamic memory.
  absl::flat_hash_map<const ir::VarNode*, bool> written_;
  absl::flat_hash_map<std::string, int> taken_;
  std::map<std::string, std::string> thread_names_;  // "threadIdx.x" -> name.
  std::map<std::string, int64_t> thread_extents_;
  std::vector<const ir::VarNode*> used_globals_;
  absl::flat_hash_map<const ir::ExprNode*, std::string> prepared_;  // By Prepare, within one statement.
  int async_ = 0;                                                   // Depth of async scopes.
};

}  // namespace hone::codegen
