// Threads that take all tasks that wait at once, up to a number: what costs a batch little more than one task is done
// for all of them. A task waits for no other to come. Thread-safe.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace hone {

template <typename Task>
class Batcher {
 public:
  // `run` is given one task or more, in the order of their coming, on any of the threads; it must not throw.
  Batcher(int threads, size_t max_batch, std::function<void(std::vector<Task>)> run)
      : max_batch_(max_batch), run_(std::move(run)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
  }
  // Runs what waits, then joins.
  ~Batcher() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    ready_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  // False, with the task untouched, when too many wait already: the caller refuses with ResourceExhausted.
  bool Add(Task& task) {
    {
      std::lock_guard lock(mutex_);
      if (tasks_.size() >= kLimit) return false;
      tasks_.push_back(std::move(task));
    }
    ready_.notify_one();
    return true;
  }

 private:
  static constexpr size_t kLimit = 10'000;

  // Empty at the end.
  std::vector<Task> Take() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    const auto end = tasks_.begin() + static_cast<std::ptrdiff_t>(std::min(max_batch_, tasks_.size()));
    std::vector<Task> batch(std::make_move_iterator(tasks_.begin()), std::make_move_iterator(end));
    tasks_.erase(tasks_.begin(), end);
    return batch;
  }
  void Loop() {
    while (true) {
      std::vector<Task> batch = Take();
      if (batch.empty()) return;
      run_(std::move(batch));
    }
  }

  const size_t max_batch_;
  const std::function<void(std::vector<Task>)> run_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hone
