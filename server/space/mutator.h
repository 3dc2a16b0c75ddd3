// A small change of a trace's decisions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/schedule/trace.h"
#include "common/support/random.h"
#include "server/space/context.h"

namespace hone {

// Users derive from it. Apply may be called from several threads at once.
class Mutator {
 public:
  virtual ~Mutator() = default;
  virtual std::string_view name() const = 0;
  // The name with the arguments it was made with, as a person would write them: "AddRFactor(16, 64)".
  virtual std::string Signature() const { return std::string(name()); }
  virtual absl::Status Initialize(const SpaceContext& context, const ir::IRModule& workload) {
    return absl::OkStatus();
  }
  // The changed trace, without its postprocessing part; nullopt when there is nothing to change.
  virtual std::optional<schedule::Trace> Apply(const schedule::Trace& trace, CounterRandom& random) const = 0;
  virtual std::unique_ptr<Mutator> Clone() const = 0;
};

struct WeightedMutator {
  std::unique_ptr<Mutator> mutator;
  double probability;
};
using Mutators = std::vector<WeightedMutator>;

}  // namespace hone
