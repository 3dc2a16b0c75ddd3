// A double of NVIDIA's driver for tests on machines without a GPU: the functions that driver.h names, over host memory,
// and those of NVML that say which release the driver is.
// It runs no code of its "cubins"; what a kernel does is in its name, and it does so for every thread of its launch:
//   double        b[i] = 2 a[i], in float32          slow      the same, in 100 ms instead of 100 us
//   wrong         b[i] = 3 a[i]                       outside   double, and a byte beyond the end of b
//   illegal, misaligned, instruction                  fail as such kernels do, and nothing works afterwards
//   hang          never ends                          refused   is not launched
// Time is simulated: it passes by launches only. HONE_FAKE_GPU is "DEVICES MEBIBYTES"; without it, "1 256".
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "worker/runner/cuda/driver.h"

namespace {

using namespace hone::runner::cuda;  // NOLINT: the names of the driver's interface.

constexpr Result kInvalidValue = 1;
constexpr Result kNotFound = 500;

struct FakeGpu {
  int devices = 1;
  size_t memory = size_t{256} << 20;
  size_t used = 0;
  double now_ms = 0;
  Result broken = 0;  // The error that every call reports once a kernel broke the context.
  bool hangs = false;
  bool captures = false;
  std::vector<std::function<Result()>> graph;  // The launches of the graph; there is one at a time.
  std::map<DevicePointer, size_t> allocations;
};

FakeGpu& Gpu() {
  static FakeGpu* const gpu = [] {
    auto* made = new FakeGpu();
    if (const char* text = std::getenv("HONE_FAKE_GPU")) {
      int mebibytes = 256;
      std::sscanf(text, "%d %d", &made->devices, &mebibytes);
      made->memory = static_cast<size_t>(mebibytes) << 20;
    }
    return made;
  }();
  return *gpu;
}

struct FakeFunction {
  std::string name;
};

struct Findings {
  uint64_t wrong;
  uint64_t first_wrong;
  float max_abs;
  float max_rel;
};

template <typename T>
T Arg(void** args, int i) {
  T value;
  std::memcpy(&value, args[i], sizeof(T));
  return value;
}
template <typename T>
T* PointerArg(void** args, int i) {
  return reinterpret_cast<T*>(Arg<DevicePointer>(args, i));
}

void Note(Findings* findings, uint64_t i) {
  ++findings->wrong;
  if (i < findings->first_wrong) findings->first_wrong = i;
}

// What the kernels of checker.cu do, for the types that tests use.
bool RunChecker(const std::string& name, void** args) {
  if (name == "hone_compare_f32") {
    const float *got = PointerArg<float>(args, 0), *want = PointerArg<float>(args, 1);
    const float tolerance = Arg<float>(args, 3), scale = Arg<float>(args, 4);
    auto* findings = PointerArg<Findings>(args, 5);
    for (uint64_t i = 0; i < Arg<uint64_t>(args, 2); ++i) {
      if (got[i] == want[i]) continue;
      const float error = std::fabs(got[i] - want[i]), magnitude = std::fabs(want[i]) + scale;
      if (std::isfinite(error)) {
        findings->max_abs = std::fmax(findings->max_abs, error);
        findings->max_rel = std::fmax(findings->max_rel, error / magnitude);
      }
      if (!(error <= tolerance * magnitude)) Note(findings, i);
    }
    return true;
  }
  if (name == "hone_compare_bytes") {
    const unsigned char *got = PointerArg<unsigned char>(args, 0), *want = PointerArg<unsigned char>(args, 1);
    for (uint64_t i = 0; i < Arg<uint64_t>(args, 2); ++i) {
      if (got[i] != want[i]) Note(PointerArg<Findings>(args, 5), i);
    }
    return true;
  }
  if (name == "hone_compare_value") {
    const auto* got = PointerArg<unsigned char>(args, 0);
    for (uint64_t i = 0; i < Arg<uint64_t>(args, 1); ++i) {
      if (got[i] != Arg<unsigned>(args, 2)) Note(PointerArg<Findings>(args, 3), i);
    }
    return true;
  }
  return false;
}

Result RunKernel(const std::string& name, uint64_t threads, void** args) {
  FakeGpu& gpu = Gpu();
  if (name == "refused") return kInvalidValue;
  if (name == "hang") gpu.hangs = true;
  if (name == "illegal") gpu.broken = kIllegalAddress;
  if (name == "misaligned") gpu.broken = kMisalignedAddress;
  if (name == "instruction") gpu.broken = kIllegalInstruction;
  if (gpu.hangs || gpu.broken != 0) return 0;  // Launches are asynchronous: who waits is told.
  const auto* a = PointerArg<float>(args, 0);
  auto* b = PointerArg<float>(args, 1);
  for (uint64_t i = 0; i < threads; ++i) b[i] = (name == "wrong" ? 3.0f : 2.0f) * a[i];
  if (name == "outside") reinterpret_cast<unsigned char*>(b + threads)[0] = 1;
  gpu.now_ms += name == "slow" ? 100 : 0.1;
  return 0;
}

Result State() { return Gpu().broken; }

}  // namespace

extern "C" {

Result cuInit(unsigned) { return 0; }
Result cuDriverGetVersion(int* version) { return *version = 13000, 0; }
Result cuDeviceGetCount(int* count) { return *count = Gpu().devices, 0; }
Result cuDeviceGet(Device* device, int ordinal) { return *device = ordinal, 0; }
Result cuDeviceGetName(char* name, int bytes, Device) { return std::snprintf(name, bytes, "Fake GPU"), 0; }
Result cuDeviceGetUuid(Uuid* uuid, Device device) {
  std::memset(uuid, 0, sizeof(*uuid));
  uuid->bytes[15] = static_cast<unsigned char>(device);
  return 0;
}
Result cuDeviceTotalMem_v2(size_t* bytes, Device) { return *bytes = Gpu().memory, 0; }
Result cuDeviceGetAttribute(int* value, int which, Device) {
  *value = which == kComputeCapabilityMajor   ? 9
           : which == kComputeCapabilityMinor ? 0
           : which == kMultiprocessorCount    ? 2
           : which == kL2CacheSize            ? 1 << 20
                                              : 0;
  return 0;
}
Result cuDevicePrimaryCtxRetain(Context* context, Device) { return *context = &Gpu(), 0; }
Result cuCtxSetCurrent(Context) { return 0; }
Result cuCtxSynchronize() { return State(); }
Result cuMemGetInfo_v2(size_t* free, size_t* total) {
  *free = Gpu().memory - Gpu().used;
  *total = Gpu().memory;
  return 0;
}
Result cuMemAlloc_v2(DevicePointer* pointer, size_t bytes) {
  FakeGpu& gpu = Gpu();
  if (gpu.broken != 0) return gpu.broken;
  if (bytes > gpu.memory - gpu.used) return kOutOfMemory;
  void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (memory == nullptr) return kOutOfMemory;
  *pointer = reinterpret_cast<DevicePointer>(memory);
  gpu.allocations[*pointer] = bytes;
  gpu.used += bytes;
  return 0;
}
Result cuMemFree_v2(DevicePointer pointer) {
  FakeGpu& gpu = Gpu();
  const auto found = gpu.allocations.find(pointer);
  if (found == gpu.allocations.end()) return kInvalidValue;
  gpu.used -= found->second;
  gpu.allocations.erase(found);
  std::free(reinterpret_cast<void*>(pointer));
  return 0;
}
Result cuMemcpyHtoD_v2(DevicePointer to, const void* from, size_t bytes) {
  if (State() == 0) std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return State();
}
Result cuMemcpyDtoH_v2(void* to, DevicePointer from, size_t bytes) {
  if (State() == 0) std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return State();
}
Result cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t bytes, Stream) {
  if (State() == 0) std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
  return State();
}
Result cuMemsetD8Async(DevicePointer to, unsigned char value, size_t bytes, Stream) {
  if (State() == 0) std::memset(reinterpret_cast<void*>(to), value, bytes);
  return State();
}
Result cuModuleLoadData(Module* module, const void*) { return *module = &Gpu(), State(); }
Result cuModuleUnload(Module) { return State(); }
Result cuModuleGetFunction(Function* function, Module, const char* name) {
  static auto* const functions = new std::map<std::string, FakeFunction>();
  if (std::strcmp(name, "missing") == 0) return kNotFound;
  *function = &functions->emplace(name, FakeFunction{name}).first->second;
  return State();
}
Result cuFuncSetAttribute(Function, int, int) { return State(); }
Result cuStreamCreate(Stream* stream, unsigned) { return *stream = &Gpu(), 0; }
Result cuStreamSynchronize(Stream) {
  while (Gpu().hangs) pause();
  return State();
}
Result cuEventCreate(Event* event, unsigned) { return *event = new double(0), 0; }
Result cuEventRecord(Event event, Stream) { return *static_cast<double*>(event) = Gpu().now_ms, State(); }
Result cuEventSynchronize(Event) { return State(); }
Result cuEventElapsedTime(float* ms, Event from, Event to) {
  *ms = static_cast<float>(*static_cast<double*>(to) - *static_cast<double*>(from));
  return State();
}
Result cuLaunchKernel(Function function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned, Stream, void** args, void**) {
  if (State() != 0) return State();
  const std::string& name = static_cast<FakeFunction*>(function)->name;
  if (RunChecker(name, args)) return 0;
  const uint64_t threads = uint64_t{gx} * gy * gz * bx * by * bz;
  if (!Gpu().captures) return RunKernel(name, threads, args);
  Gpu().graph.push_back([name, threads, a = Arg<DevicePointer>(args, 0), b = Arg<DevicePointer>(args, 1)]() mutable {
    void* now[] = {&a, &b};
    return RunKernel(name, threads, now);
  });
  return 0;
}
Result cuStreamBeginCapture_v2(Stream, int) {
  Gpu().captures = true;
  Gpu().graph.clear();
  return State();
}
Result cuStreamEndCapture(Stream, Graph* graph) {
  Gpu().captures = false;
  *graph = &Gpu();
  return State();
}
Result cuGraphInstantiateWithFlags(GraphExec* exec, Graph, unsigned long long) { return *exec = &Gpu(), State(); }
Result cuGraphLaunch(GraphExec, Stream) {
  for (auto& launch : Gpu().graph) {
    if (const Result result = launch(); result != 0) return result;
  }
  return State();
}
Result cuGraphExecDestroy(GraphExec) { return 0; }
Result cuGraphDestroy(Graph) { return 0; }
Result cuGetErrorName(Result result, const char** name) {
  *name = result == kIllegalAddress       ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : result == kMisalignedAddress  ? "CUDA_ERROR_MISALIGNED_ADDRESS"
          : result == kIllegalInstruction ? "CUDA_ERROR_ILLEGAL_INSTRUCTION"
          : result == kOutOfMemory        ? "CUDA_ERROR_OUT_OF_MEMORY"
          : result == kInvalidValue       ? "CUDA_ERROR_INVALID_VALUE"
                                          : "CUDA_ERROR_NOT_FOUND";
  return 0;
}
int nvmlInit_v2() { return 0; }
int nvmlSystemGetDriverVersion(char* text, unsigned bytes) { return std::snprintf(text, bytes, "580.65.06"), 0; }

Result cuGetErrorString(Result, const char** text) { return *text = "as the double was told to say", 0; }

}  // extern "C"
