#include "common/target/kind.h"

#include <algorithm>
#include <numeric>

namespace hone {
namespace {

constexpr AttributeType kInt = AttributeType::kInt;
constexpr AttributeType kBool = AttributeType::kBool;
constexpr AttributeType kString = AttributeType::kString;
constexpr AttributeType kStrings = AttributeType::kStrings;

const std::vector<AttributeSpec>& CommonAttributes() {
  static const auto* const specs = new std::vector<AttributeSpec>{
      {"device", kString}, {"model", kString}, {"libs", kStrings}, {"from_device", kInt}, {"target_device_type", kInt}};
  return *specs;
}

std::vector<TargetKindInfo> MakeKinds() {
  return {
      {"llvm",
       DeviceType::kCpu,
       {"cpu"},
       {{"mcpu", kString},
        {"mattr", kStrings},
        {"mtriple", kString},
        {"mfloat-abi", kString},
        {"mabi", kString},
        {"num-cores", kInt},
        {"opt-level", kInt},
        {"cl-opt", kStrings},
        {"jit", kString},
        {"vector-width", kInt},
        {"fast-math", kBool},
        {"fast-math-nnan", kBool},
        {"fast-math-ninf", kBool},
        {"fast-math-nsz", kBool},
        {"fast-math-arcp", kBool},
        {"fast-math-contract", kBool},
        {"fast-math-reassoc", kBool}},
       {"mcpu", "num-cores"}},
      {"c",
       DeviceType::kCpu,
       {"cpu"},
       {{"mcpu", kString}, {"march", kString}, {"workspace-byte-alignment", kInt}, {"constants-byte-alignment", kInt}},
       {}},
      {"cuda",
       DeviceType::kCuda,
       {"cuda", "gpu"},
       {{"arch", kString},
        {"mcpu", kString},
        {"max_shared_memory_per_block", kInt},
        {"max_threads_per_block", kInt},
        {"thread_warp_size", kInt, 32},
        {"registers_per_block", kInt},
        {"l2_cache_size_bytes", kInt},
        {"max_num_threads", kInt, 1024}},
       {"arch", "max_shared_memory_per_block", "max_threads_per_block"}},
      {"nvptx",
       DeviceType::kCuda,
       {"cuda", "gpu"},
       {{"mcpu", kString},
        {"mtriple", kString},
        {"max_num_threads", kInt, 1024},
        {"thread_warp_size", kInt, 32},
        {"max_shared_memory_per_block", kInt},
        {"max_threads_per_block", kInt}},
       {"mcpu"}},
      {"rocm",
       DeviceType::kRocm,
       {"rocm", "gpu"},
       {{"mcpu", kString},
        {"mtriple", kString},
        {"mattr", kStrings},
        {"max_num_threads", kInt, 256},
        {"max_threads_per_block", kInt, 256},
        {"max_shared_memory_per_block", kInt, 65536},
        {"thread_warp_size", kInt, 64}},
       {"mcpu"}},
      {"opencl",
       DeviceType::kOpenCl,
       {"opencl", "gpu"},
       {{"max_num_threads", kInt, 256},
        {"max_threads_per_block", kInt, 256},
        {"max_shared_memory_per_block", kInt, 16384},
        {"thread_warp_size", kInt, 1},
        {"texture_spatial_limit", kInt, 16384},
        {"max_function_args", kInt, 128},
        {"image_base_address_alignment", kInt, 64}},
       {}},
      {"metal",
       DeviceType::kMetal,
       {"metal", "gpu"},
       {{"max_num_threads", kInt, 256},
        {"max_threads_per_block", kInt, 256},
        {"max_shared_memory_per_block", kInt, 32768},
        {"thread_warp_size", kInt, 16},
        {"max_function_args", kInt, 31}},
       {}},
      {"vulkan",
       DeviceType::kVulkan,
       {"vulkan", "gpu"},
       {{"mattr", kStrings},
        {"supports_float16", kBool},
        {"supports_float32", kBool},
        {"supports_float64", kBool},
        {"supports_int8", kBool},
        {"supports_int16", kBool},
        {"supports_int32", kBool},
        {"supports_int64", kBool},
        {"supports_8bit_buffer", kBool},
        {"supports_16bit_buffer", kBool},
        {"supports_storage_buffer_storage_class", kBool},
        {"supports_push_descriptor", kBool},
        {"supports_dedicated_allocation", kBool},
        {"supports_integer_dot_product", kBool},
        {"supports_cooperative_matrix", kBool},
        {"supported_subgroup_operations", kInt},
        {"max_num_threads", kInt, 256},
        {"max_threads_per_block", kInt, 256},
        {"thread_warp_size", kInt, 1},
        {"max_block_size_x", kInt},
        {"max_block_size_y", kInt},
        {"max_block_size_z", kInt},
        {"max_push_constants_size", kInt},
        {"max_uniform_buffer_range", kInt},
        {"max_storage_buffer_range", kInt},
        {"max_per_stage_descriptor_storage_buffer", kInt},
        {"max_shared_memory_per_block", kInt},
        {"device_type", kString},
        {"device_name", kString},
        {"driver_name", kString},
        {"driver_version", kInt},
        {"vulkan_api_version", kInt},
        {"max_spirv_version", kInt}},
       {"max_shared_memory_per_block"}},
      {"webgpu",
       DeviceType::kWebGpu,
       {"webgpu", "gpu"},
       {{"max_num_threads", kInt, 256},
        {"max_threads_per_block", kInt},
        {"max_shared_memory_per_block", kInt},
        {"thread_warp_size", kInt}},
       {}},
      {"hexagon",
       DeviceType::kHexagon,
       {"hexagon", "cpu"},
       {{"mcpu", kString},
        {"mattr", kStrings},
        {"mtriple", kString},
        {"llvm-options", kStrings},
        {"num-cores", kInt},
        {"vtcm-capacity", kInt}},
       {"mcpu", "num-cores", "vtcm-capacity"}},
  };
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replace = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j + 1] + 1, row[j] + 1, replace});
    }
  }
  return row[b.size()];
}

}  // namespace

absl::Span<const TargetKindInfo> TargetKinds() {
  static const auto* const kinds = new std::vector<TargetKindInfo>(MakeKinds());
  return *kinds;
}

const TargetKindInfo* FindTargetKind(std::string_view name) {
  for (const TargetKindInfo& kind : TargetKinds()) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

const AttributeSpec* FindAttribute(const TargetKindInfo& kind, std::string_view name) {
  for (const auto* specs : {&kind.attributes, &CommonAttributes()}) {
    for (const AttributeSpec& spec : *specs) {
      if (spec.name == name) return &spec;
    }
  }
  return nullptr;
}

std::string NearestName(std::string_view name, absl::Span<const std::string_view> names) {
  std::string_view best;
  size_t best_distance = SIZE_MAX;
  for (std::string_view candidate : names) {
    const size_t distance = EditDistance(name, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return std::string(best);
}

std::vector<std::string_view> AttributeNames(const TargetKindInfo& kind) {
  std::vector<std::string_view> names = {"keys", "tag", "host"};
  for (const auto* specs : {&kind.attributes, &CommonAttributes()}) {
    for (const AttributeSpec& spec : *specs) names.push_back(spec.name);
  }
  return names;
}

}  // namespace hone
