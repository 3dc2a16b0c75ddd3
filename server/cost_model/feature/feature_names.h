// What the columns of per-store features are called (reference/costmodel.md sections 5.3 to 5.8).
#pragma once

#include <string>

namespace hone {

// "float_mul", "vectorize.length", "buffer0.unique_bytes", "intensity.3", ...; "column N" beyond the known ones.
std::string FeatureName(int column);

}  // namespace hone
