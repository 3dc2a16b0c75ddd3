#include "worker/runner/input_set.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "common/support/random.h"
#include "common/support/strings.h"
#include "worker/runner/number_formats.h"

namespace hone::runner {
namespace {

struct DtypeBytes {
  std::string_view name;
  int bytes;
};

constexpr DtypeBytes kDtypes[] = {
    {"float32", 4}, {"float64", 8},       {"float16", 2},     {"bfloat16", 2},    {"int8", 1},       {"uint8", 1},
    {"int16", 2},   {"uint16", 2},        {"int32", 4},       {"uint32", 4},      {"int64", 8},      {"uint64", 8},
    {"bool", 1},    {"float8_e4m3fn", 1}, {"e4m3_float8", 1}, {"float8_e5m2", 1}, {"e5m2_float8", 1}};

// Uniform in [-1, 1) with 24 bits.
float Symmetric(uint32_t word) { return static_cast<float>(static_cast<int32_t>(word) >> 7) * 0x1p-24f; }

// Numbers come in blocks of four, which are made by several threads from this many blocks a thread on: 16 MiB of
// float32.
constexpr int64_t kBlocksAThread = int64_t{1} << 20;
constexpr int64_t kMaxThreads = 8;

// Calls `put(i, word)` for `count` elements, with 32 random bits each, for different elements from several threads.
template <typename Put>
void ForEachWord(uint64_t seed, size_t parameter, int64_t count, Put put) {
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  const auto fill = [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const std::array<uint32_t, 4> words =
          Philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                      static_cast<uint32_t>(parameter), 0x68696e70},
                     key);
      for (int64_t i = 0; i < 4 && block * 4 + i < count; ++i) put(block * 4 + i, words[static_cast<size_t>(i)]);
    }
  };
  const int64_t blocks = (count + 3) / 4;
  const int64_t cores = std::max<int64_t>(1, std::thread::hardware_concurrency());
  const int64_t threads = std::clamp<int64_t>(blocks / kBlocksAThread, 1, std::min(cores, kMaxThreads));
  std::vector<std::thread> others;
  for (int64_t t = 1; t < threads; ++t) others.emplace_back(fill, blocks * t / threads, blocks * (t + 1) / threads);
  fill(0, blocks / threads);
  for (std::thread& other : others) other.join();
}

template <typename T>
void Store(uint8_t* destination, int64_t i, T value) {
  std::memcpy(destination + static_cast<uint64_t>(i) * sizeof(T), &value, sizeof(T));
}

bool IsFloat8(std::string_view dtype) { return dtype.find("float8") != std::string_view::npos; }

}  // namespace

absl::StatusOr<int64_t> BytesOfDtype(std::string_view dtype) {
  for (const DtypeBytes& known : kDtypes) {
    if (known.name == dtype) return known.bytes;
  }
  return absl::InvalidArgumentError(StrCat("parameters of dtype \"", dtype, "\" cannot be measured"));
}

absl::StatusOr<uint64_t> BytesOfTensor(const TensorInfo& tensor) {
  const absl::StatusOr<int64_t> element = BytesOfDtype(tensor.dtype);
  if (!element.ok()) return element.status();
  uint64_t bytes = static_cast<uint64_t>(*element);
  for (int64_t extent : tensor.shape) {
    if (extent < 0) return absl::InvalidArgumentError(StrCat("a dimension of ", extent, " is negative"));
    if (extent > 0 && bytes > (uint64_t{1} << 40) / static_cast<uint64_t>(extent)) {
      return absl::InvalidArgumentError("a parameter has more than 1 TiB");
    }
    bytes *= static_cast<uint64_t>(extent);
  }
  return bytes;
}

absl::Status FillTensor(const TensorInfo& tensor, uint64_t seed, size_t parameter, uint8_t* destination) {
  const absl::StatusOr<uint64_t> bytes = BytesOfTensor(tensor);
  if (!bytes.ok()) return bytes.status();
  const int64_t element_bytes = *BytesOfDtype(tensor.dtype);
  const int64_t count = static_cast<int64_t>(*bytes) / element_bytes;
  const std::string& dtype = tensor.dtype;
  auto fill = [&](auto put) { ForEachWord(seed, parameter, count, put); };
  if (dtype == "float32") {
    fill([&](int64_t i, uint32_t word) { Store<float>(destination, i, Symmetric(word)); });
  } else if (dtype == "float64") {
    fill([&](int64_t i, uint32_t word) {
      Store<double>(destination, i, static_cast<double>(static_cast<int32_t>(word)) * 0x1p-31);
    });
  } else if (dtype == "float16") {
    fill([&](int64_t i, uint32_t word) { Store<uint16_t>(destination, i, Float16Bits(Symmetric(word))); });
  } else if (dtype == "bfloat16") {
    fill([&](int64_t i, uint32_t word) { Store<uint16_t>(destination, i, BFloat16Bits(Symmetric(word))); });
  } else if (IsFloat8(dtype)) {
    // Signs and mantissas of any kind, exponents below that of 1.
    const uint32_t below_one = dtype.find("e4m3") != std::string::npos ? 0x37 : 0x3b;
    fill([&](int64_t i, uint32_t word) {
      Store<uint8_t>(destination, i, static_cast<uint8_t>(((word >> 8) % (below_one + 1)) | ((word & 1) << 7)));
    });
  } else if (dtype == "bool") {
    fill([&](int64_t i, uint32_t word) { Store<uint8_t>(destination, i, word & 1); });
  } else if (element_bytes == 1) {
    fill([&](int64_t i, uint32_t word) { Store<uint8_t>(destination, i, static_cast<uint8_t>(word)); });
  } else {
    fill([&](int64_t i, uint32_t word) {
      const uint64_t value = word & 7;
      std::memcpy(destination + i * element_bytes, &value, static_cast<size_t>(element_bytes));
    });
  }
  return absl::OkStatus();
}

}  // namespace hone::runner
