// Evaluators and actions that reach memory: loads, stores and addresses. Internal to the interpreter.
#pragma once

#include <string>
#include <vector>

#include "common/interp/program.h"

namespace hone::interp {

// A view: where its data is and how indices become element offsets.
struct BufferAccess {
  std::string name;
  ir::DataType dtype;
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
  [[noreturn]] void OutOfBounds(Frame& f, const int64_t* indices) const;
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
  double Float(Frame& f, int lane) const override;
};

struct AddressOfEval final : Evaluator {
  const LoadEval* load;
  Pointer Ptr(Frame& f) const override;
  int64_t Int(Frame&, int) const override { return 1; }
};

// tvm_access_ptr(type, data, offset, extent, mask): offset in elements of the type.
struct AccessPtrEval final : Evaluator {
  const Evaluator* data;
  const Evaluator* offset;
  int element_bytes;
  Pointer Ptr(Frame& f) const override;
  int64_t Int(Frame&, int) const override { return 1; }
};

struct StoreAction final : Action {
  const BufferAccess* buffer;
  const Evaluator* value;
  std::vector<const Evaluator*> indices;
  const Evaluator* predicate = nullptr;
  int lanes;
  void Run(Frame& f) const override;
};

}  // namespace hone::interp
