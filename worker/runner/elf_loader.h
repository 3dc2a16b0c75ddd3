// Loads a relocatable x86-64 ELF object into this process and finds its entry.
//
// Why not LLVM's JITLink: the runner's children are forked from a small zygote that maps neither LLVM (130 MB of shared
// library, milliseconds a fork, and much for a hostile object to find) nor anything of the worker. What compilers emit
// for a kernel is a small subset of ELF, and whatever lies outside of it is refused with its number.
//
// Supported: ELF64 ET_REL; alloc sections (unwind tables are left out: nothing unwinds through a kernel); COMMON and
// absolute symbols; relocations R_X86_64_{64,PC32,PLT32,GOTPCREL,GOTPCRELX,REX_GOTPCRELX,32,32S,PC64,GOTOFF64,GOTPC32}.
// The object is trusted in nothing: every offset is checked. Uses no library but the C++ standard one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hone::runner {

// The address of a libc, libm or libgomp symbol; null when it is unknown.
using SymbolResolver = std::function<void*(const char* name)>;

struct LoadedObject {
  void* memory = nullptr;  // One mapping, never unmapped: the child ends with the candidate.
  size_t bytes = 0;
  void* entry = nullptr;
};

// Maps `object`, links it and sets `loaded`. Returns an empty string, or what is wrong with the object.
std::string LoadElfObject(std::string_view object, std::string_view entry, const SymbolResolver& resolve,
                          LoadedObject* loaded);

}  // namespace hone::runner
