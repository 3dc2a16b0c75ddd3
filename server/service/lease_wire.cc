#include "server/service/lease_wire.h"

#include <algorithm>

#include "common/support/status_macros.h"
#include "common/wire/records_wire.h"
#include "server/wire/jobs_wire.h"

namespace hone {
namespace {

constexpr uint32_t kMaxSlots = 256;
constexpr int kMaxCandidates = 100'000;
constexpr v1::Role kRoles[kNumRoles] = {v1::ROLE_SEARCH, v1::ROLE_BUILD, v1::ROLE_RUN};

std::string IdBytes(const Digest& id) { return id == Digest{} ? std::string() : id.Raw(); }

}  // namespace

v1::ServerMessage SearchMessage(const SendSearch& send, const JobDefinition& job) {
  v1::ServerMessage message;
  v1::SearchLease& lease = *message.mutable_search();
  *lease.mutable_token() = ToProto(send.token);
  lease.set_job_id(send.job_id);
  lease.set_task(send.task);
  lease.set_round(send.round);
  JobDefinition one = job;
  TaskDefinition task = one.tasks[send.task];
  one.tasks = {std::move(task)};
  *lease.mutable_job() = ToProto(one);
  lease.mutable_task_spec()->Swap(lease.mutable_job()->mutable_tasks(0));
  lease.mutable_job()->clear_tasks();
  lease.set_max_trials(std::min(job.max_trials, job.max_trials_per_task));
  for (const auto& round : send.results) {
    v1::SearchResults& results = *lease.add_results();
    for (const SearchResult& result : round) {
      v1::SearchResult& proto = *results.add_results();
      if (result.failure) *proto.mutable_failure() = ToProto(*result.failure);
      proto.set_median_secs(result.median_secs);
    }
  }
  return message;
}

v1::ServerMessage BuildMessage(const SendBuild& send, const JobDefinition& job) {
  const TaskDefinition& task = job.tasks[send.slot.task];
  v1::ServerMessage message;
  v1::BuildLease& lease = *message.mutable_build();
  *lease.mutable_token() = ToProto(send.token);
  *lease.mutable_slot() = ToProto(send.slot);
  lease.mutable_candidate()->set_workload_id(task.workload.id.Raw());
  lease.mutable_candidate()->set_skeleton_id(IdBytes(send.candidate.skeleton_id));
  lease.mutable_candidate()->set_decisions_json(send.candidate.decisions_json);
  lease.set_target_json(task.target_json);
  lease.set_timeout_secs(absl::ToDoubleSeconds(job.build_timeout));
  lease.set_memory_bytes(job.policy.memory_bytes);
  return message;
}

v1::ServerMessage RunMessage(const SendRun& send, const JobDefinition& job) {
  const TaskDefinition& task = job.tasks[send.slot.task];
  v1::ServerMessage message;
  v1::RunLease& lease = *message.mutable_run();
  *lease.mutable_token() = ToProto(send.token);
  *lease.mutable_slot() = ToProto(send.slot);
  lease.set_artifact_key(send.artifact_key.Raw());
  lease.set_workload_id(task.workload.id.Raw());
  lease.set_target_json(task.target_json);
  *lease.mutable_policy() = ToProto(job.policy);
  lease.set_best_so_far(send.best_so_far);
  return message;
}

absl::StatusOr<SearchRound> SearchRoundOf(const v1::SearchDone& done) {
  if (done.candidates_size() > kMaxCandidates) return absl::InvalidArgumentError("too many candidates in a round");
  SearchRound round;
  for (const v1::SearchCandidate& proto : done.candidates()) {
    SearchCandidate& candidate = round.candidates.emplace_back();
    HONE_ASSIGN_OR_RETURN(candidate.skeleton_id, DigestFromBytes(proto.skeleton_id(), "skeleton_id"));
    candidate.decisions_json = proto.decisions_json();
    candidate.predicted_score = proto.predicted_score();
  }
  round.log = done.log();
  round.search_secs = done.search_secs();
  round.model_secs = done.model_secs();
  return round;
}

WorkerInfo WorkerInfoOf(const v1::Register& r) {
  WorkerInfo info;
  info.name = r.name();
  for (int role : r.roles()) {
    auto slots = [](uint32_t asked) { return static_cast<int>(std::clamp(asked, 1u, kMaxSlots)); };
    if (role == v1::ROLE_SEARCH) info.slots[static_cast<int>(WorkerRole::kSearch)] = 1;
    if (role == v1::ROLE_BUILD) info.slots[static_cast<int>(WorkerRole::kBuild)] = slots(r.build_slots());
    if (role == v1::ROLE_RUN) info.slots[static_cast<int>(WorkerRole::kRun)] = slots(r.run_slots());
  }
  info.target_json = r.target_json();
  info.build_kinds.insert(r.build_kinds().begin(), r.build_kinds().end());
  info.device = FromProto(r.device());
  info.revisions = FromProto(r.revisions());
  info.incarnation = r.incarnation();
  info.canary = r.canary();
  return info;
}

v1::QueueReport QueueToProto(const Coordinator::TargetQueue& queue) {
  v1::QueueReport report;
  report.set_role(kRoles[static_cast<int>(queue.role)]);
  report.set_target_json(queue.target_json);
  report.set_waiting(queue.waiting);
  report.set_workers(static_cast<uint32_t>(queue.workers));
  report.set_busy(static_cast<uint32_t>(queue.busy));
  return report;
}

v1::WorkerReport WorkerToProto(const WorkerState& worker, absl::Time now) {
  v1::WorkerReport report;
  report.set_name(worker.info.name);
  for (int role = 0; role < kNumRoles; ++role) {
    if (worker.info.slots[role] > 0) report.add_roles(kRoles[role]);
  }
  bool quarantined = worker.health.Quarantined(now);
  report.set_state(!worker.connected       ? "lost"
                   : worker.draining       ? "draining"
                   : quarantined           ? "quarantined"
                   : worker.leases.empty() ? "idle"
                                           : "busy");
  *report.mutable_device() = ToProto(worker.info.device);
  *report.mutable_revisions() = ToProto(worker.info.revisions);
  report.set_finished(worker.finished);
  report.set_failed(worker.failed);
  report.set_connected_unix_secs(ToUnixSecs(worker.connected_at));
  report.set_last_heartbeat_unix_secs(ToUnixSecs(worker.heartbeat_at));
  report.set_target_json(worker.info.target_json);
  report.set_slots(worker.info.slots[1] + worker.info.slots[2]);
  report.set_reason(worker.health.reason());
  report.set_canary_secs(worker.health.canary_secs());
  report.set_canary_baseline_secs(worker.health.baseline_secs());
  return report;
}

}  // namespace hone
