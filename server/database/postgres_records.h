// Writing and reading rows of `records` and of the tables that records share, within a transaction.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/record/tuning_record.h"
#include "common/record/workload.h"
#include "server/database/database.h"
#include "server/database/postgres_shared.h"

namespace pqxx {
class result;
class transaction_base;
class row;
}  // namespace pqxx

namespace hone {

absl::Status InsertWorkloads(pqxx::transaction_base& work, absl::Span<const Workload> workloads);
// FailedPrecondition when a workload is missing. Returns how many records were new. A few go as arrays, many by COPY.
// Unavailable: another transaction stored one of them just now; the same call may be repeated.
absl::StatusOr<int64_t> InsertRecords(pqxx::transaction_base& work, absl::Span<const TuningRecord> records);

// "SELECT " and what RecordsOf needs, in its order, of rows `r` of records.
extern const char* const kRecordColumns;
// The records of these rows; what they share comes from `shared`, with further queries in `work` for what it lacks.
absl::StatusOr<std::vector<TuningRecord>> RecordsOf(pqxx::transaction_base& work, const pqxx::result& rows,
                                                    SharedRows& shared);
extern const char* const kSelectWorkload;
absl::StatusOr<Workload> WorkloadOf(const pqxx::row& row);

// Removes failures as FailureRetention says and sums up the counts; returns how many records went.
absl::StatusOr<int64_t> DeleteFailures(pqxx::transaction_base& work, const FailureRetention& retention, absl::Time now);

}  // namespace hone
