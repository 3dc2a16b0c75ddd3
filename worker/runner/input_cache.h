// Input sets as sealed memory that candidates map read-only: generated once, shared by all runs.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/measure/builder.h"
#include "worker/runner/shared_file.h"
#include "worker/runner/wire.h"

namespace hone::runner {

// Where the contents of the parameters lie in input files and in the shared file: one after another, on pages of their
// own. InvalidArgument for a dtype or shape that cannot be measured.
struct BufferLayout {
  std::vector<WireArg> args;
  uint64_t bytes = 0;
};
absl::StatusOr<BufferLayout> LayOutBuffers(const std::vector<TensorInfo>& args);

// Not thread-safe. Keeps up to `max_bytes`, least recently used out first.
class InputCache {
 public:
  explicit InputCache(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  // All parameters filled by FillTensor with `seed`.
  absl::StatusOr<std::shared_ptr<SharedFile>> Get(const std::vector<TensorInfo>& args, uint64_t seed);

 private:
  using Key = std::pair<std::string, uint64_t>;
  const uint64_t max_bytes_;
  std::list<std::pair<Key, std::shared_ptr<SharedFile>>> recent_;
};

}  // namespace hone::runner
