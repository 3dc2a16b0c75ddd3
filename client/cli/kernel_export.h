// The kernel of a scheduled program as a file that others link, load or read.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hone::cli {

struct KernelExport {
  std::string module;      // TVMScript of the workload.
  std::string trace_json;  // Empty = as it stands.
  std::string target;
  std::string format;              // "object", "shared", "header", "llvm-ir", "asm", "cuda" or "tvmscript".
  std::string name;                // Of the typed function in the header.
  std::string symbol;              // Of the kernel; empty = SymbolOf(...).
  std::vector<std::string> notes;  // Comment lines for the header.
};

// The formats, for messages and help.
const std::vector<std::string>& KernelFormats();

// What a kernel is called when nobody says: "hone_" and the function's global symbol, or `name` for a function that has
// only the usual "main". A C identifier, so that kernels of different names link together.
std::string SymbolOf(std::string_view global_symbol, std::string_view name);

// The file's bytes. An object needs libgomp and libm at most, a shared library is linked with them already. Of a GPU's
// kernels "cuda" is the source with their launches in comments, "object" the cubin that it makes (Unavailable without
// NVRTC); the other forms of code, and the header, are those of CPUs: Unimplemented.
absl::StatusOr<std::string> ExportKernel(const KernelExport& wanted);

}  // namespace hone::cli
