#include "server/search/parallel_for.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace hone {

void ParallelFor(int n, int threads, const std::function<void(int)>& f) {
  std::atomic<int> next{0};
  auto work = [&] {
    for (int i = next.fetch_add(1); i < n; i = next.fetch_add(1)) f(i);
  };
  std::vector<std::thread> others;
  for (int t = 1; t < std::min(threads, n); ++t) others.emplace_back(work);
  work();
  for (std::thread& thread : others) thread.join();
}

}  // namespace hone
