#include "worker/codegen/cuda/nvrtc.h"

#include <dlfcn.h>

#include <cstdlib>
#include <string_view>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::codegen {
namespace {

// As NVRTC's documentation gives them ("NVRTC (Runtime Compilation)", section API).
using Program = void*;
using Version = int(int*, int*);
using CreateProgram = int(Program*, const char*, const char*, int, const char* const*, const char* const*);
using DestroyProgram = int(Program*);
using CompileProgram = int(Program, int, const char* const*);
using GetSize = int(Program, size_t*);
using GetText = int(Program, char*);
using GetErrorString = const char*(int);

struct Library {
  std::string error;  // Empty when it is loaded.
  Version* version = nullptr;
  CreateProgram* create = nullptr;
  DestroyProgram* destroy = nullptr;
  CompileProgram* compile = nullptr;
  GetSize* cubin_size = nullptr;
  GetText* cubin = nullptr;
  GetSize* log_size = nullptr;
  GetText* log = nullptr;
  GetErrorString* error_string = nullptr;
};

std::vector<std::string> Places() {
  std::vector<std::string> places;
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) places.push_back(name);
  std::vector<std::string> folders;
  if (const char* home = std::getenv("CUDA_HOME"); home != nullptr && *home != 0) folders.push_back(home);
  folders.push_back("/usr/local/cuda");
  for (const std::string& folder : folders) {
    for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) {
      places.push_back(StrCat(folder, "/lib64/", name));
    }
  }
  return places;
}

template <typename T>
bool Find(void* handle, const char* name, T** function) {
  *function = reinterpret_cast<T*>(dlsym(handle, name));
  return *function != nullptr;
}

// The library that the user named, and no other. Null with `error` set when it cannot be opened.
void* OpenChosen(const char* path, std::string* error) {
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = dlerror();
    *error = StrCat("compiling for CUDA needs NVRTC, and the library that HONE_NVRTC names cannot be opened: ",
                    why != nullptr ? why : path);
  }
  return handle;
}

// The first there is. Null with `error` set when there is none.
void* OpenAny(std::string* error) {
  std::string tried;
  for (const std::string& place : Places()) {
    if (void* handle = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
    StrAppend(&tried, tried.empty() ? "" : ", ", place);
  }
  *error = StrCat("compiling for CUDA needs NVRTC, which was not found (tried ", tried,
                  "); install CUDA's libnvrtc or name it in HONE_NVRTC");
  return nullptr;
}

Library Load() {
  Library library;
  const char* chosen = std::getenv("HONE_NVRTC");
  const bool is_chosen = chosen != nullptr && *chosen != 0;
  void* handle = is_chosen ? OpenChosen(chosen, &library.error) : OpenAny(&library.error);
  if (handle == nullptr) return library;
  const bool found =
      Find(handle, "nvrtcVersion", &library.version) && Find(handle, "nvrtcCreateProgram", &library.create) &&
      Find(handle, "nvrtcDestroyProgram", &library.destroy) && Find(handle, "nvrtcCompileProgram", &library.compile) &&
      Find(handle, "nvrtcGetCUBINSize", &library.cubin_size) && Find(handle, "nvrtcGetCUBIN", &library.cubin) &&
      Find(handle, "nvrtcGetProgramLogSize", &library.log_size) && Find(handle, "nvrtcGetProgramLog", &library.log) &&
      Find(handle, "nvrtcGetErrorString", &library.error_string);
  if (!found) {
    library.error = StrCat(is_chosen ? StrCat("HONE_NVRTC=", chosen, " is no NVRTC, or one") : std::string("NVRTC is"),
                           " too old: it cannot make cubins (CUDA 11.1 or later is needed)");
  }
  return library;
}

absl::StatusOr<const Library*> Nvrtc() {
  static const Library* const library = new Library(Load());
  if (!library->error.empty()) return absl::UnavailableError(library->error);
  return library;
}

std::string TextOf(const Library&, Program program, GetSize* size, GetText* text) {
  size_t bytes = 0;
  if (size(program, &bytes) != 0 || bytes == 0) return "";
  std::string out(bytes, '\0');
  if (text(program, out.data()) != 0) return "";
  return out;
}

std::string WithoutEnd(std::string text) {
  while (!text.empty() && (text.back() == '\0' || text.back() == '\n')) text.pop_back();
  return text;
}

}  // namespace

absl::StatusOr<std::string> NvrtcVersion() {
  HONE_ASSIGN_OR_RETURN(const Library* nvrtc, Nvrtc());
  int major = 0, minor = 0;
  nvrtc->version(&major, &minor);
  return StrCat(major, ".", minor);
}

absl::StatusOr<NvrtcResult> NvrtcCompile(const std::string& source, const std::string& arch) {
  HONE_ASSIGN_OR_RETURN(const Library* nvrtc, Nvrtc());
  Program program = nullptr;
  if (int error = nvrtc->create(&program, source.c_str(), "kernel.cu", 0, nullptr, nullptr); error != 0) {
    return absl::InternalError(StrCat("NVRTC: ", nvrtc->error_string(error)));
  }
  const std::string arch_option = StrCat("--gpu-architecture=", arch);
  const char* options[] = {arch_option.c_str(), "--std=c++17", "--ptxas-options=-v", "--diag-suppress=177",
                           "--diag-suppress=39,179"};
  const int error = nvrtc->compile(program, static_cast<int>(std::size(options)), options);
  NvrtcResult result;
  result.log = WithoutEnd(TextOf(*nvrtc, program, nvrtc->log_size, nvrtc->log));
  if (error == 0) result.cubin = TextOf(*nvrtc, program, nvrtc->cubin_size, nvrtc->cubin);
  nvrtc->destroy(&program);
  if (error != 0) {
    constexpr size_t kMaxLog = 2000;
    return absl::InvalidArgumentError(
        StrCat("NVRTC: ", nvrtc->error_string(error), ": ", result.log.substr(0, kMaxLog)));
  }
  if (result.cubin.empty()) return absl::InternalError(StrCat("NVRTC made no cubin for ", arch));
  return result;
}

}  // namespace hone::codegen
