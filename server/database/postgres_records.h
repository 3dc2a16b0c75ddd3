// Writing and reading rows of `records`, `workloads` and `skeletons` within a transaction.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/record/tuning_record.h"
#include "common/record/workload.h"

namespace pqxx {
class transaction_base;
class row;
}  // namespace pqxx

namespace hone {

absl::Status InsertWorkloads(pqxx::transaction_base& work, absl::Span<const Workload> workloads);
// FailedPrecondition when a workload is missing. Returns how many records were new.
absl::StatusOr<int64_t> InsertRecords(pqxx::transaction_base& work, absl::Span<const TuningRecord> records);

// What RecordOf needs, in its order; to be followed by WHERE and so on.
extern const char* const kSelectRecord;
absl::StatusOr<TuningRecord> RecordOf(const pqxx::row& row);
extern const char* const kSelectWorkload;
absl::StatusOr<Workload> WorkloadOf(const pqxx::row& row);

}  // namespace hone
