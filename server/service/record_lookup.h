// RecordService.Query without gRPC: the best records of a workload for the device that asks. Several questions are
// answered at once, with bytes that are put together from what is stored: no message is built on the way.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "hone/v1/records.pb.h"
#include "server/database/database.h"
#include "server/service/gate.h"

namespace hone {

struct LookupQuestion {
  const Identity* who = nullptr;
  const v1::QueryRequest* request = nullptr;
};

// Thread-safe; blocks on the database.
class RecordLookup {
 public:
  explicit RecordLookup(Database& database) : database_(database) {}

  // For each question the bytes of its hone.v1.QueryResponse.
  std::vector<absl::StatusOr<std::string>> Answer(absl::Span<const LookupQuestion> questions);

 private:
  struct WorkloadBytes {
    std::string with_script, without_script;  // Of a hone.v1.Match that has nothing else.
  };
  using SharedBytes = std::shared_ptr<const WorkloadBytes>;

  absl::StatusOr<std::string> AnswerOf(const LookupQuestion& question, RecordQuery query,
                                       absl::StatusOr<std::vector<EncodedRecord>> best);
  // What fits the asking device, the best fits first.
  absl::StatusOr<std::string> ByFit(const v1::QueryRequest& request, RecordQuery query);
  // Null when there is no such workload.
  absl::StatusOr<SharedBytes> BytesOfWorkload(const Digest& id);
  absl::Status AppendMatch(const EncodedRecord& record, bool with_script, v1::Fit fit,
                           const std::string& deciding_field, std::string* response);

  Database& database_;
  // Workloads never change: those used last are kept, and dropped all at once when they are too many.
  std::mutex mutex_;
  std::unordered_map<std::string, SharedBytes> workloads_;  // By raw id.
  size_t workload_bytes_ = 0;
};

}  // namespace hone
