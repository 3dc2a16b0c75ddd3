// Leases and workers as messages of worker.proto and tuning.proto.
#pragma once

#include "absl/status/statusor.h"
#include "hone/v1/tuning.pb.h"
#include "hone/v1/worker.pb.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/workers.h"

namespace hone {

v1::ServerMessage SearchMessage(const SendSearch& send, const JobDefinition& job);
v1::ServerMessage BuildMessage(const SendBuild& send, const JobDefinition& job);
v1::ServerMessage RunMessage(const SendRun& send, const JobDefinition& job);
absl::StatusOr<SearchRound> SearchRoundOf(const v1::SearchDone& done);
WorkerInfo WorkerInfoOf(const v1::Register& registration);
v1::QueueReport QueueToProto(const Coordinator::TargetQueue& queue);
// `now`: on the coordinator's steady clock.
v1::WorkerReport WorkerToProto(const WorkerState& worker, absl::Time now);

}  // namespace hone
