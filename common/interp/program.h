// A function compiled to a tree of small evaluators with variables resolved to slots. Internal to the interpreter.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/interp/tensor.h"
#include "common/ir/module.h"

namespace hone::interp {

// How the interpreter stops inside of evaluators; never leaves Run().
struct Stop : std::runtime_error {
  enum class Kind { kOutOfRange, kUnimplemented, kInvalid, kLimit };
  Stop(Kind k, const std::string& message) : std::runtime_error(message), kind(k) {}
  Kind kind;
};

// What the last instruction that wrote a fragment of a matrix said about it; m is 0 before the first.
struct Fragment {
  int m = 0;
  int n = 0;
  int k = 0;
  bool col_major = false;
};

// A piece of memory that data variables point at.
struct Memory {
  std::vector<uint8_t> owned;
  uint8_t* data = nullptr;
  int64_t bytes = 0;
  int64_t row_elements = 0;         // Of a buffer of two dimensions or more: from one row to the next. 0: flat.
  bool of_thread = false;           // A scope of which every thread of a GPU has its own.
  std::vector<Fragment> fragments;  // By number; of wmma buffers.

  void Allocate(int64_t size);  // Filled with 0xff: NaN for floats, -1 for integers.
};

struct Pointer {
  Memory* memory = nullptr;
  int64_t offset = 0;  // Bytes.
};

union Scalar {
  int64_t i;
  double f;
};

class ThreadBlock;

// The state of one thread of execution.
struct Frame {
  std::vector<Scalar> scalars;
  std::vector<Pointer> pointers;
  ThreadBlock* block = nullptr;  // Non-null inside of a launch.
  int thread = 0;                // Index in the block.
  int64_t* steps = nullptr;
  int64_t max_steps = 0;
};

[[noreturn]] void Unimplemented(const std::string& what);
[[noreturn]] void TooManySteps(const Frame& f);
// Counts a statement or an iteration.
inline void Step(Frame& f) {
  if (++*f.steps > f.max_steps) TooManySteps(f);
}

// Evaluates one lane of an expression; which of the three is meaningful follows from the dtype.
struct Evaluator {
  virtual ~Evaluator() = default;
  virtual int64_t Int(Frame&, int lane) const;
  virtual double Float(Frame&, int lane) const;
  virtual Pointer Ptr(Frame&) const;
  ir::DataType dtype;
  bool is_float = false;
};

struct Action {
  virtual ~Action() = default;
  virtual void Run(Frame&) const = 0;
};

struct CompiledParam {
  ir::DataType dtype;
  bool is_buffer = false;
  int slot = -1;  // Scalar slot, or pointer slot of a buffer's data.
  const ir::BufferNode* buffer = nullptr;
  std::vector<int> shape_slots;  // -1 for a constant dimension.
  std::vector<int64_t> shape;    // Valid where the slot is -1.
};

struct Program {
  std::vector<std::unique_ptr<Evaluator>> evaluators;
  std::vector<std::unique_ptr<Action>> actions;
  std::vector<CompiledParam> params;
  const Action* body = nullptr;
  int num_scalars = 0;
  int num_pointers = 0;
  // Buffer parameters may have symbolic strides or offsets: slots and the values they get (compact, zero).
  std::vector<std::pair<int, int64_t>> defaults;
};

// Throws Stop for what has no meaning here. Nodes of the module must outlive the program.
std::unique_ptr<Program> CompileFunction(const ir::IRModule& module, ir::PrimFunc function);

}  // namespace hone::interp
