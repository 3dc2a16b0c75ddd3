#include "server/cost_model/feature/direct/gpu_limits.h"

#include <algorithm>
#include <array>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/shared_layout.h"
#include "common/lower/gpu/storage_plan.h"

namespace hone::direct {
namespace {

// The index of an access, as a vector loop sees it.
enum class Lanes { kNone, kUnit, kOther };

class Checker {
 public:
  Checker(const Program& program, const lower::GpuLimits& limits) : program_(program), limits_(limits) {}

  Verdict Check() const {
    if (!program_.whole) return Verdict::kUnknown;
    bool known = true;
    for (size_t k = 0; k < program_.kernels.size(); ++k) {
      if (!ThreadsFit(program_.kernels[k])) return Verdict::kDoesNotFit;
      const Verdict memory = SharedMemory(static_cast<int>(k));
      if (memory == Verdict::kDoesNotFit) return memory;
      const Verdict registers = Registers(static_cast<int>(k));
      if (registers == Verdict::kDoesNotFit) return registers;
      known = known && memory == Verdict::kFits && registers == Verdict::kFits;
    }
    for (const Store& store : program_.stores) {
      const Verdict vectors = Vectors(store.target, &store);
      if (vectors == Verdict::kDoesNotFit) return vectors;
      known = known && vectors == Verdict::kFits;
    }
    for (const Access& access : program_.silent) {
      const Verdict vectors = Vectors(access, nullptr);
      if (vectors == Verdict::kDoesNotFit) return vectors;
      known = known && vectors == Verdict::kFits;
    }
    return known ? Verdict::kFits : Verdict::kUnknown;
  }

 private:
  bool ThreadsFit(const Kernel& kernel) const {
    int64_t threads = 1;
    for (int axis : kernel.axes) {
      const Loop& loop = program_.loops[axis];
      if (loop.axis >= Axis::kThreadX && loop.axis < Axis::kVirtual) threads *= loop.extent;
    }
    return threads <= limits_.threads;
  }

  // ---- shared memory

  struct Shared {
    int buffer;
    uint64_t least_bits;  // Not multiplied by virtual threads unless it is sure that it is.
    uint64_t most_bits;
    int first;
    int last;
  };

  Verdict SharedMemory(int kernel) const {
    absl::InlinedVector<Shared, 4> all;
    for (size_t id = 0; id < program_.buffers.size(); ++id) {
      const BufferFacts& facts = program_.buffers[id];
      if (!facts.placed || !facts.buffer->scope().starts_with("shared")) continue;
      const int home = program_.scopes[facts.scope].kernel;
      if (home < 0) return Verdict::kUnknown;
      if (home != kernel) continue;
      const ir::DataType dtype = facts.buffer->dtype;
      if (dtype.is_bool() || (dtype.is_any_float() && !dtype.is_float()) || UnderVector(facts.scope)) {
        return Verdict::kUnknown;
      }
      Shared one{static_cast<int>(id), Elements(facts) * dtype.bits, 0, -1, -1};
      one.most_bits = one.least_bits;
      Multiply(kernel, one);
      SetLife(one);
      all.push_back(one);
    }
    uint64_t least = 0, most = 0;
    int64_t launch = 0;    // Side by side, as they are built.
    bool together = true;  // Alive at the same time.
    for (const Shared& a : all) {
      least += (a.least_bits + 7) / 8;
      most += (a.most_bits + 7) / 8;
      launch += lower::AlignShared(static_cast<int64_t>((a.most_bits + 7) / 8));
      for (const Shared& b : all) together = together && a.first <= b.last && b.first <= a.last;
    }
    const auto limit = static_cast<uint64_t>(limits_.shared_memory_bytes);
    const Verdict fits = launch <= limits_.launch_shared_bytes ? Verdict::kFits : Verdict::kUnknown;
    if (most <= limit) return fits;
    if (together && least > limit) return Verdict::kDoesNotFit;
    if (!IsPlanKnown(all)) return Verdict::kUnknown;
    absl::InlinedVector<lower::PlannedAllocation, 4> plan;
    for (const Shared& one : all) {
      const ir::Buffer buffer = program_.buffers[one.buffer].buffer;
      plan.push_back({buffer->scope(), buffer->dtype, one.most_bits, one.first, one.last});
    }
    return lower::PlannedBytes(plan) <= limits_.shared_memory_bytes ? fits : Verdict::kDoesNotFit;
  }

  // Whether sizes are known, and the order of births and deaths as far as it matters to the plan: the order of
  // allocations, which decides between those of one statement, is not.
  bool IsPlanKnown(absl::Span<const Shared> all) const {
    for (const Shared& a : all) {
      if (a.least_bits != a.most_bits) return false;
      for (const Shared& b : all) {
        const ir::Buffer x = program_.buffers[a.buffer].buffer, y = program_.buffers[b.buffer].buffer;
        const bool same_size = a.most_bits == b.most_bits;
        if (same_size && x->scope() == y->scope() && x->dtype == y->dtype) continue;
        if (a.first == b.first || (a.last == b.last && same_size)) return false;
      }
    }
    return true;
  }

  // What a thread holds at once: the allocations around a place. Accumulators may turn out smaller than they look.
  Verdict Registers(int kernel) const {
    if (limits_.register_bytes == INT64_MAX) return Verdict::kFits;
    std::vector<uint64_t> least(program_.scopes.size()), most(program_.scopes.size());
    for (size_t id = 0; id < program_.buffers.size(); ++id) {
      const BufferFacts& facts = program_.buffers[id];
      const std::string_view scope = facts.placed ? facts.buffer->scope() : std::string_view();
      const bool accumulator = scope == "wmma.accumulator";
      if ((scope != "local" && !accumulator) || program_.scopes[facts.scope].kernel != kernel) continue;
      const uint64_t bytes = Elements(facts) * static_cast<uint64_t>(facts.buffer->dtype.bytes());
      Shared one{static_cast<int>(id), bytes, bytes, -1, -1};
      Multiply(kernel, one);
      most[facts.scope] += accumulator ? one.most_bits / static_cast<uint64_t>(limits_.warp_size) : one.most_bits;
      if (!accumulator) least[facts.scope] += one.least_bits;
    }
    const auto limit = static_cast<uint64_t>(limits_.register_bytes);
    Verdict verdict = Verdict::kFits;
    for (size_t s = 1; s < program_.scopes.size(); ++s) {  // A scope comes after the one around it.
      least[s] += least[program_.scopes[s].parent];
      most[s] += most[program_.scopes[s].parent];
      if (least[s] > limit) return Verdict::kDoesNotFit;
      if (most[s] > limit) verdict = Verdict::kUnknown;
    }
    return verdict;
  }

  bool UnderVector(int scope) const {
    for (int s = scope; s > 0; s = program_.scopes[s].parent) {
      const int loop = program_.scopes[s].loop;
      if (loop >= 0 && program_.loops[loop].node->for_kind == ir::ForKind::kVectorized) return true;
    }
    return false;
  }

  // As flattened, with the strides that storage_align asked for.
  static uint64_t Elements(const BufferFacts& facts) {
    const size_t rank = facts.shape.size();
    Shape strides(rank, 1);
    int64_t stride = 1;
    for (size_t d = rank; d-- > 0;) {
      for (const auto& align : facts.aligns) {
        if (align[0] != static_cast<int64_t>(d) || align[1] <= 0) continue;
        stride += ir::FloorModInt(align[2] - stride, align[1]);
      }
      strides[d] = stride;
      stride *= facts.shape[d];
    }
    if (facts.aligns.empty() || rank == 0) return static_cast<uint64_t>(stride);
    int64_t elements = facts.shape[0];
    for (size_t d = 1; d < rank; ++d) elements *= strides[d - 1] / strides[d];
    return static_cast<uint64_t>(elements);
  }

  // A buffer whose contents depend on a virtual thread is there once for each.
  void Multiply(int kernel, Shared& shared) const {
    for (int axis : program_.kernels[kernel].axes) {
      const Loop& loop = program_.loops[axis];
      if (loop.axis != Axis::kVirtual || loop.extent == 1) continue;
      const auto threads = static_cast<uint64_t>(loop.extent);
      if (Depends(shared.buffer, axis, /*surely=*/true)) shared.least_bits *= threads;
      if (Depends(shared.buffer, axis, /*surely=*/false)) shared.most_bits *= threads;
    }
  }

  // `surely`: what indices that are not simplified mention does not count.
  bool Mentions(const Access& access, int loop, bool surely) const {
    return std::any_of(access.indices.begin(), access.indices.end(), [&](const Index& index) {
      if (index.unknown) return !surely && WrittenMentions(index.written, loop);
      return index.tree >= 0 ? program_.trees[index.tree].Mentions(loop) : index.linear.Find(loop) != nullptr;
    });
  }

  // A loop that became `loop`.
  bool WrittenMentions(ir::Expr written, int loop) const {
    return ir::UsesVar(written, [&](ir::Var var) {
      return std::any_of(program_.loops.begin(), program_.loops.end(),
                         [&](const Loop& l) { return l.final == loop && l.node->loop_var == var; });
    });
  }

  bool Depends(int buffer, int axis, bool surely) const {
    absl::InlinedVector<int, 8> dependent;
    const auto add = [&](int id) {
      const bool known = std::find(dependent.begin(), dependent.end(), id) != dependent.end();
      if (!known) dependent.push_back(id);
      return !known;
    };
    for (const Access& access : program_.silent) {
      if (Mentions(access, axis, surely) || (!surely && HasCondition(access.scope))) add(access.buffer);
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (const Store& store : program_.stores) {
        bool depends = Mentions(store.target, axis, surely);
        for (const Access& load : store.loads) {
          depends = depends || Mentions(load, axis, surely) ||
                    std::find(dependent.begin(), dependent.end(), load.buffer) != dependent.end();
        }
        if (!surely) depends = depends || store.value_varies || HasCondition(store.target.scope);
        if (depends && add(store.target.buffer)) changed = true;
      }
    }
    return std::find(dependent.begin(), dependent.end(), buffer) != dependent.end();
  }

  // One that mentions a virtual thread.
  bool HasCondition(int scope) const {
    for (int s = scope; s > 0; s = program_.scopes[s].parent) {
      const ir::Expr condition = program_.scopes[s].condition;
      if (!condition) continue;
      for (const Loop& loop : program_.loops) {
        if (loop.axis == Axis::kVirtual && ir::UsesVar(condition, loop.node->loop_var)) return true;
      }
    }
    return false;
  }

  // From the first to the last statement, of the list that the buffer is allocated in, that touches it.
  void SetLife(Shared& shared) const {
    const int home = program_.buffers[shared.buffer].scope;
    const auto touch = [&](const Access& access, int leaf) {
      if (access.buffer != shared.buffer) return;
      int first = leaf, last = leaf;
      for (int s = access.scope; s != home && s > 0; s = program_.scopes[s].parent) {
        const Scope& scope = program_.scopes[s];
        const bool compound =
            scope.loop >= 0 ? program_.loops[scope.loop].axis == Axis::kNone : static_cast<bool>(scope.condition);
        if (!compound) continue;
        first = scope.first_leaf;
        last = scope.last_leaf;
      }
      shared.first = shared.first < 0 ? first : std::min(shared.first, first);
      shared.last = std::max(shared.last, last);
    };
    for (size_t i = 0; i < program_.silent.size(); ++i) touch(program_.silent[i], program_.silent_leaves[i]);
    for (size_t i = 0; i < program_.stores.size(); ++i) {
      touch(program_.stores[i].target, program_.store_leaves[i]);
      for (const Access& load : program_.stores[i].loads) touch(load, program_.store_leaves[i]);
    }
  }

  // ---- vectors

  static int64_t IndexBytes(const ir::Buffer& buffer) { return buffer->index_dtype().bits / 8; }

  Lanes LanesOf(const Access& access, int loop) const {
    Lanes lanes = Lanes::kNone;
    for (size_t d = 0; d < access.indices.size(); ++d) {
      const Index& index = access.indices[d];
      if (index.unknown) return Lanes::kOther;
      if (index.tree >= 0) {
        if (program_.trees[index.tree].Mentions(loop)) return Lanes::kOther;
        continue;
      }
      const LinearIndex::Term* term = index.linear.Find(loop);
      if (term == nullptr) continue;
      const bool unit = d + 1 == access.indices.size() && term->lower == 1 && term->upper == 0 && term->scale == 1;
      if (!unit) return Lanes::kOther;
      lanes = Lanes::kUnit;
    }
    return lanes;
  }

  // `store` is null for a store of a literal to `target`.
  Verdict Vectors(const Access& target, const Store* store) const {
    int vector = -1;
    for (int s = target.scope; s > 0; s = program_.scopes[s].parent) {
      const int loop = program_.scopes[s].loop;
      if (loop < 0 || program_.loops[loop].node->for_kind != ir::ForKind::kVectorized) continue;
      if (vector >= 0) return Verdict::kUnknown;  // Nested.
      vector = loop;
    }
    if (vector < 0) return Verdict::kFits;
    const int64_t lanes = program_.loops[vector].extent;
    const ir::Buffer buffer = program_.buffers[target.buffer].buffer;
    int64_t index_bytes = IndexBytes(buffer);
    int64_t bytes = buffer->dtype.bytes();
    bool plain = true;
    if (store != nullptr) {
      plain = store->plain;
      bytes = std::max<int64_t>(bytes, store->widest_bytes);
      for (const Access& load : store->loads) {
        const ir::Buffer loaded = program_.buffers[load.buffer].buffer;
        index_bytes = std::max(index_bytes, IndexBytes(loaded));
        bytes = std::max<int64_t>(bytes, loaded->dtype.bytes());
      }
    }
    if (lanes * std::max(bytes, index_bytes) <= limits_.vector_bytes) return Verdict::kFits;
    if (!plain) return Verdict::kUnknown;
    // Under a condition on the lanes there may be no vector, which fits in any case.
    const Lanes of_target = LanesOf(target, vector);
    if (of_target == Lanes::kUnit && lanes * buffer->dtype.bytes() > limits_.vector_bytes) {
      return IsConditionOn(vector, target.scope) ? Verdict::kUnknown : Verdict::kDoesNotFit;
    }
    bool unit = of_target != Lanes::kOther;
    if (store != nullptr) {
      for (const Access& load : store->loads) unit = unit && LanesOf(load, vector) != Lanes::kOther;
    }
    if (!unit && lanes * index_bytes > limits_.vector_bytes) return Verdict::kUnknown;
    return lanes * bytes <= limits_.vector_bytes ? Verdict::kFits : Verdict::kUnknown;
  }

  bool IsConditionOn(int loop, int scope) const {
    for (int s = scope; s > 0; s = program_.scopes[s].parent) {
      const ir::Expr condition = program_.scopes[s].condition;
      if (condition && ir::UsesVar(condition, program_.loops[loop].node->loop_var)) return true;
    }
    return false;
  }

  const Program& program_;
  const lower::GpuLimits& limits_;
};

}  // namespace

Verdict FitsLimits(const Program& program, const lower::GpuLimits& limits) { return Checker(program, limits).Check(); }

namespace {

bool FitsByMemory(ir::PrimFunc func, const lower::GpuLimits& limits, bool* direct) {
  Program program;
  const Verdict verdict =
      ReadProgram(func, program, Purpose::kMemory) ? FitsLimits(program, limits) : Verdict::kUnknown;
  if (verdict != Verdict::kUnknown) return verdict == Verdict::kFits;
  if (direct != nullptr) *direct = false;
  return lower::FitsGpu(func, limits);
}

}  // namespace

bool FitsGpuFast(ir::PrimFunc func, const lower::GpuLimits& limits, bool* direct) {
  if (direct != nullptr) *direct = true;
  return lower::ThreadsFit(func, limits) && FitsByMemory(func, limits, direct);
}

bool FitsGpuFast(ir::PrimFunc func, const lower::GpuLimits& limits, ProgramReading& reading, bool* direct) {
  if (direct != nullptr) *direct = true;
  if (!lower::ThreadsFit(func, limits)) return false;
  const Program* program = reading.Of(func);
  // Indices are simplified in it, perhaps more than in what the lowering passes see: only a yes counts.
  if (program != nullptr && FitsLimits(*program, limits) == Verdict::kFits) return true;
  return FitsByMemory(func, limits, direct);
}

}  // namespace hone::direct
