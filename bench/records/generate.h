// Made-up records in the shape of real ones: many workloads under three keys, device classes with their targets, a few
// trace skeletons a workload, decisions of about a hundred bytes, raw times, failures with messages, four pools.
// Everything follows from the record's number, so that loader and clients know the same ones.
#pragma once

#include <cstdint>

#include "common/record/tuning_record.h"
#include "common/record/workload.h"

namespace hone::bench {

struct Shape {
  int64_t records = 100'000;
  int workloads = 2'000;
  int devices = 12;
  int job_trials = 1'000;  // Records of one job: one workload on one device.
};

Workload WorkloadAt(int number);
DeviceFingerprint DeviceAt(int number);
std::string TargetAt(int device);
// Its workload is WorkloadAt(WorkloadOf(...)).
TuningRecord RecordAt(const Shape& shape, int64_t number);
int WorkloadOf(const Shape& shape, int64_t record);
int DeviceOf(const Shape& shape, int64_t record);

}  // namespace hone::bench
