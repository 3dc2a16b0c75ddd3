#include "bench/timing.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cmath>
#include <thread>

#include "worker/runner/local_runner.h"
#include "worker/runner/statistics.h"

namespace hone::bench {
namespace {

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double TimeCalls(const std::function<void()>& body, int64_t calls) {
  const double start = Now();
  for (int64_t i = 0; i < calls; ++i) body();
  return Now() - start;
}

// Seconds a call: the lower quartile of slices, as the runner has it for kernels (docs/measurement.md), so that
// libraries are treated alike.
constexpr double kSliceSeconds = 0.4e-3;
double TakeSample(const std::function<void()>& body, int64_t calls, int64_t slices) {
  std::vector<double> times;
  for (int64_t i = 0; i < slices; ++i) {
    const int64_t count = calls * (i + 1) / slices - calls * i / slices;
    times.push_back(TimeCalls(body, count) / static_cast<double>(count));
  }
  return runner::Quantile(times, 0.25);
}

}  // namespace

Timing MedianOf(const std::function<void()>& body, int samples, double min_sample_seconds) {
  body();
  int64_t calls = 1;
  double seconds = TimeCalls(body, calls);
  while (seconds < min_sample_seconds && calls < (int64_t{1} << 40)) {
    calls = std::max(calls * 2, static_cast<int64_t>(std::ceil(min_sample_seconds / std::max(seconds, 1e-9) * calls)));
    seconds = TimeCalls(body, calls);
  }
  Timing timing;
  const int64_t slices =
      std::clamp<int64_t>(static_cast<int64_t>(seconds / kSliceSeconds), 1, std::min<int64_t>(calls, 16));
  for (int i = 0; i < samples; ++i) timing.samples.push_back(TakeSample(body, calls, slices));
  timing.median_seconds = runner::Median(timing.samples);
  return timing;
}

double RunOnCpus(const std::vector<int>& cpus, const std::function<void(size_t)>& body) {
  std::atomic<size_t> ready = 0;
  std::atomic<bool> go = false;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < cpus.size(); ++i) {
    threads.emplace_back([&, i] {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cpus[i], &set);
      pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
      ++ready;
      while (!go.load()) std::this_thread::yield();
      body(i);
    });
  }
  while (ready.load() < cpus.size()) std::this_thread::yield();
  const double start = Now();
  go = true;
  for (std::thread& thread : threads) thread.join();
  return Now() - start;
}

std::vector<int> BenchCpus(int count) { return runner::DefaultMeasureCpus(count == 0 ? INT_MAX : count); }

void ConfineTo(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu : cpus) CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

}  // namespace hone::bench
