#include "common/interp/thread_block.h"

namespace hone::interp {
namespace {
constexpr size_t kStackBytes = 128 << 10;
}

ThreadBlock::ThreadBlock(const Frame& frame, int threads, const std::function<void(Frame&, int)>& set_up) {
  exchange_[0].resize(threads);
  exchange_[1].resize(threads);
  exchange_phase_.resize(threads);
  for (int t = 0; t < threads; ++t) {
    auto fiber = std::make_unique<Fiber>();
    fiber->frame = frame;
    fiber->frame.block = this;
    fiber->frame.thread = t;
    fiber->stack = std::make_unique<char[]>(kStackBytes);
    fiber->block = this;
    set_up(fiber->frame, t);
    fibers_.push_back(std::move(fiber));
  }
}

ThreadBlock::~ThreadBlock() = default;

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
  while (alive) {  // One turn takes every live thread to its next barrier or its end.
    alive = false;
    for (auto& fiber : fibers_) {
      if (fiber->done) continue;
      running_ = fiber.get();
      swapcontext(&scheduler_, &fiber->context);
      running_ = nullptr;
      if (fiber->error) std::rethrow_exception(fiber->error);
      alive = alive || !fiber->done;
    }
  }
}

void ThreadBlock::Barrier() {
  Fiber* self = running_;
  swapcontext(&self->context, &scheduler_);
}

const std::vector<Scalar>& ThreadBlock::Exchange(int thread, Scalar value) {
  // Two buffers, so that a fast thread's next exchange does not overwrite what a slow one still reads.
  const int phase = exchange_phase_[thread]++ & 1;
  exchange_[phase][thread] = value;
  Barrier();
  return exchange_[phase];
}

Memory* ThreadBlock::Shared(const void* key, int64_t bytes) {
  std::unique_ptr<Memory>& memory = shared_[key];
  if (memory == nullptr) {
    memory = std::make_unique<Memory>();
    memory->Allocate(bytes);
  }
  return memory.get();
}

}  // namespace hone::interp
