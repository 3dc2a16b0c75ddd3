// meta_schedule::Database over a storage of server/database.
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "client/cpp/database.h"
#include "common/script/parser.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/database/database.h"

namespace hone::meta_schedule {
namespace {

ir::Equality EqualityOf(ModuleEquality equality) { return static_cast<ir::Equality>(equality); }

class StoredDatabase final : public Database {
 public:
  explicit StoredDatabase(std::unique_ptr<::hone::Database> storage)
      : Database(EqualityOf(storage->module_equality())), storage_(std::move(storage)) {}

  absl::StatusOr<bool> HasWorkload(const ir::IRModule& mod) override {
    return storage_->HasWorkload(script::WorkloadOfModule(mod));
  }

  absl::StatusOr<Workload> CommitWorkload(const ir::IRModule& mod) override {
    HONE_ASSIGN_OR_RETURN(const ::hone::Workload stored, storage_->CommitWorkload(script::WorkloadOfModule(mod)));
    return Revive(stored);
  }

  absl::Status CommitTuningRecord(const TuningRecord& record) override {
    ::hone::TuningRecord stored = record.stored.value_or(::hone::TuningRecord{});
    if (!record.stored.has_value()) {
      // Nobody says how these times came about: they are not verified.
      stored.file_run_secs = record.run_secs;
      stored.created = absl::Now();
      stored.trust = Trust::kImported;
      if (record.run_secs.has_value()) stored.run.samples = *record.run_secs;
      stored.run.median = SortKey(stored);
      if (!IsValid(record)) stored.trust = Trust::kFailed;
    }
    stored.workload_id = record.workload.stored.id;
    stored.trace_json = record.trace_json;
    if (record.target.has_value()) stored.target_json = record.target->ToJson();
    stored.args_info = record.args_info;
    return storage_->CommitRecords(absl::MakeConstSpan(&stored, 1)).status();
  }

  absl::StatusOr<std::vector<TuningRecord>> GetTopK(const Workload& workload, int top_k) override {
    if (top_k < 0) return absl::InvalidArgumentError(StrCat("top_k is ", top_k, ", must be non-negative"));
    HONE_ASSIGN_OR_RETURN(const std::vector<::hone::TuningRecord> records, storage_->GetTopK(workload.stored, top_k));
    return ReviveAll(records);
  }

  absl::StatusOr<std::vector<TuningRecord>> GetAllTuningRecords() override {
    HONE_ASSIGN_OR_RETURN(const std::vector<::hone::TuningRecord> records, storage_->GetAllRecords());
    return ReviveAll(records);
  }

  absl::StatusOr<int64_t> Size() override { return storage_->Size(); }

 private:
  static bool IsValid(const TuningRecord& record) { return record.IsValid(); }

  // A module is parsed once.
  absl::StatusOr<Workload> Revive(const ::hone::Workload& stored) {
    std::lock_guard lock(mutex_);
    auto it = known_.find(stored.id);
    if (it != known_.end()) return it->second;
    HONE_ASSIGN_OR_RETURN(const ir::IRModule mod, script::ParseModule(stored.script));
    Workload workload{mod, ir::ModuleHash(mod, module_equality()), stored};
    known_.emplace(stored.id, workload);
    return workload;
  }

  absl::StatusOr<std::vector<TuningRecord>> ReviveAll(const std::vector<::hone::TuningRecord>& records) {
    std::vector<TuningRecord> out;
    for (const ::hone::TuningRecord& stored : records) {
      HONE_ASSIGN_OR_RETURN(const std::optional<::hone::Workload> workload, storage_->FindWorkload(stored.workload_id));
      if (!workload.has_value()) {
        return absl::DataLossError(StrCat("record ", stored.id.Hex(), " has no workload in the database"));
      }
      TuningRecord record;
      HONE_ASSIGN_OR_RETURN(record.workload, Revive(*workload));
      record.trace_json = stored.trace_json;
      record.run_secs = TvmRunSecs(stored);
      if (!stored.target_json.empty()) {
        HONE_ASSIGN_OR_RETURN(record.target, Target::Parse(stored.target_json));
      }
      record.args_info = stored.args_info;
      record.stored = stored;
      out.push_back(std::move(record));
    }
    return out;
  }

  const std::unique_ptr<::hone::Database> storage_;
  std::mutex mutex_;
  absl::flat_hash_map<Digest, Workload> known_;
};

}  // namespace

std::shared_ptr<Database> MakeStoredDatabase(std::unique_ptr<::hone::Database> storage) {
  return std::make_shared<StoredDatabase>(std::move(storage));
}

}  // namespace hone::meta_schedule
