// The rules of RecordService without gRPC: what an identity may see and store. Thread-safe; blocks on the database.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "hone/v1/records.pb.h"
#include "server/database/database.h"
#include "server/service/gate.h"
#include "server/service/record_lookup.h"

namespace hone {

class Records {
 public:
  explicit Records(Database& database, int max_trace_instructions = kMaxTraceInstructions)
      : database_(database), max_trace_instructions_(max_trace_instructions), lookup_(database) {}

  // Several at once, each answered with the bytes of its QueryResponse.
  std::vector<absl::StatusOr<std::string>> Query(absl::Span<const LookupQuestion> questions);
  absl::StatusOr<v1::QueryResponse> Query(const Identity& who, const v1::QueryRequest& request);
  absl::StatusOr<v1::Match> GetRecord(const Identity& who, const v1::GetRecordRequest& request);
  absl::StatusOr<v1::ListRecordsResponse> ListRecords(const Identity& who, const v1::ListRecordsRequest& request);
  absl::StatusOr<v1::Workload> GetWorkload(const Identity& who, const v1::GetWorkloadRequest& request);
  absl::StatusOr<v1::CommitResponse> Commit(const Identity& who, const v1::CommitRequest& request);
  absl::StatusOr<v1::StatsResponse> Stats(const Identity& who);
  absl::StatusOr<v1::PromoteResponse> Promote(const Identity& who, const v1::PromoteRequest& request);

  // One chunk of an import, added to `total`; bad entries are counted and passed over.
  absl::Status ImportChunk(const Identity& who, const std::string& pool, const v1::ImportChunk& chunk,
                           v1::ImportResponse& total);
  // Gives chunks of some hundred records until `send` returns false.
  absl::Status Export(const Identity& who, const v1::ExportRequest& request,
                      const std::function<bool(v1::ExportChunk)>& send);

 private:
  // With `pass_over`, records that cannot be stored are counted as bad; without, one of them refuses all.
  absl::Status AddChunk(const Identity& who, const std::string& pool, const v1::ImportChunk& chunk, bool pass_over,
                        v1::ImportResponse& total);
  absl::Status ExportWorkloads(const std::vector<std::string>& pools, const std::function<bool(v1::ExportChunk)>& send);
  absl::StatusOr<v1::Match> MatchOf(const TuningRecord& record, bool with_script);

  Database& database_;
  const int max_trace_instructions_;
  RecordLookup lookup_;
};

}  // namespace hone
