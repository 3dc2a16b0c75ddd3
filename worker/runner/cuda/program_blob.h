// The program that a device process loads, as bytes: plan, parameters and image. Standard library only.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "worker/runner/cuda/device_wire.h"

namespace hone::runner::cuda {

struct ProgramKernel {
  std::string name;
  uint32_t grid[3];
  uint32_t block[3];
  uint32_t shared_bytes;
  std::vector<int32_t> args;  // i >= 0: parameter i; -1 - j: temporary j.
};

struct ProgramParam {
  uint64_t bytes;
  Element element;
  ParamRole role;
};

struct Program {
  std::vector<ProgramKernel> kernels;
  std::vector<uint64_t> temporaries;
  std::vector<ProgramParam> params;
  std::string image;
};

// One visitor writes, the other reads; both see the fields in the same order.
class BlobWriter {
 public:
  void Number(const void* value, size_t bytes) { out.append(static_cast<const char*>(value), bytes); }
  std::string out;
};

class BlobReader {
 public:
  BlobReader(const char* data, size_t bytes) : data_(data), left_(bytes) {}
  void Number(void* value, size_t bytes) {
    ok &= bytes <= left_;
    if (!ok) {
      std::memset(value, 0, bytes);
      return;
    }
    std::memcpy(value, data_, bytes);
    data_ += bytes;
    left_ -= bytes;
  }
  size_t left() const { return left_; }
  bool ok = true;

 private:
  const char* data_;
  size_t left_;
};

inline bool CanResize(BlobWriter&, size_t) { return true; }
inline bool CanResize(BlobReader& reader, size_t count) { return reader.ok = reader.ok && count <= reader.left(); }

template <typename V, typename C, typename F>
void VisitSequence(V& v, C& container, F visit) {
  uint64_t count = container.size();
  v.Number(&count, sizeof(count));
  if (!CanResize(v, count)) return;
  container.resize(count);
  for (auto& item : container) visit(item);
}

template <typename V>
void VisitText(V& v, std::string& text) {
  uint64_t count = text.size();
  v.Number(&count, sizeof(count));
  if (!CanResize(v, count)) return;
  text.resize(count);
  v.Number(text.data(), count);
}

template <typename V>
void VisitProgram(V& v, Program& program) {
  VisitSequence(v, program.kernels, [&](ProgramKernel& kernel) {
    VisitText(v, kernel.name);
    v.Number(kernel.grid, sizeof(kernel.grid));
    v.Number(kernel.block, sizeof(kernel.block));
    v.Number(&kernel.shared_bytes, sizeof(kernel.shared_bytes));
    VisitSequence(v, kernel.args, [&](int32_t& arg) { v.Number(&arg, sizeof(arg)); });
  });
  VisitSequence(v, program.temporaries, [&](uint64_t& bytes) { v.Number(&bytes, sizeof(bytes)); });
  VisitSequence(v, program.params, [&](ProgramParam& param) { v.Number(&param, sizeof(param)); });
  VisitText(v, program.image);
}

inline std::string EncodeProgram(Program program) {
  BlobWriter writer;
  VisitProgram(writer, program);
  return std::move(writer.out);
}

inline bool DecodeProgram(const char* data, size_t bytes, Program* program) {
  BlobReader reader(data, bytes);
  VisitProgram(reader, *program);
  return reader.ok && reader.left() == 0;
}

}  // namespace hone::runner::cuda
