// A server's records as a database (kind "remote").
#pragma once

#include <memory>

#include "client/cpp/connection.h"
#include "client/cpp/record_client.h"
#include "server/database/database.h"

namespace hone {

// What is committed here is stored as imported: the server vouches only for what its own farm measured. GetTopK orders
// as every database does, by mean time, and reads all records of the workload for that; Best is answered by the server.
// Records that a caller may not see are not there for it.
class RemoteDatabase final : public Database {
 public:
  RemoteDatabase(std::shared_ptr<Connection> connection, ModuleEquality equality)
      : equality_(equality), client_(std::move(connection)) {}

  ModuleEquality module_equality() const override { return equality_; }
  absl::StatusOr<bool> HasWorkload(const Workload& workload) override;
  absl::StatusOr<Workload> CommitWorkload(const Workload& workload) override;
  absl::StatusOr<std::optional<Workload>> FindWorkload(const Digest& id) override;
  absl::StatusOr<std::optional<Workload>> FindWorkloadByKey(ModuleEquality equality, const Digest& key,
                                                            const std::vector<std::string>& pools) override;
  absl::StatusOr<std::vector<Workload>> GetAllWorkloads() override;
  absl::StatusOr<int64_t> CommitRecords(absl::Span<const TuningRecord> records) override;
  absl::StatusOr<std::vector<TuningRecord>> GetTopK(const Workload& workload, int k) override;
  absl::StatusOr<std::vector<TuningRecord>> GetAllRecords() override;
  absl::StatusOr<int64_t> Size() override;
  absl::StatusOr<std::vector<TuningRecord>> Best(const RecordQuery& query) override;
  absl::StatusOr<TuningRecord> FindRecord(std::string_view id_prefix) override;
  absl::StatusOr<RecordPage> ListRecords(const RecordPageRequest& request) override;
  absl::StatusOr<DatabaseStats> Stats(const std::vector<std::string>& pools) override;

 private:
  absl::StatusOr<std::vector<TuningRecord>> BestOfDevices(const RecordQuery& query);
  absl::StatusOr<std::vector<TuningRecord>> AllPages(RecordPageRequest request);

  const ModuleEquality equality_;
  RecordClient client_;
};

}  // namespace hone
