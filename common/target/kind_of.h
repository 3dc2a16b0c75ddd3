#pragma once

#include <string>

namespace hone {

// The kind of a target that is given as JSON or text; empty for what is no target. Reads no more of complete JSON than
// its kind, so that a target of a newer release, with attributes unknown here, has one too.
std::string KindOfTarget(const std::string& target);

}  // namespace hone
