// One thread block of a lowered GPU launch: a fibre a thread, switched only at synchronisation. Internal to the
// interpreter.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/interp/program.h"

namespace hone::interp {

class ThreadBlock {
 public:
  // `threads` copies of `frame`; `set_up(frame, thread)` prepares each.
  ThreadBlock(const Frame& frame, int threads, const std::function<void(Frame&, int)>& set_up);
  ~ThreadBlock();

  // Runs `body` in every thread to its end. Rethrows the first Stop.
  void Run(const Action& body);

  // Called by a running thread: waits until every thread that has not ended waits, too.
  void Barrier();
  // Called by all threads at once: everyone's `value` by thread index. `active` is false for ended threads.
  const std::vector<Scalar>& Exchange(int thread, Scalar value);

  // The memory of a shared allocation, made by the first thread that asks.
  Memory* Shared(const void* key, int64_t bytes);

  // Coordinates by launch axis: extents of threadIdx.x, y, z.
  int64_t extent[3] = {1, 1, 1};

 private:
  struct Fiber {
    Frame frame;
    std::unique_ptr<char[]> stack;
    ucontext_t context;
    bool done = false;
    std::exception_ptr error;
    ThreadBlock* block = nullptr;
  };
  static void Enter(unsigned low, unsigned high);

  std::vector<std::unique_ptr<Fiber>> fibers_;
  ucontext_t scheduler_;
  Fiber* running_ = nullptr;
  const Action* body_ = nullptr;
  std::vector<Scalar> exchange_[2];
  std::vector<int> exchange_phase_;
  absl::flat_hash_map<const void*, std::unique_ptr<Memory>> shared_;
};

}  // namespace hone::interp
