#include "worker/runner/cuda/driver.h"

#include <dlfcn.h>

#include <cstdlib>

namespace hone::runner::cuda {

const Driver* OpenDriver(std::string* error) {
  void* handle = nullptr;
  if (const char* chosen = std::getenv("HONE_CUDA_DRIVER"); chosen != nullptr && *chosen != 0) {
    handle = dlopen(chosen, RTLD_NOW | RTLD_GLOBAL);
    if (handle == nullptr) {
      const char* why = dlerror();
      *error = "no NVIDIA driver: the library that HONE_CUDA_DRIVER names cannot be opened: ";
      *error += why != nullptr ? why : chosen;
      return nullptr;
    }
  }
  for (const char* place : {"libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1", "/usr/lib64-nvidia/libcuda.so.1"}) {
    if (handle == nullptr) handle = dlopen(place, RTLD_NOW | RTLD_GLOBAL);
  }
  if (handle == nullptr) {
    *error = "no NVIDIA driver: libcuda.so.1 cannot be opened";
    return nullptr;
  }
  static Driver driver;
#define HONE_LOAD(name, ...)                                                        \
  driver.name = reinterpret_cast<Driver::Type<__VA_ARGS__>*>(dlsym(handle, #name)); \
  if (driver.name == nullptr) {                                                     \
    *error = "the NVIDIA driver is too old: it has no " #name;                      \
    return nullptr;                                                                 \
  }
  HONE_CUDA_DRIVER(HONE_LOAD)
#undef HONE_LOAD
  return &driver;
}

std::string Describe(const Driver& driver, Result result) {
  const char *name = nullptr, *text = nullptr;
  driver.cuGetErrorName(result, &name);
  driver.cuGetErrorString(result, &text);
  if (name == nullptr) return "CUDA error " + std::to_string(result);
  return std::string(name) + (text != nullptr ? std::string(" (") + text + ")" : std::string());
}

}  // namespace hone::runner::cuda
