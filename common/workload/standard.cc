#include "common/workload/standard.h"

#include <algorithm>
#include <charconv>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/workload/layers.h"

namespace hone::workload {
namespace {

using Builder = ir::IRModule (*)(const std::vector<int64_t>& config, const StandardOptions& options);

// A family: its name, how the numbers of a configuration are read, and the configurations.
struct Family {
  std::string_view name;
  Builder build;
  std::vector<std::vector<int64_t>> configurations;
};

// (N, spatial sizes..., CI, CO, kernel, stride, padding, dilation = 1, groups = 1).
ConvShape ShapeOf(const std::vector<int64_t>& config, size_t dims) {
  ConvShape shape;
  shape.batch = config[0];
  shape.size.assign(config.begin() + 1, config.begin() + 1 + dims);
  const int64_t* rest = config.data() + 1 + dims;
  const size_t given = config.size() - 1 - dims;
  shape.in_channels = rest[0];
  shape.out_channels = rest[1];
  shape.kernel = rest[2];
  shape.stride = given > 3 ? rest[3] : 1;
  shape.padding = given > 4 ? rest[4] : 0;
  shape.dilation = given > 5 ? rest[5] : 1;
  shape.groups = given > 6 ? rest[6] : 1;
  return shape;
}

template <size_t kDims>
ir::IRModule BuildConv(const std::vector<int64_t>& c, const StandardOptions& options) {
  return Conv(ShapeOf(c, kDims), options);
}

template <ir::IRModule (*kBuild)(const ConvShape&, const StandardOptions&)>
ir::IRModule Build2d(const std::vector<int64_t>& c, const StandardOptions& options) {
  return kBuild(ShapeOf(c, 2), options);
}

// (N, H, W, C, kernel, stride, padding): as many channels out as in.
ir::IRModule BuildDepthwise(const std::vector<int64_t>& c, const StandardOptions& options) {
  return DepthwiseConv2d(ShapeOf({c[0], c[1], c[2], c[3], c[3], c[4], c[5], c[6]}, 2), options);
}

ir::IRModule BuildWinogradNchw(const std::vector<int64_t>& c, const StandardOptions& options) {
  return WinogradNchw(ShapeOf({c[0], c[1], c[2], c[3], c[4], c[5], 1, 1}, 2), options);
}

const std::vector<Family>& Families() {
  static const std::vector<Family>& families = *new std::vector<Family>{
      {"C1D",
       BuildConv<1>,
       {{1, 256, 64, 128, 3, 2, 1},
        {1, 128, 128, 256, 1, 2, 0},
        {1, 64, 256, 256, 5, 1, 2},
        {1, 32, 512, 512, 3, 1, 1}}},
      {"C2D",
       BuildConv<2>,
       {{1, 224, 224, 3, 64, 7, 2, 3},
        {1, 56, 56, 64, 64, 1, 1, 0},
        {1, 14, 14, 256, 256, 3, 1, 1},
        {1, 7, 7, 512, 512, 3, 1, 1}}},
      {"C3D",
       BuildConv<3>,
       {{1, 16, 224, 224, 3, 64, 7, 2, 3},
        {1, 16, 56, 56, 64, 64, 1, 1, 0},
        {1, 16, 14, 14, 256, 256, 3, 1, 1},
        {1, 16, 7, 7, 512, 512, 3, 1, 1}}},
      {"GMM",
       [](const std::vector<int64_t>& c, const StandardOptions& options) {
         return BatchMatmul(c[0], c[1], c[2], c[3], options);
       },
       {{1, 128, 128, 128}, {1, 512, 32, 512}, {1, 512, 512, 512}, {1, 1024, 1024, 1024}}},
      {"GRP",
       BuildConv<2>,
       {{1, 56, 56, 64, 128, 3, 2, 1, 1, 4},
        {1, 56, 56, 64, 64, 1, 1, 0, 1, 4},
        {1, 14, 14, 256, 256, 3, 1, 1, 1, 4},
        {1, 7, 7, 512, 512, 3, 1, 1, 1, 4}}},
      {"DIL",
       BuildConv<2>,
       {{1, 224, 224, 3, 64, 7, 2, 3, 2},
        {1, 56, 56, 64, 64, 1, 1, 0, 2},
        {1, 14, 14, 256, 256, 3, 1, 1, 2},
        {1, 7, 7, 512, 512, 3, 1, 1, 2}}},
      {"DEP",
       BuildDepthwise,
       {{1, 112, 112, 32, 3, 1, 1}, {1, 112, 112, 64, 3, 2, 1}, {1, 14, 14, 512, 3, 2, 1}, {1, 7, 7, 1024, 3, 1, 1}}},
      {"T2D",
       Build2d<TransposedConv2d>,
       {{1, 4, 4, 512, 256, 4, 2, 1},
        {1, 8, 8, 256, 128, 4, 2, 1},
        {1, 16, 16, 128, 64, 4, 2, 1},
        {1, 32, 32, 64, 3, 4, 2, 1}}},
      {"CAP",
       Build2d<CapsuleConv2d>,
       {{1, 16, 16, 32, 32, 3, 2, 1},
        {1, 8, 8, 32, 32, 3, 1, 1},
        {1, 16, 16, 8, 16, 3, 2, 1},
        {1, 8, 8, 16, 16, 3, 1, 1}}},
      {"NRM",
       [](const std::vector<int64_t>& c, const StandardOptions& options) { return Norm(c[0], c[1], c[2], options); },
       {{1, 256, 256}, {1, 512, 512}, {1, 1024, 1024}, {1, 4096, 1024}}},
      {"SFM",
       [](const std::vector<int64_t>& c, const StandardOptions& options) { return Softmax(c[0], c[1], options); },
       {{256, 256}, {512, 512}, {1024, 1024}, {2048, 2048}}},
      {"CBR",
       Build2d<ConvBatchNormRelu>,
       {{1, 224, 224, 3, 64, 7, 2, 3},
        {1, 56, 56, 64, 128, 3, 2, 1},
        {1, 28, 28, 128, 256, 1, 2, 0},
        {1, 7, 7, 512, 512, 3, 1, 1}}},
      {"TBG",
       [](const std::vector<int64_t>& c,
          const StandardOptions& options) { return TransposeBatchMatmul(c[0], c[1], c[2], c[3], options); },
       {{1, 128, 12, 64}, {1, 128, 16, 64}, {1, 64, 12, 128}, {1, 128, 12, 128}}},
      {"C2D_WIN_NHWC", Build2d<WinogradNhwc>, {{1, 14, 14, 128, 128, 6}}},
      {"C2D_WIN_NCHW", BuildWinogradNchw, {{1, 56, 56, 64, 64, 6}}},
  };
  return families;
}

}  // namespace

const std::vector<StandardName>& StandardNames() {
  static const std::vector<StandardName>& names = *[] {
    auto* all = new std::vector<StandardName>();
    for (const Family& family : Families()) {
      all->push_back({family.name, static_cast<int>(family.configurations.size())});
    }
    return all;
  }();
  return names;
}

namespace {

absl::StatusOr<const Family*> FindFamily(std::string_view name) {
  for (const Family& family : Families()) {
    if (family.name == name) return &family;
  }
  return absl::NotFoundError(StrCat("no standard workload is called \"", name, "\""));
}

}  // namespace

absl::StatusOr<ir::IRModule> StandardOfSizes(std::string_view name, const std::vector<int64_t>& sizes,
                                             const StandardOptions& options) {
  HONE_ASSIGN_OR_RETURN(const Family* family, FindFamily(name));
  size_t least = family->configurations[0].size();
  for (const auto& configuration : family->configurations) least = std::min(least, configuration.size());
  if (sizes.size() < least) {
    return absl::InvalidArgumentError(
        StrCat("workload ", name, " takes at least ", least, " numbers, got ", sizes.size()));
  }
  for (int64_t size : sizes) {
    if (size < 0) return absl::InvalidArgumentError(StrCat("workload ", name, ": size ", size, " is negative"));
  }
  return family->build(sizes, options);
}

absl::StatusOr<ir::IRModule> Standard(std::string_view name, int index, const StandardOptions& options) {
  HONE_ASSIGN_OR_RETURN(const Family* family, FindFamily(name));
  const int count = static_cast<int>(family->configurations.size());
  if (index < 0 || index >= count) {
    return absl::OutOfRangeError(StrCat("workload ", name, " has configurations 0 to ", count - 1, ", not ", index));
  }
  return family->build(family->configurations[index], options);
}

absl::StatusOr<ir::IRModule> StandardByLabel(std::string_view label, const StandardOptions& options) {
  const size_t colon = label.find(':');
  int index = 0;
  if (colon != std::string_view::npos) {
    const char* end = label.data() + label.size();
    auto [stop, error] = std::from_chars(label.data() + colon + 1, end, index);
    if (error == std::errc() && stop == end) return Standard(label.substr(0, colon), index, options);
  }
  return absl::InvalidArgumentError(StrCat("\"", label, "\" is not of the form NAME:INDEX, such as C2D:1"));
}

}  // namespace hone::workload
