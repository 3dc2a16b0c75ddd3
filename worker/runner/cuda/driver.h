// NVIDIA's driver, opened when it is first needed, with declarations of our own after "CUDA Driver API". Uses the C++
// standard library only: it is part of the device process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace hone::runner::cuda {

using Result = int;  // CUresult; 0 = success.
using DevicePointer = uint64_t;
using Device = int;
using Context = void*;
using Module = void*;
using Function = void*;
using Stream = void*;
using Event = void*;
using Graph = void*;
using GraphExec = void*;

struct Uuid {
  unsigned char bytes[16];
};

// CUdevice_attribute and CUfunction_attribute.
inline constexpr int kMultiprocessorCount = 16;
inline constexpr int kL2CacheSize = 38;
inline constexpr int kComputeCapabilityMajor = 75;
inline constexpr int kComputeCapabilityMinor = 76;
inline constexpr int kMaxSharedMemoryPerBlockOptin = 97;
inline constexpr int kClockRate = 13;
inline constexpr int kMaxDynamicSharedSizeBytes = 8;
inline constexpr int kPreferredSharedMemoryCarveout = 9;

// Results that have a meaning of their own here.
inline constexpr Result kOutOfMemory = 2;
inline constexpr Result kNotReady = 600;
inline constexpr Result kIllegalAddress = 700;
inline constexpr Result kLaunchTimeout = 702;
inline constexpr Result kHardwareStackError = 714;
inline constexpr Result kIllegalInstruction = 715;
inline constexpr Result kMisalignedAddress = 716;
inline constexpr Result kInvalidAddressSpace = 717;
inline constexpr Result kInvalidPc = 718;
inline constexpr Result kLaunchFailed = 719;

// The functions that Hone calls: name, and the type without "cu".
#define HONE_CUDA_DRIVER(X)                                                                                         \
  X(cuInit, Result(unsigned))                                                                                       \
  X(cuDriverGetVersion, Result(int*))                                                                               \
  X(cuDeviceGetCount, Result(int*))                                                                                 \
  X(cuDeviceGet, Result(Device*, int))                                                                              \
  X(cuDeviceGetName, Result(char*, int, Device))                                                                    \
  X(cuDeviceGetUuid, Result(Uuid*, Device))                                                                         \
  X(cuDeviceTotalMem_v2, Result(size_t*, Device))                                                                   \
  X(cuDeviceGetAttribute, Result(int*, int, Device))                                                                \
  X(cuDevicePrimaryCtxRetain, Result(Context*, Device))                                                             \
  X(cuCtxSetCurrent, Result(Context))                                                                               \
  X(cuCtxSynchronize, Result())                                                                                     \
  X(cuMemGetInfo_v2, Result(size_t*, size_t*))                                                                      \
  X(cuMemAlloc_v2, Result(DevicePointer*, size_t))                                                                  \
  X(cuMemFree_v2, Result(DevicePointer))                                                                            \
  X(cuMemcpyHtoD_v2, Result(DevicePointer, const void*, size_t))                                                    \
  X(cuMemcpyDtoH_v2, Result(void*, DevicePointer, size_t))                                                          \
  X(cuMemcpyDtoDAsync_v2, Result(DevicePointer, DevicePointer, size_t, Stream))                                     \
  X(cuMemsetD8Async, Result(DevicePointer, unsigned char, size_t, Stream))                                          \
  X(cuModuleLoadData, Result(Module*, const void*))                                                                 \
  X(cuModuleUnload, Result(Module))                                                                                 \
  X(cuModuleGetFunction, Result(Function*, Module, const char*))                                                    \
  X(cuFuncSetAttribute, Result(Function, int, int))                                                                 \
  X(cuStreamCreate, Result(Stream*, unsigned))                                                                      \
  X(cuStreamSynchronize, Result(Stream))                                                                            \
  X(cuEventCreate, Result(Event*, unsigned))                                                                        \
  X(cuEventRecord, Result(Event, Stream))                                                                           \
  X(cuEventSynchronize, Result(Event))                                                                              \
  X(cuEventElapsedTime, Result(float*, Event, Event))                                                               \
  X(cuLaunchKernel,                                                                                                 \
    Result(Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream, void**, void**)) \
  X(cuStreamBeginCapture_v2, Result(Stream, int))                                                                   \
  X(cuStreamEndCapture, Result(Stream, Graph*))                                                                     \
  X(cuGraphInstantiateWithFlags, Result(GraphExec*, Graph, unsigned long long))                                     \
  X(cuGraphLaunch, Result(GraphExec, Stream))                                                                       \
  X(cuGraphExecDestroy, Result(GraphExec))                                                                          \
  X(cuGraphDestroy, Result(Graph))                                                                                  \
  X(cuGetErrorName, Result(Result, const char**))                                                                   \
  X(cuGetErrorString, Result(Result, const char**))

struct Driver {
  template <typename T>
  using Type = T;
#define HONE_FIELD(name, ...) Type<__VA_ARGS__>* name = nullptr;
  HONE_CUDA_DRIVER(HONE_FIELD)
#undef HONE_FIELD
};

// $HONE_CUDA_DRIVER and no other where that is set, else libcuda.so.1 on the loader's path or in
// /usr/local/nvidia/lib64. Null with `error` set, naming what is missing, when there is no driver. Call it once.
const Driver* OpenDriver(std::string* error);

// "CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)".
std::string Describe(const Driver& driver, Result result);

}  // namespace hone::runner::cuda
