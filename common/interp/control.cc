#include "common/interp/control.h"

#include <cstring>

#include "common/interp/thread_block.h"
#include "common/interp/values.h"
#include "common/support/strings.h"

namespace hone::interp {

using namespace ir;  // NOLINT: an internal file that is about these nodes.

Owner OwnerOf(std::string_view scope) {
  if (scope.starts_with("shared")) return Owner::kBlock;
  if (scope.starts_with("warp")) return Owner::kWarp;
  if (scope.starts_with("local") || scope.starts_with("wmma.") || scope.starts_with("m16n8k8.")) return Owner::kThread;
  return Owner::kAll;
}

namespace {

// Memory of a launch's block or warp; null where every thread allocates its own.
Memory* LaunchMemory(Frame& f, Owner owner, const void* key, int64_t bytes, int64_t row_elements) {
  if (f.block == nullptr) return nullptr;
  if (owner == Owner::kBlock) return f.block->Shared(key, bytes, row_elements);
  if (owner == Owner::kWarp) return f.block->OfWarp(key, f.thread, bytes, row_elements);
  return nullptr;
}

}  // namespace

void SeqAction::Run(Frame& f) const {
  for (const Action* action : actions) action->Run(f);
}

void ForAction::Run(Frame& f) const {
  const int64_t from = min->Int(f, 0);
  const int64_t n = extent->Int(f, 0);
  for (int64_t i = 0; i < n; ++i) {
    Step(f);
    f.scalars[slot].i = from + i;
    body->Run(f);
  }
}

void WhileAction::Run(Frame& f) const {
  while (condition->Int(f, 0) != 0) {
    Step(f);
    body->Run(f);
  }
}

void IfAction::Run(Frame& f) const {
  if (condition->Int(f, 0) != 0) {
    yes->Run(f);
  } else if (no != nullptr) {
    no->Run(f);
  }
}

void LetAction::Run(Frame& f) const {
  if (is_pointer) {
    f.pointers[slot] = value->Ptr(f);
  } else {
    Bind(f, slot, *value);
  }
  body->Run(f);
}

void AssertAction::Run(Frame& f) const {
  if (condition->Int(f, 0) == 0) throw Stop(Stop::Kind::kInvalid, StrCat("assertion failed: ", message));
  body->Run(f);
}

void EvaluateAction::Run(Frame& f) const {
  Step(f);
  if (value->is_float) {
    value->Float(f, 0);
  } else {
    value->Int(f, 0);
  }
}

void AllocateAction::Run(Frame& f) const {
  int64_t bytes = element_bytes;
  for (const Evaluator* extent : extents) bytes *= extent->Int(f, 0);
  if (bytes < 0 || bytes > int64_t{1} << 32) throw Stop(Stop::Kind::kLimit, "an allocation of over 4 GiB");
  const int64_t row_elements = extents.size() > 1 ? extents.back()->Int(f, 0) : 0;
  if (Memory* common = LaunchMemory(f, owner, this, bytes, row_elements)) {
    f.pointers[slot] = {common, 0};
    body->Run(f);
    return;
  }
  Memory memory;
  memory.Allocate(bytes);
  memory.row_elements = row_elements;
  memory.of_thread = owner == Owner::kThread;
  if (!constant.empty()) std::memcpy(memory.data, constant.data(), std::min<size_t>(bytes, constant.size()));
  f.pointers[slot] = {&memory, 0};
  body->Run(f);
  f.pointers[slot] = {};
}

void MatchAction::Run(Frame& f) const {
  int64_t at[kMaxRank];
  for (size_t d = 0; d < mins.size(); ++d) at[d] = mins[d]->Int(f, 0);
  const Pointer base = f.pointers[source->pointer_slot];
  const int64_t offset = source->Offset(f, at, false);
  if (offset_slot >= 0) {
    f.scalars[offset_slot].i = offset;
    f.pointers[view_slot] = base;
  } else {  // A view with a literal offset of its own starts at its region.
    f.pointers[view_slot] = {base.memory, base.offset + offset * source->dtype.bytes()};
  }
  const int skip = static_cast<int>(mins.size()) - view_rank;  // Leading dimensions of the source.
  for (auto [d, slot] : shape_slots) f.scalars[slot].i = extents[skip + d]->Int(f, 0);
  for (auto [d, slot] : stride_slots) {
    int64_t stride = 1;
    if (!source->strides.empty()) {
      stride = source->strides[skip + d]->Int(f, 0);
    } else {
      for (size_t k = skip + d + 1; k < source->shape.size(); ++k) stride *= source->shape[k]->Int(f, 0);
    }
    f.scalars[slot].i = stride;
  }
}

void BlockAction::Run(Frame& f) const {
  if (predicate->Int(f, 0) == 0) return;
  int64_t values[64];
  if (iters.size() > 64) Unimplemented("a block of more than 64 iters");
  for (size_t i = 0; i < iters.size(); ++i) values[i] = iters[i].value->Int(f, 0);
  for (size_t i = 0; i < iters.size(); ++i) f.scalars[iters[i].slot].i = values[i];
  std::vector<std::unique_ptr<Memory>> memory;
  for (const Alloc& alloc : allocs) {
    int64_t elements = 1;
    if (alloc.buffer->strides.empty()) {
      for (const Evaluator* dim : alloc.buffer->shape) elements *= dim->Int(f, 0);
    } else {
      for (size_t d = 0; d < alloc.buffer->shape.size(); ++d) {
        elements += (alloc.buffer->shape[d]->Int(f, 0) - 1) * alloc.buffer->strides[d]->Int(f, 0);
      }
    }
    const int64_t bytes = elements * alloc.buffer->dtype.bytes();
    if (bytes < 0 || bytes > int64_t{1} << 32) throw Stop(Stop::Kind::kLimit, "an allocation of over 4 GiB");
    const int64_t row_elements = alloc.buffer->RowElements(f);
    if (Memory* common = LaunchMemory(f, alloc.owner, alloc.buffer, bytes, row_elements)) {
      f.pointers[alloc.slot] = {common, 0};
      continue;
    }
    memory.push_back(std::make_unique<Memory>());
    memory.back()->Allocate(bytes);
    memory.back()->row_elements = row_elements;
    memory.back()->of_thread = alloc.owner == Owner::kThread;
    f.pointers[alloc.slot] = {memory.back().get(), 0};
  }
  for (const MatchAction& match : matches) match.Run(f);
  if (init != nullptr) {
    bool first = true;
    for (size_t i = 0; i < iters.size() && first; ++i) {
      if (iters[i].reduce_min != nullptr) first = values[i] == iters[i].reduce_min->Int(f, 0);
    }
    if (first) init->Run(f);
  }
  body->Run(f);
}

int64_t CallFunctionEval::Int(Frame& f, int) const {
  const Program& p = **callee;
  Frame inner;
  inner.scalars.resize(p.num_scalars);
  inner.pointers.resize(p.num_pointers);
  inner.block = f.block;
  inner.thread = f.thread;
  inner.steps = f.steps;
  inner.max_steps = f.max_steps;
  for (auto [slot, value] : p.defaults) inner.scalars[slot].i = value;
  if (args.size() < p.params.size() || (!launch && args.size() > p.params.size())) {
    throw Stop(Stop::Kind::kInvalid, "a call with a wrong number of arguments");
  }
  for (size_t i = 0; i < p.params.size(); ++i) {
    const CompiledParam& param = p.params[i];
    if (param.is_buffer || param.dtype.is_handle()) {
      inner.pointers[param.slot] = args[i]->Ptr(f);
    } else if (args[i]->is_float) {
      inner.scalars[param.slot].f = args[i]->Float(f, 0);
    } else {
      inner.scalars[param.slot].i = args[i]->Int(f, 0);
    }
  }
  p.body->Run(inner);
  return 0;
}

}  // namespace hone::interp
