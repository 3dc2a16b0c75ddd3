// Actions that run others: sequences, loops, branches, blocks, allocations, calls of functions. Internal to the
// interpreter.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/interp/memory_access.h"
#include "common/interp/program.h"

namespace hone::interp {

struct SeqAction final : Action {
  std::vector<const Action*> actions;
  void Run(Frame& f) const override;
};

struct ForAction final : Action {
  int slot;
  const Evaluator* min;
  const Evaluator* extent;
  const Action* body;
  void Run(Frame& f) const override;
};

struct WhileAction final : Action {
  const Evaluator* condition;
  const Action* body;
  void Run(Frame& f) const override;
};

struct IfAction final : Action {
  const Evaluator* condition;
  const Action* yes;
  const Action* no = nullptr;
  void Run(Frame& f) const override;
};

struct LetAction final : Action {
  int slot;
  bool is_pointer;
  const Evaluator* value;
  const Action* body;
  void Run(Frame& f) const override;
};

struct AssertAction final : Action {
  const Evaluator* condition;
  std::string message;
  const Action* body;
  void Run(Frame& f) const override;
};

struct EvaluateAction final : Action {
  const Evaluator* value;
  void Run(Frame& f) const override;
};

// Whose memory of a scope is, in a launch.
enum class Owner : uint8_t { kAll, kBlock, kWarp, kThread };
Owner OwnerOf(std::string_view scope);

// Memory for a pointer variable while the body runs.
struct AllocateAction final : Action {
  int slot;
  int element_bytes;
  std::vector<const Evaluator*> extents;
  Owner owner;
  std::string_view constant;  // Initial bytes, or empty.
  const Action* body;
  void Run(Frame& f) const override;
};

struct MatchAction {
  int view_slot;
  const BufferAccess* source;
  std::vector<const Evaluator*> mins;
  std::vector<const Evaluator*> extents;
  std::vector<std::pair<int, int>> shape_slots;  // (dimension of the view, slot): defined here.
  std::vector<std::pair<int, int>> stride_slots;
  int offset_slot = -1;
  bool offset_is_constant = false;
  int view_rank = 0;

  void Run(Frame& f) const;
};

struct BlockAction final : Action {
  struct Iter {
    int slot;
    const Evaluator* value;
    const Evaluator* reduce_min = nullptr;  // Set for reduce iters.
  };
  struct Alloc {
    int slot;
    const BufferAccess* buffer;
    Owner owner;
  };
  const Evaluator* predicate;
  std::vector<Iter> iters;
  std::vector<Alloc> allocs;
  std::vector<MatchAction> matches;
  const Action* init = nullptr;
  const Action* body;

  void Run(Frame& f) const override;
};

// A call of another function of the module.
struct CallFunctionEval final : Evaluator {
  std::shared_ptr<std::unique_ptr<Program>> callee;  // Filled after compilation, which allows recursion.
  std::vector<const Evaluator*> args;
  bool launch = false;  // Extents of the launch follow the arguments; the kernel names them itself.
  int64_t Int(Frame& f, int) const override;
};

}  // namespace hone::interp
