// The C header that goes with an exported kernel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone::cli {

struct KernelParameter {
  std::string name;
  std::string dtype;  // As in TVMScript.
  std::string shape;  // "[4, n]"; empty for a scalar, which is passed by its address.
  bool written = false;
};

struct KernelHeaderInfo {
  std::string name;    // Of the convenience function; made a C identifier.
  std::string symbol;  // Of the kernel in the object.
  std::vector<KernelParameter> args;
  std::vector<std::string> notes;  // Comment lines: record, target, latency.
};

// Declares `symbol` and an inline function `name` with one typed pointer a parameter. For C99 and C++.
std::string KernelHeader(const KernelHeaderInfo& info);

// Letters, digits and underscores, not starting with a digit.
std::string CIdentifier(std::string_view text);

}  // namespace hone::cli
