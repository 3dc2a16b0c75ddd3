// What --json prints: a stable form, independent of the protocol's messages. One line each, keys in a fixed order.
#pragma once

#include <string>

#include "hone/v1/records.pb.h"
#include "hone/v1/tuning.pb.h"

namespace hone::cli {

// Of a job's tasks: how many have a best program, and their share of the weighted work (weight times operations; by
// weight alone where operations are not known), 0 to 1.
struct Coverage {
  int tasks = 0;
  int with_best = 0;
  double weight_share = 0;
};
Coverage CoverageOf(const v1::JobReport& job);

std::string JobJson(const v1::JobReport& job);
std::string JobsJson(const v1::ListJobsResponse& jobs);
// {"cursor": ..., "time": ..., then one of "report", "trial", "log"}
std::string JobEventJson(const v1::JobEvent& event);
std::string WorkerJson(const v1::WorkerReport& worker);
std::string WorkersJson(const v1::ListWorkersResponse& workers);
std::string MatchJson(const v1::Match& match);
std::string MatchesJson(const v1::QueryResponse& matches);
std::string RecordsJson(const v1::ListRecordsResponse& records);
std::string StatsJson(const v1::StatsResponse& stats);

// "running", "verified", "wrong-result", "search", ...: the spelling of the design.
std::string StateName(v1::JobState state);
std::string TrustName(v1::Trust trust);
std::string FailureName(v1::FailureKind kind);
std::string RoleName(v1::Role role);
std::string MetricName(v1::Metric metric);
std::string FitName(v1::Fit fit);

}  // namespace hone::cli
