// What one tenant may ask of a server at a time: jobs, trials, calls, streams; and its share of the workers. Read from
// the file of --limits, JSON:
//   {"default": {"jobs": 200, "open_trials": 10000000, "calls_per_second": 500, "streams": 500, "weight": 1},
//    "tenants": {"team-a": {"weight": 2, "reads": ["team-b"]}}}
// What a tenant's object leaves out is the default's; what the default leaves out is below.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace hone {

struct TenantLimits {
  int64_t jobs = 200;                // That have not ended.
  int64_t open_trials = 10'000'000;  // Of these jobs, not done.
  double calls_per_second = 500;     // Over a second; twice as many in a burst. Workers' calls are not counted.
  int64_t streams = 500;             // Open watches, imports and exports.
  double weight = 1;                 // Share of the workers while tenants compete.
  std::vector<std::string> reads;    // Pools of records granted to it, besides its own and "shared".
};

struct Limits {
  TenantLimits otherwise;
  std::map<std::string, TenantLimits, std::less<>> tenants;

  const TenantLimits& Of(std::string_view tenant) const {
    auto it = tenants.find(tenant);
    return it == tenants.end() ? otherwise : it->second;
  }
};

// NotFound, or InvalidArgument naming the field and what was expected.
absl::StatusOr<Limits> LimitsFromFile(const std::string& path);
absl::StatusOr<Limits> LimitsFromJson(std::string_view text);

// Lets a tenant call at its rate: a bucket of two seconds' worth, refilled all the time. Thread-safe.
class RateLimiter {
 public:
  // ResourceExhausted with the payload kRetryAfterPayload (milliseconds, decimal) when the bucket is empty.
  absl::Status Take(std::string_view tenant, double calls_per_second, absl::Time now);

 private:
  struct Bucket {
    double calls = 0;
    absl::Time filled;
  };
  absl::Mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_ ABSL_GUARDED_BY(mutex_);
};
constexpr std::string_view kRetryAfterPayload = "hone/retry-after-ms";

// How many streams each tenant has open. Thread-safe.
class StreamCounter {
 public:
  absl::Status Open(const std::string& tenant, int64_t limit);
  void Close(const std::string& tenant);

 private:
  absl::Mutex mutex_;
  std::map<std::string, int64_t> open_ ABSL_GUARDED_BY(mutex_);
};

// Whether a text that comes from outside may be given to a JSON parser: its size, and how deep its brackets nest. Says
// nothing about its syntax. InvalidArgument naming `field`.
absl::Status CheckJsonShape(std::string_view field, std::string_view text, size_t max_bytes, int max_depth);

// A trace's replay takes time for each instruction. InvalidArgument naming `field` for more than `max` of them; what is
// no trace has none.
constexpr int kMaxTraceInstructions = 10'000;
absl::Status CheckTraceInstructions(std::string_view field, std::string_view trace_json, int max);

}  // namespace hone
