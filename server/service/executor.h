// A few threads for calls that wait for a database, so that no thread of gRPC does. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hone {

class Executor {
 public:
  explicit Executor(int threads);
  ~Executor();  // Runs what is queued, then joins.

  // False when `limit` tasks wait already: the caller refuses with ResourceExhausted.
  bool Run(std::function<void()> task);

 private:
  static constexpr size_t kLimit = 10'000;
  void Loop();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hone
