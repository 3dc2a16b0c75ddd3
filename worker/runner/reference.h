// What a workload computes: the outputs that candidates are held against.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/measure/builder.h"
#include "common/measure/failure.h"

namespace hone::runner {

// Identifies the reference of one workload on one input set.
struct ReferenceKey {
  std::string workload_script;
  std::string target_json;  // Of the machine that computes it; no part of the identity.
  std::vector<TensorInfo> args;
  uint64_t input_seed = 0;
};

enum class ArgRole : uint8_t {
  kInput,   // Read only: must come back as it was.
  kOutput,  // Written, and never read before: poisoned before a run.
  kInOut,   // Read and written: starts with inputs.
};

struct Reference {
  std::vector<ArgRole> roles;         // By parameter.
  std::vector<std::string> contents;  // By parameter: what a right kernel leaves there; empty for inputs.
  double reduction_length = 1;        // As ToleranceOf takes it (worker/runner/comparison.h).
};

// Thread-safe. Errors: those of building or running the workload, or FailedPrecondition when two independent paths
// disagree about it.
class ReferenceProvider {
 public:
  virtual ~ReferenceProvider() = default;
  virtual absl::StatusOr<std::shared_ptr<const Reference>> Get(const ReferenceKey& key) = 0;
};

// The reference for a kernel with the parameters of `key`; a Failure, as the kernel's record gets it, when there is
// none or the workload has other parameters.
std::optional<Failure> FetchReference(ReferenceProvider& provider, const ReferenceKey& key,
                                      std::shared_ptr<const Reference>* reference);

// SHA-256 of the parts of `key` that decide the contents.
Digest IdOf(const ReferenceKey& key);

// Codec of the cache files; Decode gives DataLoss for anything that Encode did not write.
std::string EncodeReference(const Reference& reference);
absl::StatusOr<Reference> DecodeReference(std::string_view bytes);

// Keeps what `source` computed: in memory up to `memory_bytes`, least recently used out first, and in `folder` (created
// when missing; empty = memory only) for ever.
std::unique_ptr<ReferenceProvider> MakeCachingReferenceProvider(std::shared_ptr<ReferenceProvider> source,
                                                                std::string folder, uint64_t memory_bytes);

}  // namespace hone::runner
