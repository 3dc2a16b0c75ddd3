// Moves a factor of one tile to another, or changes the vector length of a cooperative fetch.
#pragma once

#include "server/space/mutator.h"

namespace hone {

class MutateTileSize final : public Mutator {
 public:
  std::string_view name() const override { return "MutateTileSize"; }
  std::optional<schedule::Trace> Apply(const schedule::Trace& trace, CounterRandom& random) const override;
  std::unique_ptr<Mutator> Clone() const override { return std::make_unique<MutateTileSize>(); }
};

}  // namespace hone
