#include "server/cost_model/feature/feature_names.h"

#include <iterator>

#include "common/support/strings.h"

namespace hone {
namespace {

constexpr const char* kArithmetic[] = {
    "float_mad",  "float_addsub", "float_mul",  "float_divmod", "float_cmp", "float_math", "float_call", "int_mad",
    "int_addsub", "int_mul",      "int_divmod", "int_cmp",      "int_math",  "int_call",   "bool_op",    "select"};
constexpr const char* kAnnotated[] = {"vectorize", "unroll", "parallel"};
constexpr const char* kLoop[] = {"count", "product", "length"};
constexpr const char* kThreads[] = {"is_gpu",      "blockIdx.x",  "blockIdx.y",  "blockIdx.z",
                                    "threadIdx.x", "threadIdx.y", "threadIdx.z", "vthread"};
constexpr const char* kBuffer[] = {"is_read",
                                   "is_write",
                                   "is_read_write",
                                   "bytes",
                                   "unique_bytes",
                                   "lines",
                                   "unique_lines",
                                   "reuse_by_loop",
                                   "reuse_serial",
                                   "reuse_none",
                                   "reuse_distance_iterations",
                                   "reuse_distance_bytes",
                                   "reuse_count",
                                   "bytes_per_reuse",
                                   "unique_bytes_per_reuse",
                                   "lines_per_reuse",
                                   "unique_lines_per_reuse",
                                   "stride"};
constexpr const char* kRest[] = {"alloc_bytes",   "alloc_product", "alloc_outer_product", "alloc_inner_product",
                                 "outer_product", "loops",         "auto_unroll"};
constexpr const char* kWorkload[] = {"is_softmax", "is_maxmin",    "is_add",      "is_batch_matmul",
                                     "is_matmul",  "is_depthwise", "is_winograd", "is_conv2d"};
constexpr int kBuffers = 5;
constexpr int kSamples = 10;

// The name when `column` lies in the list that starts at 0; takes the list's length off it otherwise.
template <size_t N>
const char* Take(const char* const (&names)[N], int& column) {
  if (column < static_cast<int>(N)) return names[column];
  column -= static_cast<int>(N);
  return nullptr;
}

}  // namespace

std::string FeatureName(int column) {
  int rest = column;
  if (const char* name = Take(kArithmetic, rest)) return name;
  constexpr int kPositions = 8;
  constexpr int kPerAnnotation = static_cast<int>(std::size(kLoop)) + kPositions;
  for (const char* annotated : kAnnotated) {
    if (rest < kPerAnnotation) {
      const int position = rest - static_cast<int>(std::size(kLoop));
      return position < 0 ? StrCat(annotated, ".", kLoop[rest]) : StrCat(annotated, ".position", position);
    }
    rest -= kPerAnnotation;
  }
  if (const char* name = Take(kThreads, rest)) return name;
  for (int b = 0; b < kBuffers; ++b) {
    if (const char* name = Take(kBuffer, rest)) return StrCat("buffer", b, ".", name);
  }
  if (rest < kSamples) return StrCat("intensity.", rest);
  rest -= kSamples;
  if (const char* name = Take(kRest, rest)) return name;
  if (const char* name = Take(kWorkload, rest)) return name;
  return StrCat("column ", column);
}

}  // namespace hone
