// Chooses another number of threads for a loop that a sampled split binds to threadIdx.x.
#pragma once

#include "server/space/mutator.h"

namespace hone {

class MutateThreadBinding final : public Mutator {
 public:
  std::string_view name() const override { return "MutateThreadBinding"; }
  std::optional<schedule::Trace> Apply(const schedule::Trace& trace, CounterRandom& random) const override;
  std::unique_ptr<Mutator> Clone() const override { return std::make_unique<MutateThreadBinding>(); }
};

}  // namespace hone
