// A database in a folder, in TVM's two files:
//   database_workload.json, database_tuning_record.json   one line an entry, as TVM 0.19 writes and reads them
//   hone_workload.jsonl, hone_record.jsonl                what TVM's lines do not hold: [line, "check", {...}]
// `check` is the start of the SHA-256 of TVM's line; an entry of ours counts only for the line it was written for, so
// files that TVM wrote or changed load as well (records are then `imported`). Each commit is appended and flushed; a
// line cut short by a crash is cut off at the next opening. One process writes at a time: hone.lock says who.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/record/tvm_line.h"
#include "server/database/database.h"
#include "server/database/record_index.h"

namespace hone {

struct JsonDatabaseOptions {
  ModuleEquality equality = ModuleEquality::kStructural;
  ModuleCodec codec;
  bool read_only = false;     // Takes no lock, creates nothing; commits fail.
  bool allow_missing = true;  // Creates folder and empty files; else NotFound.
};

class JsonDatabase final : public Database {
 public:
  // FailedPrecondition when another process holds the folder (the message says which); NotFound and PermissionDenied
  // name the path. Bad lines are passed over and listed in warnings().
  static absl::StatusOr<std::unique_ptr<JsonDatabase>> Open(const std::string& folder, JsonDatabaseOptions options);
  ~JsonDatabase() override;

  // "database_tuning_record.json line 17: ...", at most 100 and then a count.
  const std::vector<std::string>& warnings() const { return warnings_; }

  ModuleEquality module_equality() const override { return options_.equality; }
  absl::StatusOr<bool> HasWorkload(const Workload& workload) override;
  absl::StatusOr<Workload> CommitWorkload(const Workload& workload) override;
  absl::StatusOr<std::optional<Workload>> FindWorkload(const Digest& id) override;
  absl::StatusOr<std::vector<Workload>> GetAllWorkloads() override;
  absl::StatusOr<int64_t> CommitRecords(absl::Span<const TuningRecord> records) override;
  absl::StatusOr<std::vector<TuningRecord>> GetTopK(const Workload& workload, int k) override;
  absl::StatusOr<std::vector<TuningRecord>> GetAllRecords() override;
  absl::StatusOr<int64_t> Size() override;
  absl::StatusOr<std::vector<TuningRecord>> Best(const RecordQuery& query) override;
  absl::StatusOr<TuningRecord> FindRecord(std::string_view id_prefix) override;
  absl::StatusOr<std::optional<Workload>> FindWorkloadByKey(ModuleEquality equality, const Digest& key,
                                                            const std::vector<std::string>& pools) override;
  absl::StatusOr<RecordPage> ListRecords(const RecordPageRequest& request) override;
  absl::StatusOr<DatabaseStats> Stats(const std::vector<std::string>& pools) override;
  absl::StatusOr<std::vector<DeviceTarget>> DevicesOf(const RecordQuery& query) override;
  absl::Status AddToPool(const Digest& workload_id, const std::string& pool) override;
  absl::StatusOr<bool> WorkloadInPools(const Digest& workload_id, const std::vector<std::string>& pools) override;

 private:
  struct File {
    std::string path;
    int fd = -1;
    int64_t lines = 0;
  };
  JsonDatabase(std::string folder, JsonDatabaseOptions options)
      : folder_(std::move(folder)), options_(std::move(options)), index_(options_.equality) {}

  absl::Status Prepare();
  absl::Status Lock();
  absl::Status LoadWorkloads() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LoadRecords() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status OpenForAppend(File& file);
  void Warn(std::string text);

  const std::string folder_;
  const JsonDatabaseOptions options_;
  std::vector<std::string> warnings_;
  int64_t more_warnings_ = 0;
  int lock_fd_ = -1;
  absl::Mutex mutex_;
  RecordIndex index_ ABSL_GUARDED_BY(mutex_);
  // Line of each workload in the file, by id.
  absl::flat_hash_map<Digest, int64_t> line_of_ ABSL_GUARDED_BY(mutex_);
  // While loading: the workload that a line of the file means.
  absl::flat_hash_map<int64_t, Digest> by_line_ ABSL_GUARDED_BY(mutex_);
  File workloads_ ABSL_GUARDED_BY(mutex_), records_ ABSL_GUARDED_BY(mutex_);
  File own_workloads_ ABSL_GUARDED_BY(mutex_), own_records_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hone
