// The database of a simulated farm: what survives the death of its servers. It checks, as it stores, what a database
// can see of the service's guarantees. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/coordinator/coordinator.h"

namespace hone::testing {

struct StoredOutcome {
  LeaseToken token;
  Outcome outcome;
  std::string decisions;
};

struct StoredSimJob {
  JobDefinition definition;
  std::vector<RoundPlan> rounds;
  std::map<Slot, StoredOutcome> outcomes;
  JobState state = JobState::kRunning;
};

// What one transaction brings.
struct SimWrite {
  std::vector<SaveRound> rounds;
  std::vector<SaveOutcome> outcomes;
  std::vector<SaveJobState> jobs;
};

class SimulatedStore {
 public:
  explicit SimulatedStore(std::function<void(std::string)> violation) : violation_(std::move(violation)) {}

  uint64_t Lead() { return ++epoch_; }
  // False: another server leads; nothing was stored.
  bool Commit(uint64_t epoch, const std::vector<SimWrite>& writes);
  void Insert(JobDefinition job) { jobs_[job.id].definition = std::move(job); }

  bool Has(const Slot& slot) const;
  const std::map<std::string, StoredSimJob>& jobs() const { return jobs_; }
  bool AllEnded() const;

 private:
  void Store(const SaveRound& round);
  void Store(const SaveOutcome& outcome);
  void Store(const SaveJobState& change);

  const std::function<void(std::string)> violation_;
  uint64_t epoch_ = 0;
  std::map<std::string, StoredSimJob> jobs_;
};

}  // namespace hone::testing
