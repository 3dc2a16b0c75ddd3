// Where workloads and tuning records are kept. Kinds: memory, json, postgres, union, ordered-union, schedule-fn,
// remote; one suite of tests (database_suite.h) runs on every kind that stores.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/record/tuning_record.h"
#include "common/record/workload.h"

namespace hone {

// Where and for what a record was measured: records that agree in both fit an asking device equally well.
struct DeviceTarget {
  std::string device_class;
  std::string target_json;
  auto operator<=>(const DeviceTarget&) const = default;
};

// What RecordService asks: the best records of one group of workloads.
struct RecordQuery {
  Digest key;  // Grouping key under `equality`.
  ModuleEquality equality = ModuleEquality::kStructural;
  std::string target_json;            // Empty = any.
  std::string device_class;           // Empty = any.
  std::vector<DeviceTarget> devices;  // Only of these; empty = any.
  Metric metric = Metric::kSeconds;
  std::vector<Trust> trust = {Trust::kVerified};
  std::vector<std::string> pools;  // Empty = all.
  int limit = 1;
};

// A record as an answer carries it.
struct EncodedRecord {
  Digest workload_id;
  std::string bytes;  // Of a hone.v1.TuningRecord.
};

struct RecordPageRequest {
  std::string job_id;              // Empty = all.
  Digest workload_id;              // Zero = all.
  std::vector<std::string> pools;  // Empty = all.
  bool include_failed = true;
  uint64_t after = 0;  // Cursor of the page before; 0 = from the start.
  int limit = 100;
};
struct RecordPage {
  std::vector<TuningRecord> records;  // In the order of insertion.
  uint64_t cursor = 0;                // 0 = no more.
};

struct DatabaseStats {
  int64_t workloads = 0;
  int64_t records = 0;
  std::map<std::string, int64_t> by_trust, by_failure, by_device_class;
};

// How many failures are kept: they teach a cost model what not to build, and pile up. A failure goes when it is older
// than max_age, or when its workload has more than per_workload younger ones; those of `live_jobs` stay, which a resume
// needs.
struct FailureRetention {
  int64_t per_workload = 10'000;
  absl::Duration max_age = absl::Hours(24 * 90);
  std::vector<std::string> live_jobs;
  int64_t limit = 10'000;  // At most so many in one call, the oldest first.
};

// Thread-safe. Errors: Unimplemented where a kind cannot do it (as TVM's union); Unavailable when the store is away;
// DataLoss when what it holds cannot be read.
class Database {
 public:
  virtual ~Database() = default;
  virtual ModuleEquality module_equality() const = 0;

  // Whether a workload equal to this one is stored.
  virtual absl::StatusOr<bool> HasWorkload(const Workload& workload) = 0;
  // The stored workload equal to this one; stores it when there is none.
  virtual absl::StatusOr<Workload> CommitWorkload(const Workload& workload) = 0;
  virtual absl::StatusOr<std::optional<Workload>> FindWorkload(const Digest& id) = 0;
  // The first stored workload with this key, of those in these pools (empty = all).
  virtual absl::StatusOr<std::optional<Workload>> FindWorkloadByKey(ModuleEquality equality, const Digest& key,
                                                                    const std::vector<std::string>& pools = {}) = 0;
  virtual absl::StatusOr<std::vector<Workload>> GetAllWorkloads() = 0;

  // Stores records; those without an id get RecordId. One whose id is stored already is passed over. All or none.
  // FailedPrecondition when a record's workload was not committed to this database. Returns how many were new.
  virtual absl::StatusOr<int64_t> CommitRecords(absl::Span<const TuningRecord> records) = 0;

  // Valid records of workloads equal to this one, by rising mean time, ties in the order of insertion; at most k.
  // The target does not count. InvalidArgument when k < 0.
  virtual absl::StatusOr<std::vector<TuningRecord>> GetTopK(const Workload& workload, int k) = 0;
  // All, invalid ones too. Memory and postgres: in the order of insertion; json: by rising mean time.
  virtual absl::StatusOr<std::vector<TuningRecord>> GetAllRecords() = 0;
  virtual absl::StatusOr<int64_t> Size() = 0;
  // The best record for a workload; nullopt when there is none. Stock kinds ignore target and name.
  virtual absl::StatusOr<std::optional<TuningRecord>> QueryRecord(const Workload& workload,
                                                                  std::string_view target_json,
                                                                  std::string_view workload_name);
  // Best measured records by median, fastest first.
  virtual absl::StatusOr<std::vector<TuningRecord>> Best(const RecordQuery& query) = 0;
  // Best for several questions at once, and what it would say of each; for services, which answer with bytes.
  virtual std::vector<absl::StatusOr<std::vector<EncodedRecord>>> BestEncoded(absl::Span<const RecordQuery> queries);
  // The record with an id that starts with these hexadecimal digits. NotFound; InvalidArgument when there are several.
  virtual absl::StatusOr<TuningRecord> FindRecord(std::string_view id_prefix) = 0;
  virtual absl::StatusOr<RecordPage> ListRecords(const RecordPageRequest& request) = 0;
  // Of the records and workloads in these pools; empty = all.
  virtual absl::StatusOr<DatabaseStats> Stats(const std::vector<std::string>& pools) = 0;

  // The devices and targets that records matching `query` may have, whatever `query` says of them.
  virtual absl::StatusOr<std::vector<DeviceTarget>> DevicesOf(const RecordQuery& query);
  // A workload is in the pools of its records, and in those it was added to.
  virtual absl::Status AddToPool(const Digest& workload_id, const std::string& pool);
  virtual absl::StatusOr<bool> WorkloadInPools(const Digest& workload_id, const std::vector<std::string>& pools);
  // Removes failures; returns how many. Unimplemented where records are in files of TVM's, which only grow.
  virtual absl::StatusOr<int64_t> TrimFailures(const FailureRetention& retention, absl::Time now);
};

// For each workload of `source`, the valid record with the smallest mean goes to `destination`.
absl::Status DumpPruned(Database& source, Database& destination);

}  // namespace hone
