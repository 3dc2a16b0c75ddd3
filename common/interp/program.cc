#include "common/interp/program.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <functional>

#include "common/interp/math.h"
#include "common/interp/matrix_ops.h"
#include "common/interp/thread_block.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/support/strings.h"

namespace hone::interp {

using namespace ir;  // NOLINT: an internal file that is about these nodes.

void Memory::Allocate(int64_t size) {
  owned.assign(static_cast<size_t>(size), 0xff);
  data = owned.data();
  bytes = size;
}

int64_t Evaluator::Int(Frame& f, int lane) const { return static_cast<int64_t>(Float(f, lane)); }
double Evaluator::Float(Frame& f, int lane) const { return static_cast<double>(Int(f, lane)); }
Pointer Evaluator::Ptr(Frame&) const { throw Stop(Stop::Kind::kInvalid, "a value is used as a pointer"); }

namespace {

[[noreturn]] void Unimplemented(const std::string& what) { throw Stop(Stop::Kind::kUnimplemented, what); }

// ---- expressions

struct IntConst final : Evaluator {
  int64_t value;
  int64_t Int(Frame&, int) const override { return value; }
};
struct FloatConst final : Evaluator {
  double value;
  double Float(Frame&, int) const override { return value; }
};
struct ScalarVar final : Evaluator {
  int slot;  // First of `lanes` slots.
  int64_t Int(Frame& f, int lane) const override { return f.scalars[slot + (dtype.is_scalar() ? 0 : lane)].i; }
  double Float(Frame& f, int lane) const override {
    return is_float ? f.scalars[slot + (dtype.is_scalar() ? 0 : lane)].f : static_cast<double>(Int(f, lane));
  }
};
struct PointerVar final : Evaluator {
  int slot;
  Pointer Ptr(Frame& f) const override { return f.pointers[slot]; }
  int64_t Int(Frame& f, int) const override { return f.pointers[slot].memory != nullptr; }
};

struct CastEval final : Evaluator {
  const Evaluator* value;
  int64_t Int(Frame& f, int lane) const override {
    if (!value->is_float) return dtype.is_bool() ? value->Int(f, lane) != 0 : WrapTo(dtype, value->Int(f, lane));
    const double v = value->Float(f, lane);
    if (dtype.is_bool()) return v != 0;
    if (std::isnan(v)) return WrapTo(dtype, INT64_MIN);
    if (v >= 9.2233720368547758e18)
      return dtype.is_uint() && v < 1.8446744073709552e19 ? static_cast<int64_t>(static_cast<uint64_t>(v))
                                                          : WrapTo(dtype, INT64_MAX);
    if (v <= -9.2233720368547758e18) return WrapTo(dtype, INT64_MIN);
    return WrapTo(dtype, static_cast<int64_t>(v));
  }
  double Float(Frame& f, int lane) const override {
    if (!is_float) return static_cast<double>(Int(f, lane));
    if (value->is_float) return RoundTo(dtype, value->Float(f, lane));
    const int64_t v = value->Int(f, lane);
    const bool big = value->dtype.is_uint() && value->dtype.bits == 64 && v < 0;
    return RoundTo(dtype, big ? static_cast<double>(static_cast<uint64_t>(v)) : static_cast<double>(v));
  }
};

[[noreturn]] void DivisionByZero() { throw Stop(Stop::Kind::kInvalid, "integer division by zero"); }

int64_t IntBinary(ExprKind kind, DataType t, int64_t a, int64_t b) {
  const auto ua = static_cast<uint64_t>(a);
  const auto ub = static_cast<uint64_t>(b);
  const bool wide = t.is_uint() && t.bits == 64;
  switch (kind) {
    case ExprKind::kAdd:
      return WrapTo(t, static_cast<int64_t>(ua + ub));
    case ExprKind::kSub:
      return WrapTo(t, static_cast<int64_t>(ua - ub));
    case ExprKind::kMul:
      return WrapTo(t, static_cast<int64_t>(ua * ub));
    case ExprKind::kDiv:
      if (b == 0) DivisionByZero();
      if (wide) return static_cast<int64_t>(ua / ub);
      return WrapTo(t, b == -1 ? static_cast<int64_t>(0 - ua) : a / b);
    case ExprKind::kMod:
      if (b == 0) DivisionByZero();
      if (wide) return static_cast<int64_t>(ua % ub);
      return WrapTo(t, b == -1 ? 0 : a % b);
    case ExprKind::kFloorDiv:
      if (b == 0) DivisionByZero();
      if (wide) return static_cast<int64_t>(ua / ub);
      return WrapTo(t, FloorDivInt(a, b));
    case ExprKind::kFloorMod:
      if (b == 0) DivisionByZero();
      if (wide) return static_cast<int64_t>(ua % ub);
      return WrapTo(t, FloorModInt(a, b));
    case ExprKind::kMin:
      return wide ? static_cast<int64_t>(std::min(ua, ub)) : std::min(a, b);
    case ExprKind::kMax:
      return wide ? static_cast<int64_t>(std::max(ua, ub)) : std::max(a, b);
    default:
      return 0;
  }
}

struct IntBinaryEval final : Evaluator {
  ExprKind kind;
  const Evaluator* a;
  const Evaluator* b;
  int64_t Int(Frame& f, int lane) const override {
    return IntBinary(kind, dtype.element(), a->Int(f, lane), b->Int(f, lane));
  }
};

struct FloatBinaryEval final : Evaluator {
  ExprKind kind;
  const Evaluator* a;
  const Evaluator* b;
  double Float(Frame& f, int lane) const override {
    const double x = a->Float(f, lane);
    const double y = b->Float(f, lane);
    switch (kind) {
      case ExprKind::kAdd:
        return RoundTo(dtype, x + y);
      case ExprKind::kSub:
        return RoundTo(dtype, x - y);
      case ExprKind::kMul:
        return RoundTo(dtype, x * y);
      case ExprKind::kDiv:
        return RoundTo(dtype, x / y);
      case ExprKind::kMod:
        return RoundTo(dtype, std::fmod(x, y));
      case ExprKind::kFloorDiv:
        return RoundTo(dtype, std::floor(x / y));
      case ExprKind::kFloorMod:
        return RoundTo(dtype, x - std::floor(x / y) * y);
      case ExprKind::kMin:
        return std::isnan(x) || std::isnan(y) ? x + y : std::min(x, y);
      case ExprKind::kMax:
        return std::isnan(x) || std::isnan(y) ? x + y : std::max(x, y);
      default:
        return 0;
    }
  }
};

struct CompareEval final : Evaluator {
  ExprKind kind;
  const Evaluator* a;
  const Evaluator* b;
  template <typename T>
  bool Compare(T x, T y) const {
    switch (kind) {
      case ExprKind::kEQ:
        return x == y;
      case ExprKind::kNE:
        return x != y;
      case ExprKind::kLT:
        return x < y;
      case ExprKind::kLE:
        return x <= y;
      case ExprKind::kGT:
        return x > y;
      default:
        return x >= y;
    }
  }
  int64_t Int(Frame& f, int lane) const override {
    if (a->is_float) return Compare(a->Float(f, lane), b->Float(f, lane));
    const int64_t x = a->Int(f, lane);
    const int64_t y = b->Int(f, lane);
    if (a->dtype.is_uint() && a->dtype.bits == 64) return Compare(static_cast<uint64_t>(x), static_cast<uint64_t>(y));
    return Compare(x, y);
  }
};

struct LogicEval final : Evaluator {
  ExprKind kind;  // kAnd, kOr, kNot
  const Evaluator* a;
  const Evaluator* b = nullptr;
  int64_t Int(Frame& f, int lane) const override {
    const bool x = a->Int(f, lane) != 0;
    if (kind == ExprKind::kNot) return !x;
    if (kind == ExprKind::kAnd) return x && b->Int(f, lane) != 0;
    return x || b->Int(f, lane) != 0;
  }
};

// Select and if_then_else.
struct ChoiceEval final : Evaluator {
  const Evaluator* condition;
  const Evaluator* yes;
  const Evaluator* no;
  const Evaluator* Pick(Frame& f, int lane) const {
    return condition->Int(f, condition->dtype.is_scalar() ? 0 : lane) != 0 ? yes : no;
  }
  int64_t Int(Frame& f, int lane) const override { return Pick(f, lane)->Int(f, lane); }
  double Float(Frame& f, int lane) const override { return Pick(f, lane)->Float(f, lane); }
  Pointer Ptr(Frame& f) const override { return Pick(f, 0)->Ptr(f); }
};

struct RampEval final : Evaluator {
  const Evaluator* base;
  const Evaluator* stride;
  int64_t Int(Frame& f, int lane) const override {
    const int inner = base->dtype.lanes;  // A ramp of vectors steps once a whole vector.
    return WrapTo(dtype.element(), base->Int(f, lane % inner) + stride->Int(f, lane % inner) * (lane / inner));
  }
};
struct BroadcastEval final : Evaluator {
  const Evaluator* value;
  int64_t Int(Frame& f, int lane) const override { return value->Int(f, lane % value->dtype.lanes); }
  double Float(Frame& f, int lane) const override { return value->Float(f, lane % value->dtype.lanes); }
};
struct ShuffleEval final : Evaluator {
  std::vector<const Evaluator*> vectors;
  std::vector<const Evaluator*> indices;
  std::pair<const Evaluator*, int> Pick(Frame& f, int lane) const {
    int64_t at = indices[lane]->Int(f, 0);
    for (const Evaluator* vector : vectors) {
      if (at < vector->dtype.lanes) return {vector, static_cast<int>(at)};
      at -= vector->dtype.lanes;
    }
    throw Stop(Stop::Kind::kOutOfRange, "shuffle index outside of its vectors");
  }
  int64_t Int(Frame& f, int lane) const override {
    auto [vector, at] = Pick(f, lane);
    return vector->Int(f, at);
  }
  double Float(Frame& f, int lane) const override {
    auto [vector, at] = Pick(f, lane);
    return vector->Float(f, at);
  }
};

void Bind(Frame& f, int slot, const Evaluator& value) {
  for (int lane = 0; lane < value.dtype.lanes; ++lane) {
    if (value.is_float) {
      f.scalars[slot + lane].f = value.Float(f, lane);
    } else {
      f.scalars[slot + lane].i = value.Int(f, lane);
    }
  }
}

struct LetEval final : Evaluator {
  int slot;
  const Evaluator* value;
  const Evaluator* body;
  int64_t Int(Frame& f, int lane) const override {
    Bind(f, slot, *value);
    return body->Int(f, lane);
  }
  double Float(Frame& f, int lane) const override {
    Bind(f, slot, *value);
    return body->Float(f, lane);
  }
};

// A view: where its data is and how indices become element offsets.
struct BufferAccess {
  std::string name;
  DataType dtype;
  int pointer_slot;
  std::vector<const Evaluator*> shape;
  std::vector<const Evaluator*> strides;  // Empty = compact.
  const Evaluator* elem_offset;

  // Element (of `dtype`, all lanes) offset of `indices`; checks the bounds.
  int64_t Offset(Frame& f, const int64_t* indices, bool check = true) const {
    int64_t offset = 0;
    for (size_t d = 0; d < shape.size(); ++d) {
      const int64_t extent = shape[d]->Int(f, 0);
      if (check && (indices[d] < 0 || indices[d] >= extent)) OutOfBounds(f, indices);
      offset = strides.empty() ? offset * extent + indices[d] : offset + indices[d] * strides[d]->Int(f, 0);
    }
    return offset + elem_offset->Int(f, 0);
  }
  // From one row to the next; 0 for one dimension.
  int64_t RowElements(Frame& f) const {
    if (shape.size() < 2) return 0;
    return strides.empty() ? shape.back()->Int(f, 0) : strides[strides.size() - 2]->Int(f, 0);
  }
  // `vector`: the last index is one lane of a vector, which may run on into the next row.
  uint8_t* At(Frame& f, const int64_t* indices, bool vector = false) const {
    const int64_t byte = Offset(f, indices, !vector) * dtype.bytes() + f.pointers[pointer_slot].offset;
    const Memory* memory = f.pointers[pointer_slot].memory;
    if (memory == nullptr || byte < 0 || byte + dtype.bytes() > memory->bytes) OutOfBounds(f, indices);
    return memory->data + byte;
  }
  [[noreturn]] void OutOfBounds(Frame& f, const int64_t* indices) const {
    std::string at;
    std::string dims;
    for (size_t d = 0; d < shape.size(); ++d) {
      StrAppend(&at, d != 0 ? ", " : "", indices[d]);
      StrAppend(&dims, d != 0 ? ", " : "", shape[d]->Int(f, 0));
    }
    throw Stop(Stop::Kind::kOutOfRange,
               StrCat("access to \"", name, "\"[", at, "] outside of its shape (", dims, ") or of its memory"));
  }
};

constexpr int kMaxRank = 32;

struct LoadEval final : Evaluator {
  const BufferAccess* buffer;
  std::vector<const Evaluator*> indices;
  const Evaluator* predicate = nullptr;

  const uint8_t* At(Frame& f, int lane) const {
    int64_t at[kMaxRank];
    const int inner = buffer->dtype.lanes;
    for (size_t d = 0; d < indices.size(); ++d) {
      at[d] = indices[d]->Int(f, indices[d]->dtype.is_scalar() ? 0 : lane / inner);
    }
    const bool vector = !indices.empty() && !indices.back()->dtype.is_scalar();
    return buffer->At(f, at, vector) + (lane % inner) * buffer->dtype.element().bytes();
  }
  bool Masked(Frame& f, int lane) const {
    return predicate != nullptr && predicate->Int(f, predicate->dtype.is_scalar() ? 0 : lane) == 0;
  }
  int64_t Int(Frame& f, int lane) const override { return Masked(f, lane) ? 0 : LoadInt(dtype.element(), At(f, lane)); }
  double Float(Frame& f, int lane) const override {
    if (!is_float) return static_cast<double>(Int(f, lane));
    return Masked(f, lane) ? 0 : LoadFloat(dtype.element(), At(f, lane));
  }
};

struct AddressOfEval final : Evaluator {
  const LoadEval* load;
  Pointer Ptr(Frame& f) const override {
    int64_t at[kMaxRank];
    for (size_t d = 0; d < load->indices.size(); ++d) at[d] = load->indices[d]->Int(f, 0);
    const Pointer base = f.pointers[load->buffer->pointer_slot];
    return {base.memory, base.offset + load->buffer->Offset(f, at, false) * load->buffer->dtype.bytes()};
  }
  int64_t Int(Frame&, int) const override { return 1; }
};

// tvm_access_ptr(type, data, offset, extent, mask): offset in elements of the type.
struct AccessPtrEval final : Evaluator {
  const Evaluator* data;
  const Evaluator* offset;
  int element_bytes;
  Pointer Ptr(Frame& f) const override {
    Pointer p = data->Ptr(f);
    p.offset += offset->Int(f, 0) * element_bytes;
    return p;
  }
  int64_t Int(Frame&, int) const override { return 1; }
};

struct MathEval final : Evaluator {
  Builtin op;
  const Evaluator* x;
  const Evaluator* y = nullptr;
  double Float(Frame& f, int lane) const override {
    const double a = x->Float(f, lane);
    return RoundTo(dtype, y != nullptr ? EvaluateBinary(op, a, y->Float(f, lane)) : EvaluateUnary(op, a));
  }
  int64_t Int(Frame& f, int lane) const override {
    if (op == Builtin::abs || op == Builtin::fabs) return WrapTo(dtype.element(), std::abs(x->Int(f, lane)));
    if (op == Builtin::pow) {
      int64_t out = 1;
      for (int64_t n = y->Int(f, lane), b = x->Int(f, lane); n > 0; --n) out *= b;
      return WrapTo(dtype.element(), out);
    }
    if (!x->is_float) return x->Int(f, lane);  // floor, ceil, round, trunc of integers
    return static_cast<int64_t>(EvaluateUnary(op, x->Float(f, lane)));
  }
};

// A builtin given by a function of its evaluated operands' lanes.
struct IntFunctionEval final : Evaluator {
  std::vector<const Evaluator*> args;
  std::function<int64_t(Frame&, int lane, const std::vector<const Evaluator*>&)> function;
  int64_t Int(Frame& f, int lane) const override { return WrapTo(dtype.element(), function(f, lane, args)); }
};
struct FloatFunctionEval final : Evaluator {
  std::vector<const Evaluator*> args;
  std::function<double(Frame&, int lane, const std::vector<const Evaluator*>&)> function;
  double Float(Frame& f, int lane) const override { return RoundTo(dtype, function(f, lane, args)); }
};

struct ReinterpretEval final : Evaluator {
  const Evaluator* value;
  // Lanes of source and result may differ: go through bytes.
  void Bytes(Frame& f, int lane, uint8_t* out) const {
    const DataType to = dtype.element();
    const DataType from = value->dtype.element();
    const int bytes = to.bytes();
    for (int b = 0; b < bytes; ++b) {
      const int at = lane * bytes + b;
      uint8_t buffer[8];
      const int source_lane = at / from.bytes();
      if (value->is_float) {
        StoreFloat(from, buffer, value->Float(f, source_lane));
      } else {
        StoreInt(from, buffer, value->Int(f, source_lane));
      }
      out[b] = buffer[at % from.bytes()];
    }
  }
  int64_t Int(Frame& f, int lane) const override {
    uint8_t bytes[8];
    Bytes(f, lane, bytes);
    return LoadInt(dtype.element(), bytes);
  }
  double Float(Frame& f, int lane) const override {
    if (!is_float) return static_cast<double>(Int(f, lane));
    uint8_t bytes[8];
    Bytes(f, lane, bytes);
    return LoadFloat(dtype.element(), bytes);
  }
  Pointer Ptr(Frame& f) const override { return value->Ptr(f); }
};

// ---- statements

void Step(Frame& f) {
  if (++*f.steps > f.max_steps) throw Stop(Stop::Kind::kLimit, StrCat("more than ", f.max_steps, " steps"));
}

struct SeqAction final : Action {
  std::vector<const Action*> actions;
  void Run(Frame& f) const override {
    for (const Action* action : actions) action->Run(f);
  }
};

struct StoreAction final : Action {
  const BufferAccess* buffer;
  const Evaluator* value;
  std::vector<const Evaluator*> indices;
  const Evaluator* predicate = nullptr;
  int lanes;
  void Run(Frame& f) const override {
    Step(f);
    const DataType element = buffer->dtype.element();
    Scalar values[1024];
    if (lanes > 1024) Unimplemented("a store of more than 1024 lanes");
    for (int lane = 0; lane < lanes; ++lane) {  // All lanes are read before any is written.
      if (value->is_float) {
        values[lane].f = value->Float(f, lane);
      } else {
        values[lane].i = value->Int(f, lane);
      }
    }
    const int inner = buffer->dtype.lanes;
    for (int lane = 0; lane < lanes; ++lane) {
      if (predicate != nullptr && predicate->Int(f, predicate->dtype.is_scalar() ? 0 : lane) == 0) continue;
      int64_t at[kMaxRank];
      for (size_t d = 0; d < indices.size(); ++d) {
        at[d] = indices[d]->Int(f, indices[d]->dtype.is_scalar() ? 0 : lane / inner);
      }
      const bool vector = !indices.empty() && !indices.back()->dtype.is_scalar();
      uint8_t* to = buffer->At(f, at, vector) + (lane % inner) * element.bytes();
      if (value->is_float) {
        StoreFloat(element, to, values[lane].f);
      } else {
        StoreInt(element, to, values[lane].i);
      }
    }
  }
};

struct ForAction final : Action {
  int slot;
  const Evaluator* min;
  const Evaluator* extent;
  const Action* body;
  void Run(Frame& f) const override {
    const int64_t from = min->Int(f, 0);
    const int64_t n = extent->Int(f, 0);
    for (int64_t i = 0; i < n; ++i) {
      Step(f);
      f.scalars[slot].i = from + i;
      body->Run(f);
    }
  }
};

struct WhileAction final : Action {
  const Evaluator* condition;
  const Action* body;
  void Run(Frame& f) const override {
    while (condition->Int(f, 0) != 0) {
      Step(f);
      body->Run(f);
    }
  }
};

struct IfAction final : Action {
  const Evaluator* condition;
  const Action* yes;
  const Action* no = nullptr;
  void Run(Frame& f) const override {
    if (condition->Int(f, 0) != 0) {
      yes->Run(f);
    } else if (no != nullptr) {
      no->Run(f);
    }
  }
};

struct LetAction final : Action {
  int slot;
  bool is_pointer;
  const Evaluator* value;
  const Action* body;
  void Run(Frame& f) const override {
    if (is_pointer) {
      f.pointers[slot] = value->Ptr(f);
    } else {
      Bind(f, slot, *value);
    }
    body->Run(f);
  }
};

struct AssertAction final : Action {
  const Evaluator* condition;
  std::string message;
  const Action* body;
  void Run(Frame& f) const override {
    if (condition->Int(f, 0) == 0) throw Stop(Stop::Kind::kInvalid, StrCat("assertion failed: ", message));
    body->Run(f);
  }
};

struct EvaluateAction final : Action {
  const Evaluator* value;
  void Run(Frame& f) const override {
    Step(f);
    if (value->is_float) {
      value->Float(f, 0);
    } else {
      value->Int(f, 0);
    }
  }
};

// Whose memory of a scope is, in a launch.
enum class Owner : uint8_t { kAll, kBlock, kWarp, kThread };
Owner OwnerOf(std::string_view scope) {
  if (scope.starts_with("shared")) return Owner::kBlock;
  if (scope.starts_with("warp")) return Owner::kWarp;
  if (scope.starts_with("local") || scope.starts_with("wmma.") || scope.starts_with("m16n8k8.")) return Owner::kThread;
  return Owner::kAll;
}

// Memory of a launch's block or warp; null where every thread allocates its own.
Memory* LaunchMemory(Frame& f, Owner owner, const void* key, int64_t bytes, int64_t row_elements) {
  if (f.block == nullptr) return nullptr;
  if (owner == Owner::kBlock) return f.block->Shared(key, bytes, row_elements);
  if (owner == Owner::kWarp) return f.block->OfWarp(key, f.thread, bytes, row_elements);
  return nullptr;
}

// Memory for a pointer variable while the body runs.
struct AllocateAction final : Action {
  int slot;
  int element_bytes;
  std::vector<const Evaluator*> extents;
  Owner owner;
  std::string_view constant;  // Initial bytes, or empty.
  const Action* body;
  void Run(Frame& f) const override {
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

  void Run(Frame& f) const {
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

  void Run(Frame& f) const override {
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
};

// Which axis of a launch a tag names: 0..2 threadIdx.x..z, 3..5 blockIdx.x..z, -1 otherwise (vthread).
int LaunchAxis(std::string_view tag) {
  if (tag.size() == 11 && tag.starts_with("threadIdx.")) return tag[10] - 'x';
  if (tag.size() == 10 && tag.starts_with("blockIdx.")) return 3 + tag[9] - 'x';
  return -1;
}

// A thread_extent attribute, or a loop bound to a thread axis.
struct LaunchAction final : Action {
  int axis;
  int slot;
  const Evaluator* min;  // Null for 0.
  const Evaluator* extent;
  // Threads run at the same time. A loop whose threads never meet runs one after the other, which is the meaning of
  // blocks.
  bool concurrent;
  // Of all thread axes below: extents, for the outermost one, which starts the block.
  std::vector<std::pair<int, const Evaluator*>> thread_axes;
  const Action* body;

  void Run(Frame& f) const override {
    const int64_t first = min != nullptr ? min->Int(f, 0) : 0;
    if (axis >= 0 && axis < 3 && f.block != nullptr) {
      const int64_t n = extent->Int(f, 0);
      if (n != f.block->extent[axis]) {
        throw Stop(Stop::Kind::kInvalid, StrCat("a launch binds threadIdx.", std::string(1, "xyz"[axis]), " to ",
                                                f.block->extent[axis], " and to ", n, " threads"));
      }
      f.scalars[slot].i = first + Coordinate(*f.block, f.thread);
      body->Run(f);
      return;
    }
    if (axis < 0 || axis >= 3 || !concurrent) {  // Thread blocks and virtual threads run one after the other.
      const int64_t n = extent->Int(f, 0);
      for (int64_t i = 0; i < n; ++i) {
        Step(f);
        f.scalars[slot].i = first + i;
        body->Run(f);
      }
      return;
    }
    int64_t extents[3] = {1, 1, 1};
    for (auto [a, e] : thread_axes) extents[a] = e->Int(f, 0);
    const int64_t threads = extents[0] * extents[1] * extents[2];
    if (threads < 1 || threads > 1024)
      throw Stop(Stop::Kind::kInvalid, StrCat("a thread block of ", threads, " threads"));
    ThreadBlock block(f, static_cast<int>(threads));
    for (int a = 0; a < 3; ++a) block.extent[a] = extents[a];
    block.Run(*this);
  }

  int64_t Coordinate(const ThreadBlock& block, int thread) const {
    if (axis == 0) return thread % block.extent[0];
    if (axis == 1) return thread / block.extent[0] % block.extent[1];
    return thread / (block.extent[0] * block.extent[1]);
  }
};

// async_commit_queue_scope and async_wait_queue_scope: what was copied in the body is one group; before the body waits
// until at most so many groups are under way.
struct AsyncAction final : Action {
  const Evaluator* in_flight;  // Null to commit.
  const Action* body;
  void Run(Frame& f) const override {
    if (f.block != nullptr && in_flight != nullptr) f.block->WaitForCopies(f.thread, in_flight->Int(f, 0));
    body->Run(f);
    if (f.block != nullptr && in_flight == nullptr) f.block->CommitCopies(f.thread);
  }
};

struct CommitEval final : Evaluator {
  int64_t Int(Frame& f, int) const override {
    if (f.block != nullptr) f.block->CommitCopies(f.thread);
    return 0;
  }
};
struct WaitEval final : Evaluator {
  const Evaluator* in_flight;
  int64_t Int(Frame& f, int) const override {
    if (f.block != nullptr) f.block->WaitForCopies(f.thread, in_flight->Int(f, 0));
    return 0;
  }
};

// ptx_cp_async(to, offset, from, offset, bytes[, predicate]): without the predicate, zeros. Also a plain copy between
// two pointers, which is done at once.
struct CopyBytesEval final : Evaluator {
  bool async = false;
  const Evaluator* to;
  const Evaluator* to_offset = nullptr;
  int to_bytes = 1;  // Of what an offset of one skips.
  const Evaluator* from;
  const Evaluator* from_offset = nullptr;
  int from_bytes = 1;
  const Evaluator* count;  // Bytes.
  const Evaluator* predicate = nullptr;
  int64_t Int(Frame& f, int) const override {
    Step(f);
    const int64_t n = count->Int(f, 0);
    Pointer target = to->Ptr(f);
    if (to_offset != nullptr) target.offset += to_offset->Int(f, 0) * to_bytes;
    Check(target, n);
    std::vector<uint8_t> bytes(n);
    if (predicate == nullptr || predicate->Int(f, 0) != 0) {
      Pointer source = from->Ptr(f);
      if (from_offset != nullptr) source.offset += from_offset->Int(f, 0) * from_bytes;
      Check(source, n);
      std::memcpy(bytes.data(), source.memory->data + source.offset, n);
    }
    if (async && f.block != nullptr) {
      f.block->StartCopy(f.thread, target, std::move(bytes));
    } else {
      std::memcpy(target.memory->data + target.offset, bytes.data(), n);
    }
    return 0;
  }
  static void Check(const Pointer& p, int64_t n) {
    if (p.memory == nullptr || n < 0 || p.offset < 0 || p.offset + n > p.memory->bytes) {
      throw Stop(Stop::Kind::kOutOfRange, StrCat("a copy of ", n, " bytes reaches outside of its memory"));
    }
  }
};

struct BarrierEval final : Evaluator {
  bool warp = false;
  int64_t Int(Frame& f, int) const override {
    if (f.block == nullptr) return 0;
    if (warp) {
      f.block->WarpBarrier();
    } else {
      f.block->Barrier(this);
    }
    return 0;
  }
};

// tvm_warp_shuffle(mask, value, lane, width, warp_size) and its up and down forms.
struct WarpShuffleEval final : Evaluator {
  Builtin op;
  const Evaluator* value;
  const Evaluator* lane_or_delta;
  const Evaluator* width;
  Scalar Get(Frame& f) const {
    Scalar mine;
    if (is_float) {
      mine.f = value->Float(f, 0);
    } else {
      mine.i = value->Int(f, 0);
    }
    const int64_t operand = lane_or_delta->Int(f, 0);
    const int64_t w = width->Int(f, 0);
    if (f.block == nullptr) return mine;
    f.block->WarpExchange(f.thread, {mine});
    const int64_t lane = f.thread % w;
    const int64_t base = f.thread - lane;
    int64_t from = lane;
    if (op == Builtin::tvm_warp_shuffle) from = FloorModInt(operand, w);
    if (op == Builtin::tvm_warp_shuffle_up && lane - operand >= 0) from = lane - operand;
    if (op == Builtin::tvm_warp_shuffle_down && lane + operand < w) from = lane + operand;
    const std::vector<Scalar>* peer = f.block->Peer(f.thread, static_cast<int>(base + from));
    return peer != nullptr ? peer->front() : mine;
  }
  int64_t Int(Frame& f, int) const override { return Get(f).i; }
  double Float(Frame& f, int lane) const override { return is_float ? Get(f).f : static_cast<double>(Int(f, lane)); }
};

// tvm_thread_allreduce(n, values..., condition, results..., thread variables...) under a reduce_scope attribute.
struct AllReduceEval final : Evaluator {
  struct Item {
    const Evaluator* value;
    const Evaluator* result;  // A load whose address gets the outcome, or a pointer.
    const Evaluator* identity;
    const Evaluator* combined;
    int lhs_slot;
    int rhs_slot;
    DataType dtype;
    bool is_float;
  };
  std::vector<Item> items;
  const Evaluator* condition;
  std::vector<int> reduced_axes;

  static void Set(Frame& f, int slot, Scalar v) { f.scalars[slot] = v; }
  int64_t Int(Frame& f, int) const override {
    const bool valid = condition->Int(f, 0) != 0;
    std::vector<Scalar> mine(items.size());
    for (size_t k = 0; k < items.size(); ++k) {
      const Evaluator* v = valid ? items[k].value : items[k].identity;
      if (items[k].is_float) {
        mine[k].f = v->Float(f, 0);
      } else {
        mine[k].i = v->Int(f, 0);
      }
    }
    if (f.block != nullptr) f.block->Exchange(f.thread, mine, this);
    std::vector<Scalar> total = mine;
    bool first = true;
    for (int t = 0; f.block != nullptr && t < f.block->threads(); ++t) {
      if (!SameGroup(*f.block, t, f.thread)) continue;
      const std::vector<Scalar>* other = f.block->Peer(f.thread, t);
      if (other == nullptr) continue;  // Ended before.
      if (first) {
        total = *other;
        first = false;
        continue;
      }
      for (size_t k = 0; k < items.size(); ++k) {
        Set(f, items[k].lhs_slot, total[k]);
        Set(f, items[k].rhs_slot, (*other)[k]);
      }
      std::vector<Scalar> next(items.size());
      for (size_t k = 0; k < items.size(); ++k) {
        if (items[k].is_float) {
          next[k].f = items[k].combined->Float(f, 0);
        } else {
          next[k].i = items[k].combined->Int(f, 0);
        }
      }
      total = next;
    }
    for (size_t k = 0; k < items.size(); ++k) {
      const Pointer p = items[k].result->Ptr(f);
      if (p.memory == nullptr || p.offset < 0 || p.offset + items[k].dtype.bytes() > p.memory->bytes) {
        throw Stop(Stop::Kind::kOutOfRange, "the result of an all-reduce lies outside of its memory");
      }
      if (items[k].is_float) {
        StoreFloat(items[k].dtype, p.memory->data + p.offset, total[k].f);
      } else {
        StoreInt(items[k].dtype, p.memory->data + p.offset, total[k].i);
      }
    }
    return 0;
  }
  bool SameGroup(const ThreadBlock& b, int s, int t) const {
    const int64_t cs[3] = {s % b.extent[0], s / b.extent[0] % b.extent[1], s / (b.extent[0] * b.extent[1])};
    const int64_t ct[3] = {t % b.extent[0], t / b.extent[0] % b.extent[1], t / (b.extent[0] * b.extent[1])};
    for (int axis = 0; axis < 3; ++axis) {
      bool reduced = false;
      for (int r : reduced_axes) reduced = reduced || r == axis;
      if (!reduced && cs[axis] != ct[axis]) return false;
    }
    return true;
  }
};

// A call of another function of the module.
struct CallFunctionEval final : Evaluator {
  std::shared_ptr<std::unique_ptr<Program>> callee;  // Filled after compilation, which allows recursion.
  std::vector<const Evaluator*> args;
  bool launch = false;  // Extents of the launch follow the arguments; the kernel names them itself.
  int64_t Int(Frame& f, int) const override {
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
};

// ---- compilation

class Compiler {
 public:
  Compiler(const IRModule& module,
           absl::flat_hash_map<const PrimFuncNode*, std::shared_ptr<std::unique_ptr<Program>>>& done)
      : module_(module), done_(done) {}

  std::unique_ptr<Program> Compile(PrimFunc func) {
    program_ = std::make_unique<Program>();
    for (Var param : func->params) {
      CompiledParam p;
      p.dtype = param.dtype();
      if (Buffer buffer = func->BufferOf(param)) {
        p.is_buffer = true;
        p.dtype = buffer->dtype;
        p.buffer = buffer.get();
        p.slot = PointerSlot(buffer->data);
        for (Expr dim : buffer->shape) {
          if (const int64_t* value = ConstInt(dim)) {
            p.shape_slots.push_back(-1);
            p.shape.push_back(*value);
          } else if (const auto* var = dim.as<VarNode>()) {
            p.shape_slots.push_back(ScalarSlot(Var(var)));
            p.shape.push_back(0);
          } else {
            Unimplemented(StrCat("parameter \"", buffer->name, "\" with a compound shape"));
          }
        }
        if (const auto* var = buffer->elem_offset.as<VarNode>()) {
          program_->defaults.emplace_back(ScalarSlot(Var(var)), 0);
        }
        int64_t stride = 1;
        for (size_t d = buffer->strides.size(); d-- > 0;) {
          if (const auto* var = buffer->strides[d].as<VarNode>()) {
            program_->defaults.emplace_back(ScalarSlot(Var(var)), stride);
          }
          if (const int64_t* value = ConstInt(buffer->shape[d])) stride *= *value;
        }
      } else if (param.dtype().is_handle()) {
        p.slot = PointerSlot(param);
      } else {
        p.slot = ScalarSlot(param);
      }
      program_->params.push_back(p);
    }
    program_->body = Statement(func->body);
    program_->num_scalars = num_scalars_;
    program_->num_pointers = num_pointers_;
    for (auto& access : accesses_) program_->evaluators.push_back(std::move(access));
    return std::move(program_);
  }

 private:
  struct AccessHolder final : Evaluator {
    BufferAccess access;
  };

  template <typename T>
  T* NewEval(DataType dtype) {
    auto owned = std::make_unique<T>();
    T* raw = owned.get();
    raw->dtype = dtype;
    raw->is_float = dtype.is_any_float();
    program_->evaluators.push_back(std::move(owned));
    return raw;
  }
  template <typename T>
  T* NewAction() {
    auto owned = std::make_unique<T>();
    T* raw = owned.get();
    program_->actions.push_back(std::move(owned));
    return raw;
  }

  int ScalarSlot(Var var) {
    auto [it, fresh] = scalars_.emplace(var.get(), num_scalars_);
    if (fresh) num_scalars_ += std::max<int>(1, var.dtype().lanes);
    return it->second;
  }
  int PointerSlot(Var var) {
    auto [it, fresh] = pointers_.emplace(var.get(), num_pointers_);
    if (fresh) ++num_pointers_;
    return it->second;
  }

  const BufferAccess* Access(Buffer buffer) {
    auto it = access_of_.find(buffer.get());
    if (it != access_of_.end()) return it->second;
    if (buffer->shape.size() > kMaxRank) Unimplemented("a buffer of more than 32 dimensions");
    auto holder = std::make_unique<AccessHolder>();
    BufferAccess* access = &holder->access;
    accesses_.push_back(std::move(holder));
    access_of_[buffer.get()] = access;
    access->name = std::string(buffer->name);
    access->dtype = buffer->dtype;
    access->pointer_slot = PointerSlot(buffer->data);
    for (Expr dim : buffer->shape) access->shape.push_back(Expression(dim));
    // The peer's cache_index makes buffers of any rank with one stride; they are taken as compact.
    if (buffer->strides.size() == buffer->shape.size()) {
      for (Expr stride : buffer->strides) access->strides.push_back(Expression(stride));
    }
    access->elem_offset = Expression(buffer->elem_offset);
    return access;
  }

  const Evaluator* Constant(int64_t value) {
    auto* e = NewEval<IntConst>(kInt64);
    e->value = value;
    return e;
  }

  const Evaluator* Expression(Expr e) {
    if (e.dtype().is_scalable()) Unimplemented("scalable vectors");
    const DataType t = e.dtype();
    switch (e.kind()) {
      case ExprKind::kVar: {
        const auto* node = e.as<VarNode>();
        if (t.is_handle()) {
          auto* out = NewEval<PointerVar>(t);
          out->slot = PointerSlot(Var(node));
          return out;
        }
        auto* out = NewEval<ScalarVar>(t);
        out->slot = ScalarSlot(Var(node));
        return out;
      }
      case ExprKind::kIntImm: {
        auto* out = NewEval<IntConst>(t);
        out->value = e.as<IntImmNode>()->value;
        return out;
      }
      case ExprKind::kFloatImm: {
        auto* out = NewEval<FloatConst>(t);
        out->value = RoundTo(t, e.as<FloatImmNode>()->value);
        return out;
      }
      case ExprKind::kStringImm: {
        auto* out = NewEval<IntConst>(t);
        out->value = 0;
        return out;
      }
      case ExprKind::kCast: {
        auto* out = NewEval<CastEval>(t);
        out->value = Expression(e.as<CastNode>()->value);
        return out;
      }
      case ExprKind::kAdd:
      case ExprKind::kSub:
      case ExprKind::kMul:
      case ExprKind::kDiv:
      case ExprKind::kMod:
      case ExprKind::kFloorDiv:
      case ExprKind::kFloorMod:
      case ExprKind::kMin:
      case ExprKind::kMax: {
        const auto* node = e.as<BinaryNode>();
        if (t.is_any_float()) return Fill(NewEval<FloatBinaryEval>(t), node);
        return Fill(NewEval<IntBinaryEval>(t), node);
      }
      case ExprKind::kEQ:
      case ExprKind::kNE:
      case ExprKind::kLT:
      case ExprKind::kLE:
      case ExprKind::kGT:
      case ExprKind::kGE:
        return Fill(NewEval<CompareEval>(t), e.as<BinaryNode>());
      case ExprKind::kAnd:
      case ExprKind::kOr:
        return Fill(NewEval<LogicEval>(t), e.as<BinaryNode>());
      case ExprKind::kNot: {
        auto* out = NewEval<LogicEval>(t);
        out->kind = ExprKind::kNot;
        out->a = Expression(e.as<NotNode>()->a);
        return out;
      }
      case ExprKind::kSelect: {
        const auto* node = e.as<SelectNode>();
        return Choice(t, node->condition, node->true_value, node->false_value);
      }
      case ExprKind::kBufferLoad:
        return Load(e.as<BufferLoadNode>());
      case ExprKind::kRamp: {
        auto* out = NewEval<RampEval>(t);
        out->base = Expression(e.as<RampNode>()->base);
        out->stride = Expression(e.as<RampNode>()->stride);
        return out;
      }
      case ExprKind::kBroadcast: {
        auto* out = NewEval<BroadcastEval>(t);
        out->value = Expression(e.as<BroadcastNode>()->value);
        return out;
      }
      case ExprKind::kLet: {
        const auto* node = e.as<LetNode>();
        auto* out = NewEval<LetEval>(t);
        out->slot = ScalarSlot(node->var);
        out->value = Expression(node->value);
        out->body = Expression(node->body);
        return out;
      }
      case ExprKind::kCall:
        return CallOf(e.as<CallNode>());
      case ExprKind::kShuffle: {
        auto* out = NewEval<ShuffleEval>(t);
        for (Expr v : e.as<ShuffleNode>()->vectors) out->vectors.push_back(Expression(v));
        for (Expr i : e.as<ShuffleNode>()->indices) out->indices.push_back(Expression(i));
        return out;
      }
      case ExprKind::kReduce:
      case ExprKind::kAny:
        Unimplemented("a tensor-expression level node");
    }
    Unimplemented("an unknown expression");
  }

  template <typename T>
  const Evaluator* Fill(T* out, const BinaryNode* node) {
    out->kind = node->kind;
    out->a = Expression(node->a);
    out->b = Expression(node->b);
    return out;
  }

  const Evaluator* Choice(DataType t, Expr condition, Expr yes, Expr no) {
    auto* out = NewEval<ChoiceEval>(t);
    out->condition = Expression(condition);
    out->yes = Expression(yes);
    out->no = Expression(no);
    return out;
  }

  const LoadEval* Load(const BufferLoadNode* node) {
    auto* out = NewEval<LoadEval>(node->dtype);
    out->buffer = Access(Buffer(node->buffer));
    for (Expr index : node->indices) out->indices.push_back(Expression(index));
    if (node->predicate) out->predicate = Expression(node->predicate);
    return out;
  }

  using Args = std::vector<const Evaluator*>;
  const Evaluator* IntFunction(const CallNode* call, std::function<int64_t(Frame&, int, const Args&)> function) {
    auto* out = NewEval<IntFunctionEval>(call->dtype);
    for (Expr arg : call->args) out->args.push_back(Expression(arg));
    out->function = std::move(function);
    return out;
  }
  const Evaluator* FloatFunction(const CallNode* call, std::function<double(Frame&, int, const Args&)> function) {
    auto* out = NewEval<FloatFunctionEval>(call->dtype);
    for (Expr arg : call->args) out->args.push_back(Expression(arg));
    out->function = std::move(function);
    return out;
  }

  const Evaluator* CallOf(const CallNode* call) {
    const DataType t = call->dtype;
    if (call->function != nullptr) return CallFunction(call);
    if (IsUnaryMath(call->op) || IsBinaryMath(call->op)) {
      auto* out = NewEval<MathEval>(t);
      out->op = call->op;
      out->x = Expression(call->args[0]);
      if (IsBinaryMath(call->op)) out->y = Expression(call->args[1]);
      return out;
    }
    switch (call->op) {
      case Builtin::if_then_else:
        return Choice(t, call->args[0], call->args[1], call->args[2]);
      case Builtin::likely:
      case Builtin::tvm_thread_invariant:
        return Expression(call->args[0]);
      case Builtin::assume:
      case Builtin::undef:
      case Builtin::prefetch:
        return t.is_any_float() ? FloatFunction(call, [](Frame&, int, const Args&) { return 0.0; })
                                : IntFunction(call, [](Frame&, int, const Args&) { return int64_t{0}; });
      case Builtin::reinterpret: {
        auto* out = NewEval<ReinterpretEval>(t);
        out->value = Expression(call->args[0]);
        return out;
      }
      case Builtin::fma:
        return FloatFunction(call, [](Frame& f, int l, const Args& a) {
          return std::fma(a[0]->Float(f, l), a[1]->Float(f, l), a[2]->Float(f, l));
        });
      case Builtin::ldexp:
        return FloatFunction(call, [](Frame& f, int l, const Args& a) {
          return std::ldexp(a[0]->Float(f, l), static_cast<int>(a[1]->Int(f, l)));
        });
      case Builtin::infinity:
        return FloatFunction(call, [](Frame&, int, const Args&) { return HUGE_VAL; });
      case Builtin::isnan:
        return IntFunction(call, [](Frame& f, int l, const Args& a) { return int64_t{std::isnan(a[0]->Float(f, l))}; });
      case Builtin::isinf:
        return IntFunction(call, [](Frame& f, int l, const Args& a) { return int64_t{std::isinf(a[0]->Float(f, l))}; });
      case Builtin::isfinite:
        return IntFunction(call,
                           [](Frame& f, int l, const Args& a) { return int64_t{std::isfinite(a[0]->Float(f, l))}; });
      case Builtin::bitwise_and:
        return IntFunction(call, [](Frame& f, int l, const Args& a) { return a[0]->Int(f, l) & a[1]->Int(f, l); });
      case Builtin::bitwise_or:
        return IntFunction(call, [](Frame& f, int l, const Args& a) { return a[0]->Int(f, l) | a[1]->Int(f, l); });
      case Builtin::bitwise_xor:
        return IntFunction(call, [](Frame& f, int l, const Args& a) { return a[0]->Int(f, l) ^ a[1]->Int(f, l); });
      case Builtin::bitwise_not:
        return IntFunction(call, [](Frame& f, int l, const Args& a) { return ~a[0]->Int(f, l); });
      case Builtin::shift_left:
        return IntFunction(call, [](Frame& f, int l, const Args& a) {
          return static_cast<int64_t>(static_cast<uint64_t>(a[0]->Int(f, l)) << (a[1]->Int(f, l) & 63));
        });
      case Builtin::shift_right: {
        const bool wide = t.is_uint() && t.bits == 64;
        return IntFunction(call, [wide](Frame& f, int l, const Args& a) {
          const int64_t x = a[0]->Int(f, l);
          const int64_t n = a[1]->Int(f, l) & 63;
          return wide ? static_cast<int64_t>(static_cast<uint64_t>(x) >> n) : x >> n;
        });
      }
      case Builtin::popcount: {
        const int bits = call->args[0].dtype().bits;
        return IntFunction(call, [bits](Frame& f, int l, const Args& a) {
          uint64_t x = static_cast<uint64_t>(a[0]->Int(f, l));
          if (bits < 64) x &= (uint64_t{1} << bits) - 1;
          return int64_t{std::popcount(x)};
        });
      }
      case Builtin::clz: {
        const int bits = call->args[0].dtype().bits;
        return IntFunction(call, [bits](Frame& f, int l, const Args& a) {
          uint64_t x = static_cast<uint64_t>(a[0]->Int(f, l));
          if (bits < 64) x &= (uint64_t{1} << bits) - 1;
          return int64_t{std::countl_zero(x) - (64 - bits)};
        });
      }
      case Builtin::large_uint_imm:
        return IntFunction(call, [](Frame& f, int, const Args& a) {
          return static_cast<int64_t>(static_cast<uint64_t>(a[1]->Int(f, 0)) << 32 |
                                      (static_cast<uint64_t>(a[0]->Int(f, 0)) & 0xffffffffu));
        });
      case Builtin::q_multiply_shift:
        // Fixed-point multiply: round half up of x * y * 2^(s - q).
        return IntFunction(call, [](Frame& f, int l, const Args& a) {
          const __int128 product = static_cast<__int128>(a[0]->Int(f, l)) * a[1]->Int(f, l);
          const int64_t q = a[2]->Int(f, l);
          const int64_t s = a[3]->Int(f, l);
          const int64_t shift = q - s;
          if (shift <= 0) return static_cast<int64_t>(product << -shift);
          return static_cast<int64_t>((product + (static_cast<__int128>(1) << (shift - 1))) >> shift);
        });
      case Builtin::dp4a:
        return IntFunction(call, [](Frame& f, int, const Args& a) {
          int64_t sum = a[2]->Int(f, 0);
          for (int k = 0; k < 4; ++k) sum += a[0]->Int(f, k) * a[1]->Int(f, k);
          return sum;
        });
      case Builtin::isnullptr:
        return IntFunction(call, [](Frame& f, int, const Args& a) { return int64_t{a[0]->Ptr(f).memory == nullptr}; });
      case Builtin::vectorlow:
      case Builtin::vectorhigh: {
        const int shift = call->op == Builtin::vectorhigh ? t.lanes : 0;
        if (t.is_any_float()) {
          return FloatFunction(call, [shift](Frame& f, int l, const Args& a) { return a[0]->Float(f, l + shift); });
        }
        return IntFunction(call, [shift](Frame& f, int l, const Args& a) { return a[0]->Int(f, l + shift); });
      }
      case Builtin::vectorcombine: {
        const int half = t.lanes / 2;
        if (t.is_any_float()) {
          return FloatFunction(call,
                               [half](Frame& f, int l, const Args& a) { return a[l / half]->Float(f, l % half); });
        }
        return IntFunction(call, [half](Frame& f, int l, const Args& a) { return a[l / half]->Int(f, l % half); });
      }
      case Builtin::get_active_lane_mask:
        return IntFunction(
            call, [](Frame& f, int l, const Args& a) { return int64_t{a[0]->Int(f, 0) + l < a[1]->Int(f, 0)}; });
      case Builtin::ceildiv:
        return IntFunction(call, [](Frame& f, int l, const Args& a) {
          const int64_t b = a[1]->Int(f, l);
          if (b == 0) DivisionByZero();
          return -FloorDivInt(-a[0]->Int(f, l), b);
        });
      case Builtin::address_of: {
        const auto* load = call->args[0].as<BufferLoadNode>();
        if (load == nullptr) Unimplemented("address_of something that is no buffer load");
        auto* out = NewEval<AddressOfEval>(t);
        out->load = Load(load);
        return out;
      }
      case Builtin::tvm_access_ptr: {
        auto* out = NewEval<AccessPtrEval>(t);
        out->element_bytes = call->args[0].dtype().bytes();
        out->data = Expression(call->args[1]);
        out->offset = Expression(call->args[2]);
        return out;
      }
      case Builtin::type_annotation: {
        auto* out = NewEval<IntConst>(t);
        out->value = 0;
        return out;
      }
      case Builtin::tvm_storage_sync: {
        auto* out = NewEval<BarrierEval>(kInt32);
        const auto* scope = call->args.empty() ? nullptr : call->args[0].as<StringImmNode>();
        out->warp = scope != nullptr && scope->value == "warp";
        return out;
      }
      case Builtin::ptx_commit_group:
        return NewEval<CommitEval>(kInt32);
      case Builtin::ptx_wait_group: {
        auto* out = NewEval<WaitEval>(kInt32);
        out->in_flight = Expression(Arg(call, 0));
        return out;
      }
      case Builtin::ptx_cp_async: {
        auto* out = NewEval<CopyBytesEval>(kInt32);
        out->async = true;
        out->to = Expression(Arg(call, 0));
        out->to_offset = Expression(Arg(call, 1));
        out->to_bytes = PointeeBytes(Arg(call, 0));
        out->from = Expression(Arg(call, 2));
        out->from_offset = Expression(Arg(call, 3));
        out->from_bytes = PointeeBytes(Arg(call, 2));
        out->count = Expression(Arg(call, 4));
        if (call->args.size() > 5) out->predicate = Expression(call->args[5]);
        return out;
      }
      case Builtin::tvm_fill_fragment:
      case Builtin::tvm_load_matrix_sync:
      case Builtin::tvm_store_matrix_sync:
      case Builtin::tvm_mma_sync:
        return WmmaCall(call);
      case Builtin::ptx_ldmatrix:
      case Builtin::ptx_mma:
      case Builtin::mma_fill:
      case Builtin::mma_store:
        return MmaCall(call);
      case Builtin::tvm_call_packed:
      case Builtin::tvm_call_cpacked:
        return PackedCall(call);
      case Builtin::tvm_warp_activemask:
        return IntFunction(call, [](Frame&, int, const Args&) { return int64_t{0xffffffff}; });
      case Builtin::tvm_warp_shuffle:
      case Builtin::tvm_warp_shuffle_up:
      case Builtin::tvm_warp_shuffle_down: {
        auto* out = NewEval<WarpShuffleEval>(t);
        out->op = call->op;
        out->value = Expression(call->args[1]);
        out->lane_or_delta = Expression(call->args[2]);
        out->width = Expression(call->args[3]);
        return out;
      }
      case Builtin::tvm_thread_allreduce:
        return AllReduce(call);
      case Builtin::call_llvm_pure_intrin:
      case Builtin::call_llvm_intrin:
      case Builtin::call_pure_extern:
      case Builtin::call_extern:
        return NamedCall(call);
      default:
        Unimplemented(StrCat("builtin \"", InfoOf(call->op).name, "\""));
    }
  }

  static Expr Arg(const CallNode* call, size_t i) {
    if (i >= call->args.size()) {
      throw Stop(Stop::Kind::kInvalid,
                 StrCat(InfoOf(call->op).name, " has ", call->args.size(), " arguments, expected more"));
    }
    return call->args[i];
  }

  // The element that a pointer expression points at, and its scope.
  static DataType Pointee(Expr pointer) {
    if (const auto* var = pointer.as<VarNode>()) return var->type->dtype;
    if (const auto* call = pointer.as<CallNode>()) {
      if (call->Is(Builtin::tvm_access_ptr)) return call->args[0].dtype();
      if (call->Is(Builtin::address_of)) return call->args[0].dtype();
    }
    return DataType::UInt(8);
  }
  static int PointeeBytes(Expr pointer) { return Pointee(pointer).bytes(); }
  static std::string_view ScopeOf(Expr pointer) {
    if (const auto* var = pointer.as<VarNode>()) return var->type->scope;
    if (const auto* call = pointer.as<CallNode>()) {
      if (call->Is(Builtin::tvm_access_ptr)) return ScopeOf(call->args[1]);
      if (call->Is(Builtin::address_of)) {
        if (const auto* load = call->args[0].as<BufferLoadNode>()) return load->buffer->scope();
      }
    }
    return {};
  }
  static MatrixRole RoleOf(Expr pointer) {
    const std::string_view scope = ScopeOf(pointer);
    if (scope == "wmma.matrix_a" || scope == "m16n8k8.matrixA") return MatrixRole::kA;
    if (scope == "wmma.matrix_b" || scope == "m16n8k8.matrixB") return MatrixRole::kB;
    return MatrixRole::kAccumulator;
  }

  const Evaluator* WmmaCall(const CallNode* call) {
    if (call->Is(Builtin::tvm_mma_sync)) {
      auto* out = NewEval<MmaSyncEval>(kInt32);
      const auto operand = [&](size_t i) {
        return MmaSyncEval::Operand{Expression(Arg(call, i)), Expression(Arg(call, i + 1)),
                                    Pointee(Arg(call, i)).element()};
      };
      out->d = operand(0);
      out->a = operand(2);
      out->b = operand(4);
      out->c = operand(6);
      return out;
    }
    if (call->Is(Builtin::tvm_fill_fragment)) {
      auto* out = NewEval<FillFragmentEval>(kInt32);
      out->fragment = Expression(Arg(call, 0));
      for (int d = 0; d < 3; ++d) out->dims[d] = Expression(Arg(call, 1 + d));
      out->index = Expression(Arg(call, 4));
      out->value = Expression(Arg(call, 5));
      out->element = Pointee(call->args[0]).element();
      return out;
    }
    auto* out = NewEval<CopyFragmentEval>(kInt32);
    out->store = call->Is(Builtin::tvm_store_matrix_sync);
    out->fragment = Expression(Arg(call, 0));
    out->role = RoleOf(call->args[0]);
    for (int d = 0; d < 3; ++d) out->dims[d] = Expression(Arg(call, 1 + d));
    out->index = Expression(Arg(call, 4));
    out->pointer = Expression(Arg(call, 5));
    out->stride = Expression(Arg(call, 6));
    const auto* layout = Arg(call, 7).as<StringImmNode>();
    out->col_major = layout != nullptr && layout->value == "col_major";
    out->element = Pointee(call->args[0]).element();
    return out;
  }

  const Evaluator* MmaCall(const CallNode* call) {
    if (call->Is(Builtin::mma_fill)) {
      auto* out = NewEval<MmaFillEval>(kInt32);
      out->size = Expression(Arg(call, 0));
      out->to = Expression(Arg(call, 1));
      out->offset = Expression(Arg(call, 2));
      out->element = Pointee(call->args[1]).element();
      return out;
    }
    if (call->Is(Builtin::mma_store)) {
      auto* out = NewEval<MmaStoreEval>(kInt32);
      out->to = Expression(Arg(call, 2));
      out->from = Expression(Arg(call, 3));
      out->offset = Expression(Arg(call, 4));
      out->stride = Expression(Arg(call, 5));
      out->element = Pointee(call->args[3]).element();
      return out;
    }
    if (call->Is(Builtin::ptx_ldmatrix)) {
      auto* out = NewEval<LdMatrixEval>(kInt32);
      const int64_t* trans = ConstInt(Arg(call, 0));
      const int64_t* count = ConstInt(Arg(call, 1));
      const auto* type = Arg(call, 2).as<StringImmNode>();
      if (trans == nullptr || count == nullptr || *count < 1 || *count > 4 || type == nullptr ||
          type->value != ".b16") {
        Unimplemented("an ldmatrix of this form");
      }
      out->trans = *trans != 0;
      out->count = static_cast<int>(*count);
      out->to = Expression(Arg(call, 3));
      out->to_offset = Expression(Arg(call, 4));
      out->to_bytes = PointeeBytes(call->args[3]);
      out->logical = ScopeOf(call->args[3]).starts_with("m16n8k8.");
      out->role = RoleOf(call->args[3]);
      out->from = Expression(Arg(call, 5));
      out->from_offset = Expression(Arg(call, 6));
      out->from_bytes = PointeeBytes(call->args[5]);
      out->lane = lane_;
      return out;
    }
    auto* out = NewEval<PtxMmaEval>(kInt32);
    const auto* shape = Arg(call, 0).as<StringImmNode>();
    if (shape == nullptr || !shape->value.starts_with("m16n8k")) Unimplemented("an mma of this shape");
    out->k = 0;
    for (char c : shape->value.substr(6)) out->k = out->k * 10 + (c - '0');
    const auto operand = [&](size_t i) {
      return PtxMmaEval::Operand{Expression(Arg(call, i)), Expression(Arg(call, i + 1)),
                                 Pointee(Arg(call, i)).element(), PointeeBytes(Arg(call, i))};
    };
    out->a = operand(6);
    out->b = operand(8);
    out->c = operand(10);
    const int bits = out->a.element.bits;
    if ((bits != 8 && bits != 16 && bits != 32) || out->k < 128 / bits || out->k > 256 / bits) {
      Unimplemented(StrCat("an mma of shape \"", std::string(shape->value), "\" of ", bits, "-bit elements"));
    }
    out->logical = ScopeOf(call->args[10]).starts_with("m16n8k8.");
    return out;
  }

  // A launch of a kernel of this module, or a function of a run time.
  const Evaluator* PackedCall(const CallNode* call) {
    const auto* name = call->args.empty() ? nullptr : call->args[0].as<StringImmNode>();
    if (name == nullptr) Unimplemented("a call of a packed function without a name");
    if (const PrimFuncNode* callee = module_.FindPrimFunc(name->value)) {
      auto* out = NewEval<CallFunctionEval>(kInt32);
      out->launch = true;
      for (size_t i = 1; i < call->args.size(); ++i) out->args.push_back(Expression(call->args[i]));
      out->callee = CalleeOf(callee);
      return out;
    }
    if (name->value == "device_api.hexagon.dma_copy_dltensor") {  // (to, from, bytes, bypass cache)
      const auto data = [&](size_t i) {
        const auto* array = Arg(call, i).as<CallNode>();
        if (array == nullptr || !array->Is(Builtin::tvm_stack_make_array)) Unimplemented("a DMA of such an operand");
        return Expression(Arg(array, 0));
      };
      auto* out = NewEval<CopyBytesEval>(kInt32);
      out->to = data(1);
      out->from = data(2);
      out->count = Expression(Arg(call, 3));
      return out;
    }
    Unimplemented(StrCat("packed function \"", std::string(name->value), "\""));
  }

  const Evaluator* AllReduce(const CallNode* call) {
    if (reducers_.empty()) Unimplemented("an all-reduce outside of a reduce_scope");
    const CommReducerNode* reducer = reducers_.back();
    const int64_t* count = ConstInt(call->args[0]);
    if (count == nullptr) Unimplemented("an all-reduce over a variable number of values");
    const size_t n = static_cast<size_t>(*count);
    auto* out = NewEval<AllReduceEval>(kInt32);
    out->condition = Expression(call->args[1 + n]);
    for (size_t k = 0; k < n; ++k) {
      AllReduceEval::Item item;
      item.value = Expression(call->args[1 + k]);
      item.dtype = call->args[1 + k].dtype();
      item.is_float = item.dtype.is_any_float();
      item.lhs_slot = ScalarSlot(reducer->lhs[k]);
      item.rhs_slot = ScalarSlot(reducer->rhs[k]);
      item.combined = Expression(reducer->result[k]);
      item.identity = Expression(reducer->identity[k]);
      const Expr result = call->args[2 + n + k];
      if (const auto* load = result.as<BufferLoadNode>()) {
        auto* address = NewEval<AddressOfEval>(DataType::Handle());
        address->load = Load(load);
        item.result = address;
      } else {
        item.result = Expression(result);
      }
      out->items.push_back(item);
    }
    for (size_t k = 2 + 2 * n; k < call->args.size(); ++k) {
      const auto* var = call->args[k].as<VarNode>();
      auto it = var != nullptr ? launch_axis_.find(var) : launch_axis_.end();
      if (it != launch_axis_.end()) out->reduced_axes.push_back(it->second);
    }
    return out;
  }

  // An LLVM intrinsic or a C function known by name.
  const Evaluator* NamedCall(const CallNode* call) {
    const auto* name_imm = call->args.empty() ? nullptr : call->args[0].as<StringImmNode>();
    const std::string name = name_imm != nullptr ? std::string(name_imm->value) : "";
    // args[1] of an LLVM intrinsic call is the number of its signature's operands.
    const bool llvm = call->op == Builtin::call_llvm_intrin || call->op == Builtin::call_llvm_pure_intrin;
    const size_t first =
        llvm && call->args.size() > 1 && ConstInt(call->args[1]) != nullptr && call->args[1].dtype().is_uint() ? 2 : 1;
    if (name == "llvm.x86.avx512.vpdpbusd.512" || name == "llvm.x86.avx512.vpdpbusd.256" ||
        name == "llvm.x86.avx512.vpdpbusd.128") {
      return IntFunction(call, [first](Frame& f, int l, const Args& a) {
        int64_t sum = a[first]->Int(f, l);
        const uint64_t x = static_cast<uint64_t>(a[first + 1]->Int(f, l));
        const uint64_t y = static_cast<uint64_t>(a[first + 2]->Int(f, l));
        for (int k = 0; k < 4; ++k) {
          sum += static_cast<int64_t>(static_cast<uint8_t>(x >> (8 * k))) * static_cast<int8_t>(y >> (8 * k));
        }
        return sum;
      });
    }
    if (const Evaluator* arm = ArmDotPart(call, name, first)) return arm;
    if (const Evaluator* dot = DotPart(call, name, first)) return dot;
    Unimplemented(StrCat("external function \"", name, "\""));
  }

  // Four byte products of two words, signed or not.
  static int64_t ByteDot(int64_t x, bool x_signed, int64_t y, bool y_signed) {
    int64_t sum = 0;
    for (int k = 0; k < 4; ++k) {
      const int64_t a = x >> (8 * k) & 0xff, b = y >> (8 * k) & 0xff;
      sum += (x_signed ? static_cast<int8_t>(a) : a) * (y_signed ? static_cast<int8_t>(b) : b);
    }
    return sum;
  }

  // Dot product instructions of GPUs, x86 and Hexagon; null for others.
  const Evaluator* DotPart(const CallNode* call, const std::string& name, size_t first) {
    if (name == "__dp4a") {
      return IntFunction(call, [first](Frame& f, int, const Args& a) {
        int64_t sum = a[first + 2]->Int(f, 0);
        for (int k = 0; k < 4; ++k) sum += a[first]->Int(f, k) * a[first + 1]->Int(f, k);
        return sum;
      });
    }
    if (name == "llvm.amdgcn.sdot4") {  // (x, y, accumulator, saturate)
      return IntFunction(call, [first](Frame& f, int l, const Args& a) {
        const int64_t sum = ByteDot(a[first]->Int(f, l), true, a[first + 1]->Int(f, l), true) + a[first + 2]->Int(f, l);
        if (a[first + 3]->Int(f, 0) == 0) return sum;
        return std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX);
      });
    }
    if (name == "llvm.x86.avx512.pmaddubs.w.512") {
      return IntFunction(call, [first](Frame& f, int l, const Args& a) {
        int64_t sum = 0;
        for (int k = 2 * l; k < 2 * l + 2; ++k) {
          sum += int64_t{static_cast<uint8_t>(a[first]->Int(f, k))} * static_cast<int8_t>(a[first + 1]->Int(f, k));
        }
        return std::clamp<int64_t>(sum, INT16_MIN, INT16_MAX);
      });
    }
    if (name == "llvm.x86.avx512.pmaddw.d.512") {
      return IntFunction(call, [first](Frame& f, int l, const Args& a) {
        return a[first]->Int(f, 2 * l) * a[first + 1]->Int(f, 2 * l) +
               a[first]->Int(f, 2 * l + 1) * a[first + 1]->Int(f, 2 * l + 1);
      });
    }
    if (name == "llvm.hexagon.V6.vrmpyub.acc.128B" || name == "llvm.hexagon.V6.vrmpybusv.acc.128B") {
      const bool vector = name == "llvm.hexagon.V6.vrmpybusv.acc.128B";  // The second operand is one, and signed.
      return IntFunction(call, [first, vector](Frame& f, int l, const Args& a) {
        return a[first]->Int(f, l) +
               ByteDot(a[first + 1]->Int(f, l), false, a[first + 2]->Int(f, vector ? l : 0), vector);
      });
    }
    if (name == "llvm.hexagon.V6.vdmpyhvsat.acc.128B") {
      return IntFunction(call, [first](Frame& f, int l, const Args& a) {
        const int64_t x = a[first + 1]->Int(f, l), y = a[first + 2]->Int(f, l);
        const int64_t low = int64_t{static_cast<int16_t>(x)} * static_cast<int16_t>(y);
        const int64_t high = int64_t{static_cast<int16_t>(x >> 16)} * static_cast<int16_t>(y >> 16);
        return std::clamp<int64_t>(a[first]->Int(f, l) + low + high, INT32_MIN, INT32_MAX);
      });
    }
    return nullptr;
  }

  // The instructions that Arm's dot products are made of; null for others.
  const Evaluator* ArmDotPart(const CallNode* call, const std::string& name, size_t first) {
    if (name == "llvm.aarch64.neon.sdot.v4i32.v16i8" || name == "llvm.aarch64.neon.udot.v4i32.v16i8") {
      const bool is_signed = name == "llvm.aarch64.neon.sdot.v4i32.v16i8";
      return IntFunction(call, [first, is_signed](Frame& f, int l, const Args& a) {
        int64_t sum = a[first]->Int(f, l);
        for (int k = 4 * l; k < 4 * l + 4; ++k) {
          const int64_t x = a[first + 1]->Int(f, k);
          const int64_t y = a[first + 2]->Int(f, k);
          sum += is_signed ? int64_t{static_cast<int8_t>(x)} * static_cast<int8_t>(y)
                           : int64_t{static_cast<uint8_t>(x)} * static_cast<uint8_t>(y);
        }
        return sum;
      });
    }
    if (name == "llvm.aarch64.neon.smull.v8i16") {
      return IntFunction(
          call, [first](Frame& f, int l, const Args& a) { return a[first]->Int(f, l) * a[first + 1]->Int(f, l); });
    }
    if (name == "llvm.aarch64.neon.saddlp.v4i32.v8i16") {
      return IntFunction(call, [first](Frame& f, int l, const Args& a) {
        return a[first]->Int(f, 2 * l) + a[first]->Int(f, 2 * l + 1);
      });
    }
    if (name == "llvm.aarch64.neon.addp.v4i32") {
      return IntFunction(call, [first](Frame& f, int l, const Args& a) {
        const Evaluator* half = a[first + l / 2];
        return half->Int(f, 2 * (l % 2)) + half->Int(f, 2 * (l % 2) + 1);
      });
    }
    return nullptr;
  }

  const Evaluator* CallFunction(const CallNode* call) {
    const auto* callee = module_.FindPrimFunc(call->function->name);
    if (callee == nullptr) Unimplemented(StrCat("function \"", call->function->name, "\""));
    auto* out = NewEval<CallFunctionEval>(call->dtype.is_void() ? kInt32 : call->dtype);
    for (Expr arg : call->args) out->args.push_back(Expression(arg));
    out->callee = CalleeOf(callee);
    return out;
  }

  std::shared_ptr<std::unique_ptr<Program>> CalleeOf(const PrimFuncNode* callee) {
    auto it = done_.find(callee);
    if (it != done_.end()) return it->second;
    auto holder = std::make_shared<std::unique_ptr<Program>>();
    done_[callee] = holder;
    *holder = Compiler(module_, done_).Compile(callee);
    return holder;
  }

  const Action* Statement(Stmt s) {
    if (!s) return NewAction<SeqAction>();
    switch (s.kind()) {
      case StmtKind::kLetStmt: {
        const auto* node = s.as<LetStmtNode>();
        auto* out = NewAction<LetAction>();
        out->is_pointer = node->var.dtype().is_handle();
        out->slot = out->is_pointer ? PointerSlot(node->var) : ScalarSlot(node->var);
        out->value = Expression(node->value);
        out->body = Statement(node->body);
        return out;
      }
      case StmtKind::kAttrStmt:
        return Attribute(s.as<AttrStmtNode>());
      case StmtKind::kAssertStmt: {
        const auto* node = s.as<AssertStmtNode>();
        auto* out = NewAction<AssertAction>();
        out->condition = Expression(node->condition);
        if (const auto* text = node->message.as<StringImmNode>()) out->message = std::string(text->value);
        out->body = Statement(node->body);
        return out;
      }
      case StmtKind::kBufferStore: {
        const auto* node = s.as<BufferStoreNode>();
        auto* out = NewAction<StoreAction>();
        out->buffer = Access(node->buffer);
        out->value = Expression(node->value);
        for (Expr index : node->indices) out->indices.push_back(Expression(index));
        if (node->predicate) out->predicate = Expression(node->predicate);
        out->lanes = node->value.dtype().lanes;
        return out;
      }
      case StmtKind::kBufferRealize: {
        const auto* node = s.as<BufferRealizeNode>();
        auto* out = NewAction<AllocateAction>();
        Access(node->buffer);
        out->slot = PointerSlot(node->buffer->data);
        out->element_bytes = node->buffer->dtype.bytes();
        for (const Range& bound : node->bounds) out->extents.push_back(Expression(bound.extent));
        out->owner = OwnerOf(node->buffer->scope());
        out->body = Statement(node->body);
        return out;
      }
      case StmtKind::kAllocate: {
        const auto* node = s.as<AllocateNode>();
        auto* out = NewAction<AllocateAction>();
        out->slot = PointerSlot(node->buffer_var);
        out->element_bytes = node->dtype.bytes();
        for (Expr extent : node->extents) out->extents.push_back(Expression(extent));
        out->owner = OwnerOf(node->buffer_var->type->scope);
        out->body = Statement(node->body);
        return out;
      }
      case StmtKind::kAllocateConst: {
        const auto* node = s.as<AllocateConstNode>();
        auto* out = NewAction<AllocateAction>();
        out->slot = PointerSlot(node->buffer_var);
        out->element_bytes = node->dtype.bytes();
        for (Expr extent : node->extents) out->extents.push_back(Expression(extent));
        out->owner = Owner::kAll;
        if (node->data != nullptr) out->constant = node->data->bytes;
        out->body = Statement(node->body);
        return out;
      }
      case StmtKind::kDeclBuffer:
        Access(s.as<DeclBufferNode>()->buffer);
        return Statement(s.as<DeclBufferNode>()->body);
      case StmtKind::kSeq: {
        auto* out = NewAction<SeqAction>();
        for (Stmt each : s.as<SeqNode>()->seq) out->actions.push_back(Statement(each));
        return out;
      }
      case StmtKind::kIfThenElse: {
        const auto* node = s.as<IfThenElseNode>();
        auto* out = NewAction<IfAction>();
        out->condition = Expression(node->condition);
        out->yes = Statement(node->then_case);
        if (node->else_case) out->no = Statement(node->else_case);
        return out;
      }
      case StmtKind::kEvaluate: {
        const Expr value = s.as<EvaluateNode>()->value;
        if (value.kind() == ExprKind::kIntImm) return NewAction<SeqAction>();
        if (const auto* call = value.as<CallNode>(); call != nullptr && call->Is(Builtin::ret)) {
          return NewAction<SeqAction>();  // Lowered functions end with their status.
        }
        auto* out = NewAction<EvaluateAction>();
        out->value = Expression(value);
        return out;
      }
      case StmtKind::kFor: {
        const auto* node = s.as<ForNode>();
        if (node->thread_binding != nullptr && LaunchAxis(node->thread_binding->thread_tag) >= 0) {
          return BoundLoop(node);
        }
        auto* out = NewAction<ForAction>();
        out->slot = ScalarSlot(node->loop_var);
        out->min = Expression(node->min);
        out->extent = Expression(node->extent);
        out->body = Statement(node->body);
        return out;
      }
      case StmtKind::kWhile: {
        auto* out = NewAction<WhileAction>();
        out->condition = Expression(s.as<WhileNode>()->condition);
        out->body = Statement(s.as<WhileNode>()->body);
        return out;
      }
      case StmtKind::kBlock: {
        // A block without a realize runs once with its iters at their minimum: only meaningful without iters.
        const auto* node = s.as<BlockNode>();
        if (!node->iter_vars.empty()) Unimplemented("a block with iters but without a realize");
        return Block(node, {}, Constant(1));
      }
      case StmtKind::kBlockRealize: {
        const auto* node = s.as<BlockRealizeNode>();
        return Block(node->block, node->iter_values, Expression(node->predicate));
      }
    }
    Unimplemented("an unknown statement");
  }

  const Action* Block(const BlockNode* block, Array<Expr> values, const Evaluator* predicate) {
    auto* out = NewAction<BlockAction>();
    out->predicate = predicate;
    for (size_t i = 0; i < block->iter_vars.size(); ++i) {
      const IterVar iter = block->iter_vars[i];
      BlockAction::Iter compiled;
      compiled.value = Expression(values[i]);
      compiled.slot = ScalarSlot(iter->var);
      if (iter->iter_type == IterType::kReduce) compiled.reduce_min = Expression(iter->dom.min);
      out->iters.push_back(compiled);
    }
    for (Buffer buffer : block->alloc_buffers) {
      out->allocs.push_back({PointerSlot(buffer->data), Access(buffer), OwnerOf(buffer->scope())});
    }
    for (MatchBufferRegion match : block->match_buffers) out->matches.push_back(Match(match));
    if (block->init) out->init = Statement(block->init);
    out->body = Statement(block->body);
    return out;
  }

  MatchAction Match(MatchBufferRegion match) {
    MatchAction out;
    out.source = Access(match->source->buffer);
    out.view_slot = PointerSlot(match->buffer->data);
    out.view_rank = static_cast<int>(match->buffer->shape.size());
    for (const Range& range : match->source->region) {
      out.mins.push_back(Expression(range.min));
      out.extents.push_back(Expression(range.extent));
    }
    for (size_t d = 0; d < match->buffer->shape.size(); ++d) {
      if (const auto* var = match->buffer->shape[d].as<VarNode>()) {
        out.shape_slots.emplace_back(static_cast<int>(d), ScalarSlot(Var(var)));
      }
    }
    for (size_t d = 0; d < match->buffer->strides.size(); ++d) {
      if (const auto* var = match->buffer->strides[d].as<VarNode>()) {
        out.stride_slots.emplace_back(static_cast<int>(d), ScalarSlot(Var(var)));
      }
    }
    if (match->buffer->strides.empty()) DefineStrides(match->buffer, out);
    if (const auto* var = match->buffer->elem_offset.as<VarNode>()) out.offset_slot = ScalarSlot(Var(var));
    return out;
  }

  // A view that names no strides has those of its source: index i of it is index min + i there.
  void DefineStrides(Buffer view, MatchAction& match) {
    Access(view);
    BufferAccess* access = access_of_[view.get()];
    for (size_t d = 0; d < view->shape.size(); ++d) {
      auto* stride = NewEval<ScalarVar>(kInt64);
      stride->slot = num_scalars_++;
      access->strides.push_back(stride);
      match.stride_slots.emplace_back(static_cast<int>(d), stride->slot);
    }
  }

  const Action* BoundLoop(const ForNode* node) {
    auto* out = NewAction<LaunchAction>();
    out->axis = LaunchAxis(node->thread_binding->thread_tag);
    out->slot = ScalarSlot(node->loop_var);
    out->min = Expression(node->min);
    out->extent = Expression(node->extent);
    out->concurrent = ThreadsMeet(Stmt(node));
    launch_axis_[node->loop_var.get()] = out->axis;
    if (out->axis < 3) CollectAxes(Stmt(node), out);
    const Evaluator* outer = lane_;
    if (out->axis == 0) lane_ = Expression(node->loop_var);
    out->body = Statement(node->body);
    lane_ = outer;
    return out;
  }

  // True when threads below wait for each other, so that they cannot run one after the other.
  static bool ThreadsMeet(Stmt s) {
    bool meet = false;
    PostOrderVisitExprs(s, [&](Expr e) {
      const auto* call = e.as<CallNode>();
      if (call == nullptr || call->function != nullptr) return;
      switch (call->op) {
        case Builtin::tvm_storage_sync:
        case Builtin::tvm_thread_allreduce:
        case Builtin::tvm_warp_shuffle:
        case Builtin::tvm_warp_shuffle_up:
        case Builtin::tvm_warp_shuffle_down:
        case Builtin::mma_store:
          meet = true;
          return;
        case Builtin::ptx_ldmatrix:
          meet = meet || (call->args.size() > 3 && !ScopeOf(call->args[3]).starts_with("m16n8k8."));
          return;
        case Builtin::ptx_mma:
          meet = meet || (call->args.size() > 10 && !ScopeOf(call->args[10]).starts_with("m16n8k8."));
          return;
        default:
          return;
      }
    });
    return meet;
  }

  const Action* Attribute(const AttrStmtNode* node) {
    if (node->attr_key == "async_commit_queue_scope" || node->attr_key == "async_wait_queue_scope") {
      auto* out = NewAction<AsyncAction>();
      out->in_flight = nullptr;
      Stmt body = node->body;
      if (node->attr_key == "async_wait_queue_scope") {
        const auto* count = body.as<AttrStmtNode>();
        const bool given = count != nullptr && count->attr_key == "async_wait_inflight_count";
        out->in_flight = given ? Expression(count->value) : Constant(0);
        if (given) body = count->body;
      }
      out->body = Statement(body);
      return out;
    }
    const auto* iter = As<IterVarNode>(node->node);
    if ((node->attr_key == "thread_extent" || node->attr_key == "virtual_thread") && iter != nullptr) {
      auto* out = NewAction<LaunchAction>();
      out->axis = LaunchAxis(iter->thread_tag);
      out->slot = ScalarSlot(iter->var);
      out->min = nullptr;
      out->extent = Expression(node->value);
      out->concurrent = true;
      if (out->axis >= 0) launch_axis_[iter->var.get()] = out->axis;
      if (out->axis >= 0 && out->axis < 3) CollectAxes(Stmt(node), out);
      out->body = Statement(node->body);
      return out;
    }
    if (node->attr_key == "reduce_scope") {
      if (const auto* reducer = As<CommReducerNode>(node->node)) {
        reducers_.push_back(reducer);
        const Action* body = Statement(node->body);
        reducers_.pop_back();
        return body;
      }
    }
    return Statement(node->body);
  }

  void CollectAxes(Stmt outer, LaunchAction* out) {
    PreOrderVisitStmts(outer, [&](Stmt s) {
      std::string_view tag;
      Expr extent;
      if (const auto* attr = s.as<AttrStmtNode>(); attr != nullptr && attr->attr_key == "thread_extent") {
        if (const auto* iter = As<IterVarNode>(attr->node)) tag = iter->thread_tag;
        extent = attr->value;
      } else if (const auto* loop = s.as<ForNode>(); loop != nullptr && loop->thread_binding != nullptr) {
        tag = loop->thread_binding->thread_tag;
        extent = loop->extent;
      }
      const int axis = LaunchAxis(tag);
      if (axis >= 0 && axis < 3) out->thread_axes.emplace_back(axis, Expression(extent));
      return true;
    });
  }

  const IRModule& module_;
  absl::flat_hash_map<const PrimFuncNode*, std::shared_ptr<std::unique_ptr<Program>>>& done_;
  std::unique_ptr<Program> program_;
  absl::flat_hash_map<const VarNode*, int> scalars_;
  absl::flat_hash_map<const VarNode*, int> pointers_;
  absl::flat_hash_map<const BufferNode*, BufferAccess*> access_of_;
  absl::flat_hash_map<const VarNode*, int> launch_axis_;
  const Evaluator* lane_ = nullptr;  // threadIdx.x of the innermost loop bound to it.
  std::vector<std::unique_ptr<AccessHolder>> accesses_;
  std::vector<const CommReducerNode*> reducers_;
  int num_scalars_ = 0;
  int num_pointers_ = 0;
};

}  // namespace

std::unique_ptr<Program> CompileFunction(const IRModule& module, PrimFunc function) {
  absl::flat_hash_map<const PrimFuncNode*, std::shared_ptr<std::unique_ptr<Program>>> done;
  return Compiler(module, done).Compile(function);
}

}  // namespace hone::interp
