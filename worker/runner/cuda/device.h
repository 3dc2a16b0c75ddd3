// One GPU inside of the device process: memory, kernels, comparison, clock. Standard library only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "worker/runner/cuda/device_wire.h"
#include "worker/runner/cuda/driver.h"
#include "worker/runner/cuda/program_blob.h"

namespace hone::runner::cuda {

// Every method fills `reply.result` and `reply.message` when something fails. Not thread-safe.
class DeviceSession {
 public:
  // False when there is no such device; the reply says why.
  bool Open(int ordinal, DeviceReply* reply);
  void Put(uint64_t id, const void* bytes, uint64_t count, DeviceReply* reply);
  void Drop(uint64_t id);
  void Load(const char* blob, uint64_t bytes, DeviceReply* reply);
  void Run(const DeviceCommand& command, DeviceReply* reply);
  void Compare(const DeviceCommand& command, DeviceReply* reply);
  void Poison(DeviceReply* reply);
  void Time(uint64_t calls, bool flush, DeviceReply* reply);
  void Read(uint64_t param, void* bytes, uint64_t count, DeviceReply* reply);

 private:
  struct Loaded {
    Function function = nullptr;
    std::vector<DevicePointer> pointers;  // Arguments, in order.
    std::vector<void*> args;              // Point into `pointers`.
  };

  bool Good(Result result, const std::string& what, DeviceReply* reply);
  bool Refuse(const std::string& why, DeviceReply* reply);
  void Unload();
  bool LoadKernels(DeviceReply* reply);
  bool AllocateMemory(DeviceReply* reply);
  bool Reset(const DeviceCommand& command, DeviceReply* reply);
  bool Launch(DeviceReply* reply);
  bool FillGuards(DeviceReply* reply);
  bool Check(const char* kernel, std::vector<void*> args, uint64_t count, DeviceReply* reply);
  bool TimeCold(uint64_t calls, DeviceReply* reply);
  bool TimeWarm(uint64_t calls, DeviceReply* reply);
  DevicePointer ParamAt(size_t i) const { return arena_ + offsets_[i]; }

  const Driver* driver_ = nullptr;
  Stream stream_ = nullptr;
  Module checker_ = nullptr;
  DevicePointer findings_ = 0;
  DevicePointer flush_ = 0;
  uint64_t flush_bytes_ = 0;
  std::vector<Event> events_;
  std::map<uint64_t, std::pair<DevicePointer, uint64_t>> data_;
  Program program_;
  Module module_ = nullptr;
  std::vector<Loaded> kernels_;
  std::vector<DevicePointer> temporaries_;
  DevicePointer arena_ = 0;
  uint64_t arena_bytes_ = 0;
  std::vector<uint64_t> offsets_;
  GraphExec graph_ = nullptr;
  uint64_t graph_calls_ = 0;
};

}  // namespace hone::runner::cuda
