// One thread block of a GPU launch: a fibre a thread, switched only where threads meet. Internal to the interpreter.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/interp/program.h"

namespace hone::interp {

class ThreadBlock {
 public:
  static constexpr int kWarpSize = 32;

  // `threads` copies of `frame`. Small memories of thread scope that exist already get a copy a thread.
  ThreadBlock(const Frame& frame, int threads);
  ~ThreadBlock();

  // Runs `body` in every thread to its end. Rethrows the first Stop.
  void Run(const Action& body);

  // Called by a running thread: waits until every thread of the block (of its warp) that has not ended waits, too.
  // Threads that wait at different places `site` of the program are an error.
  void Barrier(const void* site);
  void WarpBarrier();
  // The same, and lends `value` to the others until the next meeting of `thread`.
  void Exchange(int thread, std::vector<Scalar> value, const void* site);
  void WarpExchange(int thread, std::vector<Scalar> value);
  // What `other` lent at the meeting that `thread` has just left; null when it was not there.
  const std::vector<Scalar>* Peer(int thread, int other) const;

  // The memory of a shared (warp) allocation, made by the first thread of the block (warp) that asks.
  Memory* Shared(const void* key, int64_t bytes, int64_t row_elements);
  Memory* OfWarp(const void* key, int thread, int64_t bytes, int64_t row_elements);

  // Copies that cp.async has started: they arrive no sooner than a wait asks for them.
  void StartCopy(int thread, Pointer to, std::vector<uint8_t> bytes);
  void CommitCopies(int thread);
  void WaitForCopies(int thread, int64_t groups_in_flight);

  int threads() const { return static_cast<int>(fibers_.size()); }

  // Extents of threadIdx.x, y, z.
  int64_t extent[3] = {1, 1, 1};

 private:
  enum class Wait : uint8_t { kNone, kWarp, kBlock };
  struct Copy {
    Pointer to;
    std::vector<uint8_t> bytes;
  };
  struct Fiber {
    Frame frame;
    std::unique_ptr<char[]> stack;
    ucontext_t context;
    bool done = false;
    Wait wait = Wait::kNone;
    const void* site = nullptr;
    int64_t meeting = -1;         // The last one that it left.
    std::vector<Scalar> lent[2];  // One of the last meeting, one for the next.
    int lent_at = 0;              // Which is of the last meeting.
    std::vector<Copy> open;       // Started, not committed.
    std::deque<std::vector<Copy>> groups;
    std::exception_ptr error;
    ThreadBlock* block = nullptr;
  };
  // A memory of which every thread got a copy.
  struct Private {
    Memory* original;
    std::vector<uint8_t> before;
    std::vector<std::unique_ptr<Memory>> copies;
  };
  static void Enter(unsigned low, unsigned high);
  void MakePrivate(const Frame& frame);
  void MergePrivate();
  void Suspend(Wait wait, const void* site);
  void Release();
  [[noreturn]] void Abort(std::exception_ptr error);  // Unwinds the threads that wait, then throws.
  void Leave(Fiber& fiber);
  Memory* Find(const void* key, int group, int64_t bytes, int64_t row_elements);

  std::vector<std::unique_ptr<Fiber>> fibers_;
  ucontext_t scheduler_;
  Fiber* running_ = nullptr;
  const Action* body_ = nullptr;
  int64_t meetings_ = 0;
  bool aborting_ = false;
  std::vector<Private> privates_;
  absl::flat_hash_map<std::pair<const void*, int>, std::unique_ptr<Memory>> shared_;
};

}  // namespace hone::interp
