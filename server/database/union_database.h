// Databases that only answer queries, by asking others (reference/database.md 3.3, 3.4). Everything else is
// Unimplemented, as in TVM. The members must outlive them.
#pragma once

#include <functional>
#include <vector>

#include "server/database/database.h"

namespace hone {

class QueryOnlyDatabase : public Database {
 public:
  ModuleEquality module_equality() const override { return ModuleEquality::kStructural; }
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
};

// The best of the members' best, by mean time; a tie goes to the earlier member.
class UnionDatabase final : public QueryOnlyDatabase {
 public:
  explicit UnionDatabase(std::vector<Database*> members) : members_(std::move(members)) {}
  absl::StatusOr<std::optional<TuningRecord>> QueryRecord(const Workload& workload, std::string_view target_json,
                                                          std::string_view workload_name) override;

 private:
  const std::vector<Database*> members_;
};

// The first member that has any record wins.
class OrderedUnionDatabase final : public QueryOnlyDatabase {
 public:
  explicit OrderedUnionDatabase(std::vector<Database*> members) : members_(std::move(members)) {}
  absl::StatusOr<std::optional<TuningRecord>> QueryRecord(const Workload& workload, std::string_view target_json,
                                                          std::string_view workload_name) override;

 private:
  const std::vector<Database*> members_;
};

// Asks a function that schedules the workload: the trace that it made, or nullopt when it declines. It knows the IR;
// this class does not.
class ScheduleFnDatabase final : public QueryOnlyDatabase {
 public:
  using Function =
      std::function<absl::StatusOr<std::optional<std::string>>(const Workload&, std::string_view task_name)>;
  explicit ScheduleFnDatabase(Function function) : function_(std::move(function)) {}
  absl::StatusOr<std::optional<TuningRecord>> QueryRecord(const Workload& workload, std::string_view target_json,
                                                          std::string_view workload_name) override;

 private:
  const Function function_;
};

}  // namespace hone
