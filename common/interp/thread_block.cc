#include "common/interp/thread_block.h"

#include <cstring>

namespace hone::interp {
namespace {

constexpr size_t kStackBytes = 128 << 10;
constexpr int64_t kPrivateBytes = 64 << 10;  // Larger ones are taken to have an element a thread.

// Stacks of ended fibres, kept for the next thread block of this thread.
std::vector<std::unique_ptr<char[]>>& FreeStacks() {
  thread_local std::vector<std::unique_ptr<char[]>> stacks;
  return stacks;
}

std::unique_ptr<char[]> NewStack() {
  auto& free = FreeStacks();
  if (free.empty()) return std::unique_ptr<char[]>(new char[kStackBytes]);
  std::unique_ptr<char[]> stack = std::move(free.back());
  free.pop_back();
  return stack;
}

}  // namespace

ThreadBlock::ThreadBlock(const Frame& frame, int threads) {
  for (int t = 0; t < threads; ++t) {
    auto fiber = std::make_unique<Fiber>();
    fiber->frame = frame;
    fiber->frame.block = this;
    fiber->frame.thread = t;
    fiber->stack = NewStack();
    fiber->block = this;
    fibers_.push_back(std::move(fiber));
  }
  MakePrivate(frame);
}

ThreadBlock::~ThreadBlock() {
  for (auto& fiber : fibers_) {
    if (FreeStacks().size() < 1024) FreeStacks().push_back(std::move(fiber->stack));
  }
}

void ThreadBlock::MakePrivate(const Frame& frame) {
  for (size_t slot = 0; slot < frame.pointers.size(); ++slot) {
    Memory* memory = frame.pointers[slot].memory;
    if (memory == nullptr || !memory->of_thread || memory->bytes > kPrivateBytes) continue;
    Private* found = nullptr;
    for (Private& p : privates_) found = p.original == memory ? &p : found;
    if (found == nullptr) {
      privates_.push_back({memory, {memory->data, memory->data + memory->bytes}, {}});
      found = &privates_.back();
      for (size_t t = 0; t < fibers_.size(); ++t) {
        found->copies.push_back(std::make_unique<Memory>());
        Memory& copy = *found->copies.back();
        copy.Allocate(memory->bytes);
        std::memcpy(copy.data, memory->data, memory->bytes);
        copy.row_elements = memory->row_elements;
        copy.of_thread = true;
      }
    }
    for (size_t t = 0; t < fibers_.size(); ++t) fibers_[t]->frame.pointers[slot].memory = found->copies[t].get();
  }
}

// What threads changed in their copies is seen by what follows the launch.
void ThreadBlock::MergePrivate() {
  for (Private& p : privates_) {
    for (const auto& copy : p.copies) {
      for (int64_t b = 0; b < copy->bytes; ++b) {
        if (copy->data[b] != p.before[b]) p.original->data[b] = copy->data[b];
      }
    }
  }
}

void ThreadBlock::Enter(unsigned low, unsigned high) {
  auto* fiber = reinterpret_cast<Fiber*>(static_cast<uintptr_t>(low) | static_cast<uintptr_t>(high) << 32);
  try {
    fiber->block->body_->Run(fiber->frame);
  } catch (...) {
    fiber->error = std::current_exception();
  }
  fiber->done = true;
  swapcontext(&fiber->context, &fiber->block->scheduler_);
}

void ThreadBlock::Run(const Action& body) {
  body_ = &body;
  for (auto& fiber : fibers_) {
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack.get();
    fiber->context.uc_stack.ss_size = kStackBytes;
    fiber->context.uc_link = nullptr;
    const auto address = reinterpret_cast<uintptr_t>(fiber.get());
    makecontext(&fiber->context, reinterpret_cast<void (*)()>(&ThreadBlock::Enter), 2, static_cast<unsigned>(address),
                static_cast<unsigned>(address >> 32));
  }
  bool alive = true;
  while (alive) {  // One turn takes every thread that does not wait to its next meeting or its end.
    alive = false;
    for (auto& fiber : fibers_) {
      if (fiber->done || fiber->wait != Wait::kNone) continue;
      running_ = fiber.get();
      swapcontext(&scheduler_, &fiber->context);
      running_ = nullptr;
      if (fiber->error) Abort(fiber->error);
    }
    for (auto& fiber : fibers_) alive = alive || !fiber->done;
    if (alive) Release();
  }
  MergePrivate();
}

void ThreadBlock::Abort(std::exception_ptr error) {
  aborting_ = true;
  for (auto& fiber : fibers_) {
    if (fiber->done || fiber->wait == Wait::kNone) continue;
    running_ = fiber.get();
    swapcontext(&scheduler_, &fiber->context);
  }
  std::rethrow_exception(error);
}

void ThreadBlock::Leave(Fiber& fiber) {
  fiber.wait = Wait::kNone;
  fiber.meeting = meetings_;
  fiber.lent_at ^= 1;
}

// Every live thread waits. Lanes that wait for their warp go on, even when other lanes of it wait for the block: those
// are then not active. When nobody waits for a warp, the block meets.
void ThreadBlock::Release() {
  bool released = false;
  for (size_t first = 0; first < fibers_.size(); first += kWarpSize) {
    ++meetings_;
    for (size_t t = first; t < std::min(first + kWarpSize, fibers_.size()); ++t) {
      if (fibers_[t]->done || fibers_[t]->wait != Wait::kWarp) continue;
      Leave(*fibers_[t]);
      released = true;
    }
  }
  if (released) return;
  ++meetings_;
  const void* site = nullptr;
  for (auto& fiber : fibers_) {
    if (fiber->done) continue;
    if (site != nullptr && fiber->site != site) {
      Abort(std::make_exception_ptr(Stop(Stop::Kind::kInvalid, "threads of a block wait at different barriers")));
    }
    site = fiber->site;
    Leave(*fiber);
  }
}

void ThreadBlock::Suspend(Wait wait, const void* site) {
  Fiber* self = running_;
  self->wait = wait;
  self->site = site;
  swapcontext(&self->context, &scheduler_);
  if (aborting_) throw Stop(Stop::Kind::kInvalid, "another thread of the block stopped");
}

void ThreadBlock::Barrier(const void* site) { Suspend(Wait::kBlock, site); }
void ThreadBlock::WarpBarrier() { Suspend(Wait::kWarp, nullptr); }

void ThreadBlock::Exchange(int thread, std::vector<Scalar> value, const void* site) {
  Fiber& self = *fibers_[thread];
  self.lent[self.lent_at ^ 1] = std::move(value);
  Suspend(Wait::kBlock, site);
}

void ThreadBlock::WarpExchange(int thread, std::vector<Scalar> value) {
  Fiber& self = *fibers_[thread];
  self.lent[self.lent_at ^ 1] = std::move(value);
  Suspend(Wait::kWarp, nullptr);
}

const std::vector<Scalar>* ThreadBlock::Peer(int thread, int other) const {
  if (other < 0 || other >= threads() || fibers_[other]->meeting != fibers_[thread]->meeting) return nullptr;
  return &fibers_[other]->lent[fibers_[other]->lent_at];
}

Memory* ThreadBlock::Find(const void* key, int group, int64_t bytes, int64_t row_elements) {
  std::unique_ptr<Memory>& memory = shared_[{key, group}];
  if (memory == nullptr) {
    memory = std::make_unique<Memory>();
    memory->Allocate(bytes);
    memory->row_elements = row_elements;
  }
  return memory.get();
}

Memory* ThreadBlock::Shared(const void* key, int64_t bytes, int64_t row_elements) {
  return Find(key, -1, bytes, row_elements);
}

Memory* ThreadBlock::OfWarp(const void* key, int thread, int64_t bytes, int64_t row_elements) {
  return Find(key, thread / kWarpSize, bytes, row_elements);
}

void ThreadBlock::StartCopy(int thread, Pointer to, std::vector<uint8_t> bytes) {
  fibers_[thread]->open.push_back({to, std::move(bytes)});
}

void ThreadBlock::CommitCopies(int thread) {
  Fiber& self = *fibers_[thread];
  self.groups.push_back(std::move(self.open));
  self.open.clear();
}

void ThreadBlock::WaitForCopies(int thread, int64_t groups_in_flight) {
  Fiber& self = *fibers_[thread];
  while (static_cast<int64_t>(self.groups.size()) > groups_in_flight) {
    for (const Copy& copy : self.groups.front()) {
      std::memcpy(copy.to.memory->data + copy.to.offset, copy.bytes.data(), copy.bytes.size());
    }
    self.groups.pop_front();
  }
}

}  // namespace hone::interp
