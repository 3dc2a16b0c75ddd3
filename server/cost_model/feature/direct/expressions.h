// What reading a program and placing its buffers have in common: the variables in scope, and expressions in terms of
// loops.
#pragma once

#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "common/arith/analyzer.h"
#include "server/cost_model/feature/direct/program.h"

namespace hone::direct {

// What a loop variable or iter variable stands for.
struct Binding {
  const ir::VarNode* var;
  LinearIndex value;
  bool linear = true;         // `value` says it all.
  ir::Expr source;            // As the program has it; null for a loop's variable.
  ir::Expr written;           // `source` over loops, made when it is needed.
  int scope_above_loop = -1;  // Of a kept loop's variable: the scope that the loop stands in.
};

// All that is known besides the program itself while it is read.
struct ReadState {
  struct BufferState {
    int scope = -1;  // The lowest that holds all accesses.
    bool allocated = false;
  };
  // A declared region that a view opens.
  struct Opening {
    Access mins;
    Shape extents;
  };

  ReadState(ir::PrimFunc func, Program& program, Purpose purpose)
      : func(func), lite(purpose == Purpose::kMemory), program(program) {}

  const ir::PrimFunc func;
  const bool lite;  // Read for memory only.
  Program& program;
  std::vector<BufferState> buffers;  // By buffer.
  std::vector<int> depth_of_loop;    // How many kept loops are around a loop.
  absl::InlinedVector<int, 20> nest;
  std::vector<Binding> bindings;
  std::vector<Opening> openings;
  std::optional<arith::Analyzer> analyzer;
  std::vector<bool> known_loops;  // To the analyzer.
  bool finishing = false;         // Variables stand for loops wherever they are.
};

// Works on a state that outlives it; several may, one after the other.
class Expressions {
 protected:
  using BufferState = ReadState::BufferState;
  using Opening = ReadState::Opening;

  explicit Expressions(ReadState& state)
      : func_(state.func),
        lite_(state.lite),
        program_(state.program),
        scopes_(state.program.scopes),
        states_(state.buffers),
        depth_of_loop_(state.depth_of_loop),
        nest_(state.nest),
        bindings_(state.bindings),
        openings_(state.openings),
        analyzer_(state.analyzer),
        known_loops_(state.known_loops),
        finishing_(state.finishing) {}

  // The innermost loop of the variable, -1 when there is none.
  int LoopOf(const ir::VarNode* var) const;
  // Null when it is unknown.
  const Binding* Find(const ir::VarNode* var) const;
  // Adds `scale` times `e`; false when it is not of the form.
  bool Collect(ir::Expr e, int64_t scale, LinearIndex& out);
  // `e` in terms of loop variables, as substituting the bindings of blocks makes it.
  ir::Expr OverLoops(ir::Expr e) { return OverLoops(e, bindings_.size()); }
  ir::Expr ToExpr(const LinearIndex& index, ir::DataType dtype) const;
  // The analyzer, which knows the ranges of the loops.
  arith::Analyzer& KnowLoops(absl::Span<const int> loops);
  ir::Expr Simplify(ir::Expr e);
  bool IsConditional(int scope) const;
  static bool IsLinear(const Access& access);

  const ir::PrimFunc func_;
  const bool lite_;
  Program& program_;
  std::vector<Scope>& scopes_;
  std::vector<BufferState>& states_;
  std::vector<int>& depth_of_loop_;
  absl::InlinedVector<int, 20>& nest_;
  std::vector<Binding>& bindings_;
  std::vector<Opening>& openings_;
  std::optional<arith::Analyzer>& analyzer_;
  std::vector<bool>& known_loops_;
  bool& finishing_;

 private:
  // The same with the first `known` bindings.
  ir::Expr OverLoops(ir::Expr e, size_t known);
  // Null for the variable of a loop that is kept.
  ir::Expr Written(size_t at, ir::Var var);
};

}  // namespace hone::direct
