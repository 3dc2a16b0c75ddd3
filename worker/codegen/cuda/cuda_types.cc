#include "worker/codegen/cuda/cuda_types.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "common/support/strings.h"

namespace hone::codegen {
namespace {

using ir::DataType;

constexpr char kVec[] = R"(// N values side by side, moved by one access where their size allows.
__device__ constexpr int vec_alignment(int bytes) {
  return bytes % 16 == 0 ? 16 : bytes % 8 == 0 ? 8 : bytes % 4 == 0 ? 4 : bytes % 2 == 0 ? 2 : 1;
}
template <class T, int N>
struct alignas(vec_alignment(sizeof(T) * N)) vec {
  T lane[N];
  __device__ T& operator[](int i) { return lane[i]; }
  __device__ const T& operator[](int i) const { return lane[i]; }
};
)";

constexpr char kHalf[] =
    R"(// IEEE half precision. Rounding is named, so that nothing is fused and every program rounds alike.
struct half {
  unsigned short bits;
  half() = default;
  __device__ explicit half(float x) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x)); }
  __device__ operator float() const {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
  }
};
#define HALF_OPERATOR(symbol, instruction)                                        \
  __device__ inline half operator symbol(half a, half b) {                        \
    half c;                                                                       \
    asm(instruction " %0, %1, %2;" : "=h"(c.bits) : "h"(a.bits), "h"(b.bits));    \
    return c;                                                                     \
  }
HALF_OPERATOR(+, "add.rn.f16")
HALF_OPERATOR(-, "sub.rn.f16")
HALF_OPERATOR(*, "mul.rn.f16")
#undef HALF_OPERATOR
__device__ inline half operator/(half a, half b) { return half(float(a) / float(b)); }
)";

constexpr char kBFloat16[] = R"(// The upper half of a float.
struct bfloat16 {
  unsigned short bits;
  bfloat16() = default;
  __device__ explicit bfloat16(float x) {
    unsigned u = __float_as_uint(x);
    bits = x != x ? 0x7fff : (unsigned short)((u + 0x7fff + (u >> 16 & 1)) >> 16);
  }
  __device__ operator float() const { return __uint_as_float((unsigned)bits << 16); }
};
__device__ inline bfloat16 operator+(bfloat16 a, bfloat16 b) { return bfloat16(float(a) + float(b)); }
__device__ inline bfloat16 operator-(bfloat16 a, bfloat16 b) { return bfloat16(float(a) - float(b)); }
__device__ inline bfloat16 operator*(bfloat16 a, bfloat16 b) { return bfloat16(float(a) * float(b)); }
__device__ inline bfloat16 operator/(bfloat16 a, bfloat16 b) { return bfloat16(float(a) / float(b)); }
)";

constexpr char kNames[] = R"(using int8 = signed char;
using uint8 = unsigned char;
using int16 = short;
using uint16 = unsigned short;
using uint32 = unsigned int;
using int64 = long long;
using uint64 = unsigned long long;
)";

struct Helper {
  std::string_view name;
  const char* text;
};

constexpr Helper kHelpers[] = {
    {"bitcast", R"(template <class To, class From>
__device__ inline To bitcast(From from) {
  static_assert(sizeof(To) == sizeof(From), "");
  union { From from; To to; } both;
  both.from = from;
  return both.to;
}
)"},
    {"floordiv", R"(// The quotient rounded down.
template <class T>
__device__ inline T floordiv(T a, T b) {
  T q = a / b;
  return (a % b != 0) && ((a < 0) != (b < 0)) ? q - 1 : q;
}
)"},
    {"floormod", R"(// The remainder with the sign of the divisor.
template <class T>
__device__ inline T floormod(T a, T b) {
  T r = a % b;
  return r != 0 && ((r < 0) != (b < 0)) ? r + b : r;
}
)"},
    {"dp4a_us", R"(// c and four products of bytes: a's are unsigned, b's signed.
__device__ inline int dp4a_us(unsigned a, int b, int c) {
  int d;
  asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}
)"},
    {"dp4a_su", R"(// c and four products of bytes: a's are signed, b's unsigned.
__device__ inline int dp4a_su(int a, unsigned b, int c) {
  int d;
  asm("dp4a.s32.u32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}
)"},
    {"shared_address",
     R"(__device__ inline unsigned shared_address(const void* p) { return (unsigned)__cvta_generic_to_shared(p); }
)"},
    {"cp_async_4", R"(__device__ inline void cp_async_4(void* to, const void* from, bool wanted = true) {
  int bytes = wanted ? 4 : 0;  // The rest is filled with zeros.
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
}
)"},
    {"cp_async_8", R"(__device__ inline void cp_async_8(void* to, const void* from, bool wanted = true) {
  int bytes = wanted ? 8 : 0;
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
}
)"},
    {"cp_async_16", R"(__device__ inline void cp_async_16(void* to, const void* from, bool wanted = true) {
  int bytes = wanted ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
}
)"},
    {"cp_async_commit",
     R"(__device__ inline void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
)"},
    {"cp_async_wait", R"(// Waits until at most N groups are on their way.
template <int N>
__device__ inline void cp_async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }
)"},
};

}  // namespace

std::optional<std::string> CudaScalarType(DataType dtype) {
  if (dtype.is_bool()) return "bool";
  if (dtype.is_bfloat16()) return "bfloat16";
  if (dtype.is_float()) {
    if (dtype.bits == 16) return "half";
    if (dtype.bits == 32) return "float";
    if (dtype.bits == 64) return "double";
    return std::nullopt;
  }
  if (dtype.is_int() && dtype.bits == 32) return "int";
  if (dtype.is_int() || dtype.is_uint()) {
    if (dtype.bits != 8 && dtype.bits != 16 && dtype.bits != 32 && dtype.bits != 64) return std::nullopt;
    return StrCat(dtype.is_int() ? "int" : "uint", static_cast<int>(dtype.bits));
  }
  return std::nullopt;
}

std::optional<std::string> CudaType(DataType dtype) {
  std::optional<std::string> scalar = CudaScalarType(dtype);
  if (!scalar.has_value() || dtype.lanes == 1) return scalar;
  return StrCat(*scalar, "x", static_cast<int>(dtype.lanes));
}

std::string CudaIntLiteral(DataType dtype, int64_t value) {
  if (dtype.is_bool()) return value != 0 ? "true" : "false";
  if (dtype.is_int() && dtype.bits == 32) return value == INT32_MIN ? "(-2147483647 - 1)" : StrCat(value);
  if (dtype.is_int() && dtype.bits == 64) {
    return value == INT64_MIN ? "(-9223372036854775807LL - 1)" : StrCat(value, "LL");
  }
  if (dtype.is_uint() && dtype.bits == 32) return StrCat(static_cast<uint32_t>(value), "u");
  if (dtype.is_uint() && dtype.bits == 64) return StrCat(static_cast<uint64_t>(value), "ull");
  return StrCat(*CudaScalarType(dtype), "(", value, ")");
}

std::string CudaFloatLiteral(DataType dtype, double value) {
  char text[64];
  if (dtype.is_float() && dtype.bits == 64) {
    if (std::isfinite(value)) {
      std::snprintf(text, sizeof(text), "%.17g", value);
      std::string out = text;
      if (out.find_first_of(".e") == std::string::npos) out += ".0";
      return out;
    }
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    std::snprintf(text, sizeof(text), "__longlong_as_double(0x%llxLL)", static_cast<unsigned long long>(bits));
    return text;
  }
  const float single = static_cast<float>(value);
  std::string out;
  if (std::isfinite(single)) {
    std::snprintf(text, sizeof(text), "%.9g", static_cast<double>(single));
    out = text;
    if (out.find_first_of(".e") == std::string::npos) out += ".0";
    out += "f";
  } else {
    uint32_t bits;
    std::memcpy(&bits, &single, sizeof(bits));
    std::snprintf(text, sizeof(text), "__uint_as_float(0x%xu)", bits);
    out = text;
  }
  if (dtype.is_float() && dtype.bits == 32) return out;
  return StrCat(*CudaScalarType(dtype), "(", out, ")");
}

std::string CudaIdentifier(std::string_view name) {
  std::string out;
  for (char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = c >= '0' && c <= '9';
    if (out.empty() && digit) out += '_';
    out += letter || digit ? c : '_';
  }
  return out.empty() ? "v" : out;
}

bool IsCudaKeyword(std::string_view name) {
  static constexpr std::string_view kWords[] = {
      "alignas", "and", "asm", "auto", "bool", "break", "case", "catch", "char", "class", "const", "constexpr",
      "continue", "default", "delete", "do", "double", "else", "enum", "explicit", "export", "extern", "false", "float",
      "for", "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "not", "operator", "or",
      "private", "protected", "public", "register", "return", "short", "signed", "sizeof", "static", "struct", "switch",
      "template", "this", "throw", "true", "try", "typedef", "typename", "union", "unsigned", "using", "virtual",
      "void", "volatile", "while", "xor",
      // Types and functions of CUDA and of the prelude.
      "half", "bfloat16", "vec", "int8", "uint8", "int16", "uint16", "uint32", "int64", "uint64", "min", "max",
      "bitcast", "floordiv", "floormod", "dp4a_us", "dp4a_su", "threadIdx", "blockIdx", "blockDim", "gridDim",
      "warpSize", "signbit", "exp", "log", "sin", "cos", "tan", "pow", "sqrt", "erf", "abs", "round", "floor", "ceil",
      "y0", "y1", "yn", "j0", "j1", "jn", "gamma", "rsqrt", "div", "index"};
  return std::find(std::begin(kWords), std::end(kWords), name) != std::end(kWords) || name.substr(0, 2) == "__";
}

void CudaPrelude::Use(DataType dtype) {
  if (dtype.is_handle() || dtype.is_void()) return;
  const std::optional<std::string> scalar = CudaScalarType(dtype);
  if (!scalar.has_value()) return;
  half_ |= *scalar == "half";
  bfloat16_ |= *scalar == "bfloat16";
  names_ |= (dtype.is_int() && dtype.bits != 32) || (dtype.is_uint() && dtype.bits >= 8);
  if (dtype.lanes > 1) {
    vectors_.insert(
        StrCat("using ", *CudaType(dtype), " = vec<", *scalar, ", ", static_cast<int>(dtype.lanes), ">;\n"));
  }
}

void CudaPrelude::Use(std::string_view helper) {
  if (helper.substr(0, 9) == "cp_async_") helpers_.insert("shared_address");
  helpers_.insert(std::string(helper));
}

void CudaPrelude::Add(const std::string& name, const std::string& text) {
  for (const auto& made : made_) {
    if (made.first == name) return;
  }
  made_.emplace_back(name, text);
}

std::string CudaPrelude::Text() const {
  std::string out;
  if (names_) StrAppend(&out, kNames, "\n");
  if (half_) StrAppend(&out, kHalf, "\n");
  if (bfloat16_) StrAppend(&out, kBFloat16, "\n");
  if (!vectors_.empty()) {
    StrAppend(&out, kVec);
    for (const std::string& vector : vectors_) StrAppend(&out, vector);
    StrAppend(&out, "\n");
  }
  for (const Helper& helper : kHelpers) {
    // shared_address stands before those that use it.
    if (helpers_.count(helper.name) > 0) StrAppend(&out, helper.text, "\n");
  }
  for (const auto& made : made_) StrAppend(&out, made.second, "\n");
  return out;
}

}  // namespace hone::codegen
