#include "server/search/thread_forecast.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"

namespace hone {

using schedule::Instruction;
using schedule::InstructionRow;
using schedule::Rv;
using schedule::RvMap;
using schedule::Schedule;
using schedule::Trace;
using schedule::Value;

namespace {

enum class Role : uint8_t {
  kUnknown,   // May change anything.
  kHarmless,  // Leaves loops around blocks that it does not name.
  kGetBlock,
  kGetLoops,
  kGetProducers,
  kCacheRead,
  kNewBlock,  // Its result is a block that was not there before.
  kBlockize,
  kMove,  // Moves its first argument.
  kTile,
  kSplit,
  kFuse,
  kBind,
  kAnnotate,
};

Role RoleOf(const InstructionRow* row) {
  static const auto* roles = [] {
    auto* out = new absl::flat_hash_map<const InstructionRow*, Role>;
    const auto add = [&](Role role, std::initializer_list<std::string_view> names) {
      for (std::string_view name : names) (*out)[schedule::FindInstruction(name)] = role;
    };
    add(Role::kHarmless, {"GetConsumers", "SampleCategorical", "SampleComputeLocation", "Reorder", "TransformLayout",
                          "StorageAlign", "Vectorize", "Unroll"});
    add(Role::kGetBlock, {"GetBlock"});
    add(Role::kGetLoops, {"GetLoops"});
    add(Role::kGetProducers, {"GetProducers"});
    add(Role::kCacheRead, {"CacheRead"});
    add(Role::kNewBlock, {"CacheWrite", "ReIndex"});
    add(Role::kBlockize, {"Blockize"});
    add(Role::kMove, {"ComputeAt", "ReverseComputeAt", "ComputeInline", "ReverseComputeInline"});
    add(Role::kTile, {"SamplePerfectTile"});
    add(Role::kSplit, {"Split"});
    add(Role::kFuse, {"Fuse"});
    add(Role::kBind, {"Bind"});
    add(Role::kAnnotate, {"Annotate"});
    return out;
  }();
  const auto found = roles->find(row);
  return found != roles->end() ? found->second : Role::kUnknown;
}

// What is known of a random variable of the trace.
struct Fact {
  int64_t number = -1;  // Of a loop its extent; -1 when it is not known.
  int32_t owner = -1;   // Of a loop: the block whose loops it comes from.
  Role origin = Role::kUnknown;
  int32_t from = -1;  // Of a block from CacheRead or GetProducers: their argument.
  int32_t at = -1;    // The instruction.
  std::string_view name;
};

// What a block that wants a number of threads gets.
struct Wish {
  int32_t block;
  int64_t low = -1;
  int64_t high = -1;
};

class Forecast {
 public:
  Forecast(const Trace& trace, const Schedule& begun, const RvMap& map, const lower::GpuLimits& limits)
      : trace_(trace), begun_(begun), map_(map), limits_(limits) {
    facts_.reserve(4 * trace.size());
  }

  bool Misfits() {
    if (!ReadWishes()) return false;
    const size_t end = trace_.SizeWithoutPostproc();
    for (size_t i = 0; i < end; ++i) {
      if (!Read(trace_.instructions()[i], static_cast<int32_t>(i))) return false;
    }
    return std::all_of(moved_.begin(), moved_.end(), [&](int32_t block) { return StaysOut(block); }) &&
           std::any_of(wishes_.begin(), wishes_.end(), [&](const Wish& wish) { return Misfits(wish); });
  }

 private:
  struct Bound {
    int32_t owner;
    char axis;  // x, y or z of threads; b for a block's.
    int64_t extent;
  };

  // False when there are none.
  bool ReadWishes() {
    const auto& all = trace_.instructions();
    for (size_t i = trace_.SizeWithoutPostproc(); i-- > 0;) {
      const Instruction& one = all[i];
      if (one.row->name != "Annotate" || one.attrs.size() != 1 || !one.attrs[0].is(Value::Kind::kString)) continue;
      const std::string_view key = one.attrs[0].text();
      const bool low = key == "meta_schedule.thread_extent_low_inclusive";
      if (!low && key != "meta_schedule.thread_extent_high_inclusive") continue;
      if (!one.inputs[0].is(Value::Kind::kRv) || !one.inputs[1].is(Value::Kind::kInt)) return false;
      const int32_t block = one.inputs[0].rv().id;
      auto wish = std::find_if(wishes_.begin(), wishes_.end(), [&](const Wish& w) { return w.block == block; });
      if (wish == wishes_.end()) wish = wishes_.insert(wish, Wish{block});
      int64_t& limit = low ? wish->low : wish->high;
      if (limit != -1) return false;
      limit = one.inputs[1].integer();
    }
    return !wishes_.empty();
  }

  Fact& At(Rv rv) {
    if (static_cast<size_t>(rv.id) >= facts_.size()) facts_.resize(static_cast<size_t>(rv.id) + 1);
    return facts_[static_cast<size_t>(rv.id)];
  }
  int64_t NumberOf(const Value& value) {
    if (value.is(Value::Kind::kInt)) return value.integer();
    return value.is(Value::Kind::kRv) && value.rv().id >= 0 ? At(value.rv()).number : -1;
  }

  // False when nothing is sure any more.
  bool Read(const Instruction& one, int32_t at) {
    const Role role = RoleOf(one.row);
    switch (role) {
      case Role::kUnknown:
        return !settling_;
      case Role::kHarmless:
        return true;
      case Role::kGetBlock:
      case Role::kGetProducers:
      case Role::kCacheRead:
      case Role::kNewBlock:
      case Role::kBlockize:
        for (Rv out : one.outputs) {
          Fact& fact = At(out);
          fact.origin = role;
          fact.at = at;
          if (role == Role::kGetBlock) {
            fact.name = one.attrs[0].text();
          } else if (one.inputs[0].is(Value::Kind::kRv)) {
            fact.from = one.inputs[0].rv().id;
          }
        }
        return true;
      case Role::kGetLoops:
        for (Rv out : one.outputs) {
          Fact& fact = At(out);
          fact.owner = one.inputs[0].rv().id;
          fact.number = ExtentBegun(out);
          settling_ = settling_ || std::any_of(wishes_.begin(), wishes_.end(),
                                               [&](const Wish& wish) { return wish.block == fact.owner; });
        }
        return true;
      case Role::kMove:
        if (settling_) moved_.push_back(one.inputs[0].rv().id);
        return true;
      case Role::kTile:
        ReadTile(one);
        return true;
      case Role::kSplit: {
        const int32_t owner = At(one.inputs[0].rv()).owner;
        if (one.outputs.size() + 1 != one.inputs.size()) return false;
        for (size_t i = 0; i < one.outputs.size(); ++i) {
          const int64_t number = NumberOf(one.inputs[i + 1]);
          Fact& fact = At(one.outputs[i]);
          fact.owner = owner;
          fact.number = number;
        }
        return true;
      }
      case Role::kFuse:
        ReadFuse(one);
        return true;
      case Role::kBind: {
        const std::string_view axis = one.attrs[0].text();
        const Fact& loop = At(one.inputs[0].rv());
        if (axis.starts_with("vthread")) return true;
        const bool thread = axis.starts_with("threadIdx.") && axis.size() == 11;
        if (!thread && !axis.starts_with("blockIdx.")) return false;
        bound_.push_back({loop.owner, thread ? axis.back() : 'b', loop.number});
        return true;
      }
      case Role::kAnnotate: {
        if (one.attrs[0].text() != "warp_execution") return true;
        warps_.push_back(one.inputs[0].rv().id);
        return one.inputs[1].is(Value::Kind::kInt) && one.inputs[1].integer() != 0;
      }
    }
    return false;
  }

  // -1 when `begun_` does not have the loop.
  int64_t ExtentBegun(Rv rv) const {
    Rv mine;
    if (!map_.Get(rv, &mine)) return -1;
    const auto loop = begun_.Get(schedule::LoopRv{mine});
    const int64_t* extent = loop.ok() ? ir::ConstInt((*loop)->extent) : nullptr;
    return extent != nullptr ? *extent : -1;
  }

  // Factors whose product is the extent are taken as they are.
  void ReadTile(const Instruction& one) {
    const int64_t extent = At(one.inputs[0].rv()).number;
    if (!one.decision.is(Value::Kind::kList) || one.decision.list().size() != one.outputs.size()) return;
    int64_t left = extent;
    for (const Value& factor : one.decision.list()) {
      if (!factor.is(Value::Kind::kInt) || factor.integer() < 1 || left < 1 || left % factor.integer() != 0) return;
      left /= factor.integer();
    }
    if (left != 1) return;
    for (size_t i = 0; i < one.outputs.size(); ++i) At(one.outputs[i]).number = one.decision.list()[i].integer();
  }

  void ReadFuse(const Instruction& one) {
    int64_t product = 1;
    int32_t owner = At(one.inputs[0].rv()).owner;
    for (const Value& input : one.inputs) {
      const Fact loop = At(input.rv());
      product = loop.number < 1 || product < 1 || product > (int64_t{1} << 31) ? -1 : product * loop.number;
      if (loop.owner != owner) owner = -1;
    }
    Fact& out = At(one.outputs[0]);
    out.owner = owner;
    out.number = product;
  }

  // Whether a block that is moved is none of those with wishes.
  bool StaysOut(int32_t block) {
    const Fact moved = At(Rv{block});
    return std::all_of(wishes_.begin(), wishes_.end(), [&](const Wish& wish) {
      if (wish.block == block) return false;
      const Fact wishing = At(Rv{wish.block});
      switch (moved.origin) {
        case Role::kCacheRead:
        case Role::kNewBlock:
          return true;
        case Role::kGetBlock:  // One that was there before, or has another name.
          return (wishing.origin == Role::kBlockize && moved.at < wishing.at) ||
                 (wishing.origin == Role::kGetBlock && wishing.name != moved.name);
        case Role::kGetProducers:  // Of what `wish.block` reads.
          return moved.from >= 0 && At(Rv{moved.from}).origin == Role::kCacheRead &&
                 At(Rv{moved.from}).from == wish.block;
        default:
          return false;
      }
    });
  }

  bool Misfits(const Wish& wish) const {
    if (wish.low < 0 || wish.high < 0) return false;
    std::array<int64_t, 3> extents = {-1, -1, -1};
    bool has_block = false;
    bool has_thread = false;
    bool has_others = false;  // Which may be around the block as well.
    for (const Bound& bound : bound_) {
      if (bound.axis == 'b') {
        has_block = has_block || bound.owner == wish.block;
        continue;
      }
      if (bound.owner != wish.block) {
        has_others = true;
        continue;
      }
      int64_t& extent = extents[static_cast<size_t>(bound.axis - 'x')];
      if (extent != -1 || bound.extent < 1) return false;
      extent = bound.extent;
      has_thread = true;
    }
    if (!has_block || !has_thread) return false;
    const bool warp = std::find(warps_.begin(), warps_.end(), wish.block) != warps_.end();
    if (warps_.size() > (warp ? 1u : 0u)) return false;  // Another block's may count for this one.
    if (warp) extents[0] = limits_.warp_size;
    int64_t threads = 1;
    for (int64_t extent : extents) threads *= extent == -1 ? 1 : extent;
    return threads > wish.high || (threads > limits_.threads && !warp) || (threads < wish.low && !has_others);
  }

  const Trace& trace_;
  const Schedule& begun_;
  const RvMap& map_;
  const lower::GpuLimits& limits_;
  bool settling_ = false;  // The loops of a block with a wish are known: from now on nothing may change them.
  std::vector<Fact> facts_;
  absl::InlinedVector<Wish, 2> wishes_;
  absl::InlinedVector<Bound, 8> bound_;
  absl::InlinedVector<int32_t, 16> moved_;
  absl::InlinedVector<int32_t, 2> warps_;
};

}  // namespace

bool AreThreadsSureToMisfit(const Trace& trace, const Schedule& begun, const RvMap& map,
                            const lower::GpuLimits& limits) {
  return Forecast(trace, begun, map, limits).Misfits();
}

}  // namespace hone
