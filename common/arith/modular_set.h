// Sets of the form { coeff * x + base : x integer }.
#pragma once

#include <cstdint>

namespace hone::arith {

// coeff >= 0. coeff 0 is the single point `base`; otherwise 0 <= base < coeff. {1, 0} is everything.
struct ModularSet {
  int64_t coeff = 1;
  int64_t base = 0;

  bool is_everything() const { return coeff == 1; }
  bool is_const() const { return coeff == 0; }
  constexpr bool operator==(const ModularSet&) const = default;
};

// {coeff, base} brought to the form above.
ModularSet MakeModularSet(int64_t coeff, int64_t base);
// The smallest modular set that holds both.
ModularSet Union(ModularSet a, ModularSet b);

}  // namespace hone::arith
