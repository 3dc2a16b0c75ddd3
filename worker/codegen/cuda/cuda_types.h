// How types, constants and helpers of tensor IR are written in CUDA C++. Internal to worker/codegen/cuda.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/ir/dtype.h"

namespace hone::codegen {

// "float", "half", "int8", ...; nullopt for a type that no kernel can have.
std::optional<std::string> CudaScalarType(ir::DataType dtype);
// "floatx4" for more than one lane.
std::optional<std::string> CudaType(ir::DataType dtype);
// A literal of a scalar type.
std::string CudaIntLiteral(ir::DataType dtype, int64_t value);
std::string CudaFloatLiteral(ir::DataType dtype, double value);
// `name` without characters that C++ does not have.
std::string CudaIdentifier(std::string_view name);
bool IsCudaKeyword(std::string_view name);

// The part of a source that comes before its kernels: types and functions that they use, and nothing else.
class CudaPrelude {
 public:
  // Notes that a type is used.
  void Use(ir::DataType dtype);
  // Notes that a function of the fixed set is used: "floordiv", "floormod", "bitcast", "cp_async", ...
  void Use(std::string_view helper);
  // A function made for one use, by name.
  void Add(const std::string& name, const std::string& text);
  std::string Text() const;

 private:
  bool half_ = false, bfloat16_ = false, names_ = false;
  std::set<std::string> vectors_;  // "using floatx4 = vec<float, 4>;"
  std::set<std::string, std::less<>> helpers_;
  std::vector<std::pair<std::string, std::string>> made_;
};

}  // namespace hone::codegen
