// Finds what a job starts from: records of its workloads, and of near ones, that were verified for the same target;
// first those of the devices that will measure it, then, for their traces and without their times, those of others.
// They are pinned: copied into the job when it is created, so that its rounds stay a function of what it says, whatever
// happens to the records.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/coordinator/job.h"
#include "server/database/database.h"

namespace hone {

constexpr int kMaxWarmStarts = 16;     // Of a task, of its own workload.
constexpr int kMaxNearWarmStarts = 8;  // Of workloads that share its anchor block.

// Classes of the devices that serve a target, by its JSON. None: nobody knows yet, and all records of the target count
// as of the same device.
using DeviceClasses = std::map<std::string, std::set<std::string>>;

// Fills warm_starts of each task, the fastest first, from records in these pools (empty = all). Jobs of other
// strategies than "evolutionary" are left as they are. Blocks on the database; its errors are returned, with `job` as
// it was.
absl::Status AddWarmStarts(Database& records, const std::vector<std::string>& pools, const DeviceClasses& devices,
                           JobDefinition& job);

}  // namespace hone
