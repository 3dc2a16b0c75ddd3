// Databases as tuning code sees them: modules, traces and schedules (reference/database.md section 3). The storage
// behind them is server/database, which knows texts.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/measure_candidate.h"
#include "client/cpp/runner.h"
#include "common/ir/module.h"
#include "common/ir/module_equality.h"
#include "common/record/tuning_record.h"
#include "common/record/workload.h"
#include "common/schedule/schedule.h"
#include "common/target/target.h"

namespace hone {
class Connection;
class Database;
}  // namespace hone

namespace hone::meta_schedule {

// A stored tensor program. Copies share the module.
struct Workload {
  ir::IRModule mod;
  uint64_t shash = 0;       // By the database's module equality.
  ::hone::Workload stored;  // Text, ids and keys.
};
absl::StatusOr<Workload> MakeWorkload(const ir::IRModule& mod, ir::Equality equality = ir::Equality::kStructural);

// One measured candidate.
struct TuningRecord {
  std::string trace_json;  // With the postprocs' part.
  Workload workload;
  std::optional<std::vector<double>> run_secs;
  std::optional<Target> target;
  std::optional<std::vector<ArgInfo>> args_info;
  // Hone's: the record as it is stored, with verdict, device and slot; filled in by databases and by AddToDatabase.
  std::optional<::hone::TuningRecord> stored = {};

  // Whether there is an instruction before EnterPostproc and a time other than exactly 1e10.
  bool IsValid() const;
  // Replays the whole trace on the workload.
  absl::StatusOr<schedule::Schedule> Replay() const;
  absl::StatusOr<MeasureCandidate> AsMeasureCandidate() const;
  // [trace, run_secs, target, args_info].
  std::string AsJson() const;
  static absl::StatusOr<TuningRecord> FromJson(std::string_view json, const Workload& workload);
};

// What storage keeps of a result beyond the peer's fields. Times of a runner that does not say how they came about, or
// whose outputs nobody checked, are not verified.
::hone::TuningRecord StoredRecord(const RunnerResult& result, const std::string& device_json);

// Derive from it for a database of your own: of the queries, those that are not overridden go by GetTopK. Methods may
// be called from several threads.
class Database {
 public:
  explicit Database(ir::Equality equality = ir::Equality::kStructural) : equality_(equality) {}
  virtual ~Database() = default;
  ir::Equality module_equality() const { return equality_; }

  virtual absl::StatusOr<bool> HasWorkload(const ir::IRModule& mod) = 0;
  // The stored workload equal to `mod`; stores it when there is none.
  virtual absl::StatusOr<Workload> CommitWorkload(const ir::IRModule& mod) = 0;
  // FailedPrecondition when the record's workload was not committed here.
  virtual absl::Status CommitTuningRecord(const TuningRecord& record) = 0;
  // Valid records of this workload, by rising mean time. InvalidArgument for k < 0.
  virtual absl::StatusOr<std::vector<TuningRecord>> GetTopK(const Workload& workload, int top_k) = 0;
  virtual absl::StatusOr<std::vector<TuningRecord>> GetAllTuningRecords() = 0;
  virtual absl::StatusOr<int64_t> Size() = 0;

  virtual absl::StatusOr<std::optional<TuningRecord>> QueryTuningRecord(const ir::IRModule& mod, const Target& target,
                                                                        std::string_view workload_name);
  virtual absl::StatusOr<std::optional<schedule::Schedule>> QuerySchedule(const ir::IRModule& mod, const Target& target,
                                                                          std::string_view workload_name);
  virtual absl::StatusOr<std::optional<ir::IRModule>> QueryIrModule(const ir::IRModule& mod, const Target& target,
                                                                    std::string_view workload_name);

  // One of the three by name: kind "schedule", "record" or "ir_module"; InvalidArgument for another.
  using QueryResult = std::variant<std::monostate, schedule::Schedule, TuningRecord, ir::IRModule>;
  absl::StatusOr<QueryResult> Query(const ir::IRModule& mod, const Target& target,
                                    std::string_view workload_name = "main", std::string_view kind = "schedule");
  // For every workload the valid record with the smallest mean goes to `destination`.
  absl::Status DumpPruned(Database& destination);

  // While it lives, Current() of this thread is `database`. Scopes nest.
  class Scope {
   public:
    explicit Scope(Database& database);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };
  // The database of the innermost scope of this thread; null when there is none.
  static Database* Current();

  struct Options {
    std::string work_dir = {};  // "json": the folder of the two files.
    ir::Equality module_equality = ir::Equality::kStructural;
    std::string url = {};                          // "postgres": postgresql://...
    std::shared_ptr<Connection> server = nullptr;  // "remote".
  };
  // "json" (default), "memory", "postgres", "remote". InvalidArgument, naming the kinds, for another.
  static absl::StatusOr<std::shared_ptr<Database>> Create(std::string_view kind, const Options& options);
  static absl::StatusOr<std::shared_ptr<Database>> Create(std::string_view kind = "json") { return Create(kind, {}); }
  // The best of the members' best by mean time; a tie goes to the earlier one. Queries only.
  static std::shared_ptr<Database> Union(std::vector<std::shared_ptr<Database>> members);
  // The first member that has a record wins. Queries only.
  static std::shared_ptr<Database> OrderedUnion(std::vector<std::shared_ptr<Database>> members);
  // Asks `function`, which schedules in place and returns whether it did. Queries only.
  using ScheduleFunction = std::function<bool(schedule::Schedule&)>;
  static std::shared_ptr<Database> ScheduleFn(ScheduleFunction function);

 private:
  const ir::Equality equality_;
};

// Wraps a storage of server/database.
std::shared_ptr<Database> MakeStoredDatabase(std::unique_ptr<::hone::Database> storage);

}  // namespace hone::meta_schedule
