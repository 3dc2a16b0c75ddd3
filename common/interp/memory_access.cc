#include "common/interp/memory_access.h"

#include "common/support/strings.h"

namespace hone::interp {

using namespace ir;  // NOLINT: an internal file that is about these nodes.

void BufferAccess::OutOfBounds(Frame& f, const int64_t* indices) const {
  std::string at;
  std::string dims;
  for (size_t d = 0; d < shape.size(); ++d) {
    StrAppend(&at, d != 0 ? ", " : "", indices[d]);
    StrAppend(&dims, d != 0 ? ", " : "", shape[d]->Int(f, 0));
  }
  throw Stop(Stop::Kind::kOutOfRange,
             StrCat("access to \"", name, "\"[", at, "] outside of its shape (", dims, ") or of its memory"));
}

double LoadEval::Float(Frame& f, int lane) const {
  if (!is_float) return static_cast<double>(Int(f, lane));
  return Masked(f, lane) ? 0 : LoadFloat(dtype.element(), At(f, lane));
}

Pointer AddressOfEval::Ptr(Frame& f) const {
  int64_t at[kMaxRank];
  for (size_t d = 0; d < load->indices.size(); ++d) at[d] = load->indices[d]->Int(f, 0);
  const Pointer base = f.pointers[load->buffer->pointer_slot];
  return {base.memory, base.offset + load->buffer->Offset(f, at, false) * load->buffer->dtype.bytes()};
}

Pointer AccessPtrEval::Ptr(Frame& f) const {
  Pointer p = data->Ptr(f);
  p.offset += offset->Int(f, 0) * element_bytes;
  return p;
}

void StoreAction::Run(Frame& f) const {
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

}  // namespace hone::interp
