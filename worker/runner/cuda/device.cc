#include "worker/runner/cuda/device.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

// PTX of checker.cu, with a zero at its end.
extern "C" const char hone_checker_ptx[];

namespace hone::runner::cuda {
namespace {

constexpr unsigned char kGuardByte = 0xc5;
constexpr unsigned char kPoisonByte = 0xff;  // NaN, -1.
constexpr uint64_t kAlignment = 256;

struct Findings {
  uint64_t wrong = 0;
  uint64_t first_wrong = ~uint64_t{0};
  float max_abs = 0;
  float max_rel = 0;
};

uint64_t RoundUp(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

uint64_t BytesOf(Element element) {
  switch (element) {
    case Element::kFloat16:
    case Element::kBFloat16:
      return 2;
    case Element::kFloat32:
      return 4;
    case Element::kFloat64:
      return 8;
    case Element::kBytes:
      break;
  }
  return 1;
}

const char* ComparisonOf(Element element) {
  switch (element) {
    case Element::kFloat16:
      return "hone_compare_f16";
    case Element::kBFloat16:
      return "hone_compare_bf16";
    case Element::kFloat32:
      return "hone_compare_f32";
    case Element::kFloat64:
      return "hone_compare_f64";
    case Element::kBytes:
      break;
  }
  return "hone_compare_bytes";
}

// Errors after which nothing works in this context any more.
bool BreaksContext(Result result) {
  return result == kIllegalAddress || result == kLaunchTimeout ||
         (result >= kHardwareStackError && result <= kLaunchFailed) || result == 710 || result == 214 || result == 999;
}

double HalfValue(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = exponent == 31  ? (fraction != 0 ? __builtin_nan("") : __builtin_inf())
                 : exponent == 0 ? fraction * 0x1p-24
                                 : (1024 + fraction) * __builtin_ldexp(1.0, exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}

double ValueOf(Element element, const unsigned char* bytes) {
  switch (element) {
    case Element::kFloat16: {
      uint16_t bits;
      std::memcpy(&bits, bytes, 2);
      return HalfValue(bits);
    }
    case Element::kBFloat16: {
      uint32_t bits = 0;
      std::memcpy(reinterpret_cast<char*>(&bits) + 2, bytes, 2);
      float value;
      std::memcpy(&value, &bits, 4);
      return static_cast<double>(value);
    }
    case Element::kFloat32: {
      float value;
      std::memcpy(&value, bytes, 4);
      return static_cast<double>(value);
    }
    case Element::kFloat64: {
      double value;
      std::memcpy(&value, bytes, 8);
      return value;
    }
    case Element::kBytes:
      break;
  }
  return bytes[0];
}

}  // namespace

bool DeviceSession::Refuse(const std::string& why, DeviceReply* reply) {
  reply->result = -1;
  std::snprintf(reply->message, sizeof(reply->message), "%s", why.c_str());
  return false;
}

bool DeviceSession::Good(Result result, const std::string& what, DeviceReply* reply) {
  if (result == 0) return true;
  Refuse(what + ": " + Describe(*driver_, result), reply);
  reply->result = result;
  reply->broken = BreaksContext(result) ? 1 : 0;
  return false;
}

bool DeviceSession::Open(int ordinal, DeviceReply* reply) {
  std::string error;
  driver_ = OpenDriver(&error);
  if (driver_ == nullptr) return Refuse(error, reply);
  if (!Good(driver_->cuInit(0), "starting CUDA", reply)) return false;
  DeviceDescription& about = reply->device;
  driver_->cuDriverGetVersion(&about.driver_version);
  if (!Good(driver_->cuDeviceGetCount(&about.devices), "counting devices", reply)) return false;
  if (ordinal < 0 || ordinal >= about.devices) {
    return Refuse("there is no CUDA device " + std::to_string(ordinal) + ", only " + std::to_string(about.devices),
                  reply);
  }
  Device device = 0;
  Context context = nullptr;
  if (!Good(driver_->cuDeviceGet(&device, ordinal), "opening the device", reply) ||
      !Good(driver_->cuDevicePrimaryCtxRetain(&context, device), "making a context", reply) ||
      !Good(driver_->cuCtxSetCurrent(context), "using the context", reply)) {
    return false;
  }
  driver_->cuDeviceGetName(about.name, sizeof(about.name), device);
  Uuid uuid = {};
  driver_->cuDeviceGetUuid(&uuid, device);
  char* out = about.uuid;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    out += std::snprintf(out, 3, "%02x", uuid.bytes[i]);
  }
  size_t memory = 0;
  driver_->cuDeviceTotalMem_v2(&memory, device);
  about.memory_bytes = memory;
  const auto attribute = [&](int which, int32_t* value) { driver_->cuDeviceGetAttribute(value, which, device); };
  attribute(kMultiprocessorCount, &about.multiprocessors);
  attribute(kComputeCapabilityMajor, &about.capability_major);
  attribute(kComputeCapabilityMinor, &about.capability_minor);
  attribute(kL2CacheSize, &about.l2_bytes);
  attribute(kClockRate, &about.clock_khz);
  attribute(kMaxSharedMemoryPerBlockOptin, &about.shared_bytes_per_block);
  flush_bytes_ =
      std::max<uint64_t>(uint64_t{2} * static_cast<uint64_t>(std::max(0, about.l2_bytes)), uint64_t{64} << 20);
  if (!Good(driver_->cuStreamCreate(&stream_, 0), "making a stream", reply) ||
      !Good(driver_->cuMemAlloc_v2(&findings_, kMaxParams * 2 * sizeof(Findings)), "memory for findings", reply) ||
      !Good(driver_->cuMemAlloc_v2(&flush_, flush_bytes_), "memory to flush the cache with", reply) ||
      !Good(driver_->cuModuleLoadData(&checker_, hone_checker_ptx), "loading the comparison", reply)) {
    return false;
  }
  events_.resize(2 * kMaxSamples);
  for (Event& event : events_) {
    if (!Good(driver_->cuEventCreate(&event, 0), "making events", reply)) return false;
  }
  return true;
}

void DeviceSession::Put(uint64_t id, const void* bytes, uint64_t count, DeviceReply* reply) {
  Drop(id);
  DevicePointer pointer = 0;
  if (!Good(driver_->cuMemAlloc_v2(&pointer, std::max<uint64_t>(count, 1)), "memory for inputs and references", reply))
    return;
  if (!Good(driver_->cuMemcpyHtoD_v2(pointer, bytes, count), "uploading", reply)) {
    driver_->cuMemFree_v2(pointer);
    return;
  }
  data_[id] = {pointer, count};
}

void DeviceSession::Drop(uint64_t id) {
  auto it = data_.find(id);
  if (it == data_.end()) return;
  driver_->cuMemFree_v2(it->second.first);
  data_.erase(it);
}

void DeviceSession::Unload() {
  if (graph_ != nullptr) driver_->cuGraphExecDestroy(graph_);
  graph_ = nullptr;
  for (DevicePointer pointer : temporaries_) driver_->cuMemFree_v2(pointer);
  temporaries_.clear();
  kernels_.clear();
  if (module_ != nullptr) driver_->cuModuleUnload(module_);
  module_ = nullptr;
}

bool DeviceSession::AllocateMemory(DeviceReply* reply) {
  offsets_.clear();
  uint64_t bytes = 0;
  for (const ProgramParam& param : program_.params) {
    bytes += kGuardBytes;
    offsets_.push_back(bytes);
    bytes = RoundUp(bytes + param.bytes + kGuardBytes);
  }
  if (bytes > arena_bytes_) {
    if (arena_ != 0) driver_->cuMemFree_v2(arena_);
    arena_ = 0;
    arena_bytes_ = 0;
    if (!Good(driver_->cuMemAlloc_v2(&arena_, bytes), "memory for the kernel's parameters", reply)) return false;
    arena_bytes_ = bytes;
  }
  for (uint64_t temporary : program_.temporaries) {
    DevicePointer pointer = 0;
    const std::string what = std::to_string(temporary) + " bytes of temporary memory";
    if (!Good(driver_->cuMemAlloc_v2(&pointer, std::max<uint64_t>(temporary, 1)), what, reply)) return false;
    temporaries_.push_back(pointer);
  }
  return true;
}

bool DeviceSession::LoadKernels(DeviceReply* reply) {
  if (!Good(driver_->cuModuleLoadData(&module_, program_.image.data()), "loading the cubin", reply)) return false;
  for (const ProgramKernel& kernel : program_.kernels) {
    Loaded loaded;
    if (!Good(driver_->cuModuleGetFunction(&loaded.function, module_, kernel.name.c_str()),
              "finding kernel " + kernel.name, reply)) {
      return false;
    }
    constexpr uint32_t kAlwaysThere = 48 * 1024;
    if (kernel.shared_bytes > kAlwaysThere &&
        !Good(driver_->cuFuncSetAttribute(loaded.function, kMaxDynamicSharedSizeBytes,
                                          static_cast<int>(kernel.shared_bytes)),
              std::to_string(kernel.shared_bytes) + " bytes of shared memory", reply)) {
      return false;
    }
    for (int32_t arg : kernel.args) {
      const size_t i = static_cast<size_t>(arg >= 0 ? arg : -1 - arg);
      if (i >= (arg >= 0 ? program_.params.size() : temporaries_.size())) {
        return Refuse("kernel " + kernel.name + " has an argument that is not there", reply);
      }
      loaded.pointers.push_back(arg >= 0 ? ParamAt(i) : temporaries_[i]);
    }
    kernels_.push_back(std::move(loaded));
    for (DevicePointer& pointer : kernels_.back().pointers) kernels_.back().args.push_back(&pointer);
  }
  return true;
}

void DeviceSession::Load(const char* blob, uint64_t bytes, DeviceReply* reply) {
  Unload();
  program_ = Program();
  if (!DecodeProgram(blob, bytes, &program_) || program_.params.size() > kMaxParams) {
    Refuse("the program cannot be decoded", reply);
    return;
  }
  kernels_.reserve(program_.kernels.size());
  if (!AllocateMemory(reply) || !LoadKernels(reply)) Unload();
}

bool DeviceSession::FillGuards(DeviceReply* reply) {
  for (size_t i = 0; i < program_.params.size(); ++i) {
    const DevicePointer data = ParamAt(i);
    if (!Good(driver_->cuMemsetD8Async(data - kGuardBytes, kGuardByte, kGuardBytes, stream_), "guards", reply) ||
        !Good(driver_->cuMemsetD8Async(data + program_.params[i].bytes, kGuardByte, kGuardBytes, stream_), "guards",
              reply)) {
      return false;
    }
  }
  return true;
}

bool DeviceSession::Reset(const DeviceCommand& command, DeviceReply* reply) {
  if (!FillGuards(reply)) return false;
  for (size_t i = 0; i < program_.params.size(); ++i) {
    const ProgramParam& param = program_.params[i];
    if (param.role == ParamRole::kOutput || param.bytes == 0) continue;
    auto it = data_.find(command.input[i]);
    if (it == data_.end() || it->second.second != param.bytes) {
      return Refuse("the contents of parameter " + std::to_string(i) + " are not there", reply);
    }
    if (!Good(driver_->cuMemcpyDtoDAsync_v2(ParamAt(i), it->second.first, param.bytes, stream_), "setting parameters",
              reply)) {
      return false;
    }
  }
  for (size_t i = 0; i < temporaries_.size(); ++i) {
    if (!Good(driver_->cuMemsetD8Async(temporaries_[i], kPoisonByte, program_.temporaries[i], stream_), "poisoning",
              reply)) {
      return false;
    }
  }
  Poison(reply);
  return reply->result == 0;
}

void DeviceSession::Poison(DeviceReply* reply) {
  for (size_t i = 0; i < program_.params.size(); ++i) {
    const ProgramParam& param = program_.params[i];
    if (param.role != ParamRole::kOutput || param.bytes == 0) continue;
    if (!Good(driver_->cuMemsetD8Async(ParamAt(i), kPoisonByte, param.bytes, stream_), "poisoning", reply)) return;
  }
}

bool DeviceSession::Launch(DeviceReply* reply) {
  for (size_t i = 0; i < kernels_.size(); ++i) {
    const ProgramKernel& k = program_.kernels[i];
    const Result result =
        driver_->cuLaunchKernel(kernels_[i].function, k.grid[0], k.grid[1], k.grid[2], k.block[0], k.block[1],
                                k.block[2], k.shared_bytes, stream_, kernels_[i].args.data(), nullptr);
    if (!Good(result, "launching " + k.name, reply)) return false;
  }
  return true;
}

void DeviceSession::Run(const DeviceCommand& command, DeviceReply* reply) {
  if (module_ == nullptr) {
    Refuse("no program is loaded", reply);
    return;
  }
  if (!Reset(command, reply) || !Good(driver_->cuStreamSynchronize(stream_), "setting parameters", reply)) return;
  if (!Good(driver_->cuEventRecord(events_[0], stream_), "timing", reply) || !Launch(reply) ||
      !Good(driver_->cuEventRecord(events_[1], stream_), "timing", reply) ||
      !Good(driver_->cuStreamSynchronize(stream_), "running " + program_.kernels[0].name, reply)) {
    return;
  }
  float milliseconds = 0;
  if (!Good(driver_->cuEventElapsedTime(&milliseconds, events_[0], events_[1]), "timing", reply)) return;
  reply->seconds[0] = reply->total_seconds = static_cast<double>(milliseconds) * 1e-3;
  reply->samples = 1;
}

bool DeviceSession::Check(const char* kernel, std::vector<void*> args, uint64_t count, DeviceReply* reply) {
  Function function = nullptr;
  if (!Good(driver_->cuModuleGetFunction(&function, checker_, kernel), "finding the comparison", reply)) return false;
  const unsigned blocks = static_cast<unsigned>(std::clamp<uint64_t>((count + 255) / 256, 1, 4096));
  return Good(driver_->cuLaunchKernel(function, blocks, 1, 1, 256, 1, 1, 0, stream_, args.data(), nullptr), "comparing",
              reply);
}

void DeviceSession::Compare(const DeviceCommand& command, DeviceReply* reply) {
  const size_t count = program_.params.size();
  std::vector<Findings> findings(2 * count);
  const uint64_t bytes = findings.size() * sizeof(Findings);
  if (count == 0 || !Good(driver_->cuMemcpyHtoD_v2(findings_, findings.data(), bytes), "comparing", reply)) return;
  std::vector<DevicePointer> wanted(count, 0);
  for (size_t i = 0; i < count; ++i) {
    const ProgramParam& param = program_.params[i];
    const bool output = param.role != ParamRole::kInput;
    auto it = data_.find(output ? command.reference[i] : command.input[i]);
    DevicePointer got = ParamAt(i), found = findings_ + i * sizeof(Findings);
    // Inputs have to come back as they were, whatever they are.
    const Element element = output ? param.element : Element::kBytes;
    uint64_t elements = param.bytes / BytesOf(element);
    if (it != data_.end() && it->second.second == param.bytes && elements > 0) {
      wanted[i] = it->second.first;
      float tolerance = command.tolerance[i], scale = command.scale[i];
      if (!Check(ComparisonOf(element), {&got, &wanted[i], &elements, &tolerance, &scale, &found}, elements, reply))
        return;
    } else if (elements > 0) {
      Refuse("nothing to compare parameter " + std::to_string(i) + " with", reply);
      return;
    }
    uint64_t zone = kGuardBytes;
    unsigned value = kGuardByte;
    DevicePointer before = got - kGuardBytes, after = got + param.bytes;
    DevicePointer guards = findings_ + (count + i) * sizeof(Findings);
    if (!Check("hone_compare_value", {&before, &zone, &value, &guards}, zone, reply)) return;
    if (!Check("hone_compare_value", {&after, &zone, &value, &guards}, zone, reply)) return;
  }
  if (!Good(driver_->cuStreamSynchronize(stream_), "comparing", reply)) return;
  if (!Good(driver_->cuMemcpyDtoH_v2(findings.data(), findings_, bytes), "comparing", reply)) return;
  for (size_t i = 0; i < count; ++i) {
    ParamFindings& out = reply->params[i];
    out.wrong = findings[i].wrong;
    out.first_wrong = findings[i].first_wrong;
    out.max_abs = findings[i].max_abs;
    out.max_rel = findings[i].max_rel;
    out.guard_wrong = findings[count + i].wrong;
    if (out.wrong == 0) continue;
    const ProgramParam& param = program_.params[i];
    const Element element = param.role == ParamRole::kInput ? Element::kBytes : param.element;
    const uint64_t size = BytesOf(element);
    unsigned char got[8] = {}, want[8] = {};
    driver_->cuMemcpyDtoH_v2(got, ParamAt(i) + out.first_wrong * size, size);
    driver_->cuMemcpyDtoH_v2(want, wanted[i] + out.first_wrong * size, size);
    out.got = ValueOf(element, got);
    out.want = ValueOf(element, want);
  }
}

// One by one, each with a cache full of something else.
bool DeviceSession::TimeCold(uint64_t calls, DeviceReply* reply) {
  calls = std::clamp<uint64_t>(calls, 1, kMaxSamples);
  for (uint64_t i = 0; i < calls; ++i) {
    if (!Good(driver_->cuMemsetD8Async(flush_, static_cast<unsigned char>(i), flush_bytes_, stream_), "flushing",
              reply) ||
        !Good(driver_->cuEventRecord(events_[2 * i], stream_), "timing", reply) || !Launch(reply) ||
        !Good(driver_->cuEventRecord(events_[2 * i + 1], stream_), "timing", reply)) {
      return false;
    }
  }
  if (!Good(driver_->cuStreamSynchronize(stream_), "timing " + program_.kernels[0].name, reply)) return false;
  for (uint64_t i = 0; i < calls; ++i) {
    float milliseconds = 0;
    if (!Good(driver_->cuEventElapsedTime(&milliseconds, events_[2 * i], events_[2 * i + 1]), "timing", reply))
      return false;
    reply->seconds[i] = static_cast<double>(milliseconds) * 1e-3;
    reply->total_seconds += reply->seconds[i];
  }
  reply->samples = static_cast<uint32_t>(calls);
  return true;
}

// Replays of a graph of several calls: launches cost the host nothing that the device would wait for.
bool DeviceSession::TimeWarm(uint64_t calls, DeviceReply* reply) {
  constexpr uint64_t kMaxCallsInGraph = 32;
  const uint64_t in_graph = std::clamp<uint64_t>(calls, 1, kMaxCallsInGraph);
  if (graph_ == nullptr || graph_calls_ != in_graph) {
    if (graph_ != nullptr) driver_->cuGraphExecDestroy(graph_);
    graph_ = nullptr;
    Graph graph = nullptr;
    constexpr int kThisStreamOnly = 2;
    if (!Good(driver_->cuStreamBeginCapture_v2(stream_, kThisStreamOnly), "making a graph", reply)) return false;
    bool launched = true;
    for (uint64_t i = 0; i < in_graph && launched; ++i) launched = Launch(reply);
    const Result ended = driver_->cuStreamEndCapture(stream_, &graph);
    if (!launched || !Good(ended, "making a graph", reply)) return false;
    const Result made = driver_->cuGraphInstantiateWithFlags(&graph_, graph, 0);
    driver_->cuGraphDestroy(graph);
    if (!Good(made, "making a graph", reply)) return false;
    graph_calls_ = in_graph;
  }
  const uint64_t replays = std::max<uint64_t>(1, (calls + in_graph - 1) / in_graph);
  if (!Good(driver_->cuEventRecord(events_[0], stream_), "timing", reply)) return false;
  for (uint64_t i = 0; i < replays; ++i) {
    if (!Good(driver_->cuGraphLaunch(graph_, stream_), "launching the graph", reply)) return false;
  }
  if (!Good(driver_->cuEventRecord(events_[1], stream_), "timing", reply) ||
      !Good(driver_->cuStreamSynchronize(stream_), "timing " + program_.kernels[0].name, reply)) {
    return false;
  }
  float milliseconds = 0;
  if (!Good(driver_->cuEventElapsedTime(&milliseconds, events_[0], events_[1]), "timing", reply)) return false;
  reply->total_seconds = static_cast<double>(milliseconds) * 1e-3;
  reply->seconds[0] = reply->total_seconds / static_cast<double>(in_graph * replays);
  reply->samples = 1;
  return true;
}

void DeviceSession::Time(uint64_t calls, bool flush, DeviceReply* reply) {
  if (module_ == nullptr || program_.kernels.empty()) {
    Refuse("no program is loaded", reply);
    return;
  }
  flush ? TimeCold(calls, reply) : TimeWarm(calls, reply);
}

void DeviceSession::Read(uint64_t param, void* bytes, uint64_t count, DeviceReply* reply) {
  if (param >= program_.params.size() || program_.params[param].bytes != count) {
    Refuse("there is no parameter " + std::to_string(param) + " of this size", reply);
    return;
  }
  Good(driver_->cuMemcpyDtoH_v2(bytes, ParamAt(param), count), "downloading", reply);
}

}  // namespace hone::runner::cuda
