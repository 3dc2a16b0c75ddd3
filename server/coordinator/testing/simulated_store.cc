#include "server/coordinator/testing/simulated_store.h"

#include "common/support/strings.h"

namespace hone::testing {

bool SimulatedStore::Commit(uint64_t epoch, const std::vector<SimWrite>& writes) {
  if (epoch != epoch_) return false;
  for (const SimWrite& write : writes) {
    for (const SaveRound& round : write.rounds) Store(round);
    for (const SaveOutcome& outcome : write.outcomes) Store(outcome);
    for (const SaveJobState& change : write.jobs) Store(change);
  }
  return true;
}

void SimulatedStore::Store(const SaveRound& round) {
  StoredSimJob& job = jobs_.at(round.job_id);
  if (round.plan.sequence != job.rounds.size()) return violation_("rounds are not stored in sequence");
  job.rounds.push_back(round.plan);
}

void SimulatedStore::Store(const SaveOutcome& save) {
  StoredSimJob& job = jobs_.at(save.slot.job_id);
  if (Ended(job.state) && job.state != JobState::kCancelled) violation_("an outcome came after the end of its job");
  size_t rounds_of_task = 0;
  for (const RoundPlan& plan : job.rounds) rounds_of_task += plan.task == save.slot.task;
  if (save.slot.round != kBaselineRound && save.slot.round >= rounds_of_task) {
    violation_("an outcome was stored before its round");
  }
  StoredOutcome outcome{save.token, save.outcome, save.candidate.decisions_json};
  if (!job.outcomes.emplace(save.slot, outcome).second) violation_("a slot was counted twice");
}

void SimulatedStore::Store(const SaveJobState& change) {
  StoredSimJob& job = jobs_.at(change.job_id);
  if (Ended(job.state)) return violation_("a job ended twice");
  job.state = change.state;
  if (change.state != JobState::kDone) return;
  size_t planned = 0, done = 0;
  for (const RoundPlan& plan : job.rounds) planned += plan.candidates.size();
  for (const auto& [slot, outcome] : job.outcomes) done += slot.round != kBaselineRound;
  if (planned != done) violation_(StrCat("the job ended with ", done, " of ", planned, " trials stored"));
}

bool SimulatedStore::Has(const Slot& slot) const { return jobs_.at(slot.job_id).outcomes.contains(slot); }

bool SimulatedStore::AllEnded() const {
  for (const auto& [id, job] : jobs_) {
    if (!Ended(job.state)) return false;
  }
  return true;
}

}  // namespace hone::testing
