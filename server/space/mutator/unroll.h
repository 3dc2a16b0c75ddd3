// Chooses another unroll limit.
#pragma once

#include "server/space/mutator.h"

namespace hone {

class MutateUnroll final : public Mutator {
 public:
  std::string_view name() const override { return "MutateUnroll"; }
  std::optional<schedule::Trace> Apply(const schedule::Trace& trace, CounterRandom& random) const override;
  std::unique_ptr<Mutator> Clone() const override { return std::make_unique<MutateUnroll>(); }
};

}  // namespace hone
