// The kinds that only answer queries: union, ordered union, schedule-fn.
#include <numeric>
#include <utility>

#include "client/cpp/database.h"
#include "common/intrin/intrin.h"
#include "common/schedule/trace_json.h"
#include "common/support/status_macros.h"

namespace hone::meta_schedule {
namespace {

absl::Status QueryOnly() { return absl::UnimplementedError("this database only answers queries for the best record"); }

class QueryOnlyDatabase : public Database {
 public:
  absl::StatusOr<bool> HasWorkload(const ir::IRModule&) override { return QueryOnly(); }
  absl::StatusOr<Workload> CommitWorkload(const ir::IRModule&) override { return QueryOnly(); }
  absl::Status CommitTuningRecord(const TuningRecord&) override { return QueryOnly(); }
  absl::StatusOr<std::vector<TuningRecord>> GetTopK(const Workload&, int) override { return QueryOnly(); }
  absl::StatusOr<std::vector<TuningRecord>> GetAllTuningRecords() override { return QueryOnly(); }
  absl::StatusOr<int64_t> Size() override { return QueryOnly(); }
};

double MeanOf(const TuningRecord& record) {
  if (!record.run_secs.has_value() || record.run_secs->empty()) return 1e10;
  return std::accumulate(record.run_secs->begin(), record.run_secs->end(), 0.0) /
         static_cast<double>(record.run_secs->size());
}

class UnionDatabase final : public QueryOnlyDatabase {
 public:
  UnionDatabase(std::vector<std::shared_ptr<Database>> members, bool ordered)
      : members_(std::move(members)), ordered_(ordered) {}

  absl::StatusOr<std::optional<TuningRecord>> QueryTuningRecord(const ir::IRModule& mod, const Target& target,
                                                                std::string_view workload_name) override {
    std::optional<TuningRecord> best;
    for (const std::shared_ptr<Database>& member : members_) {
      HONE_ASSIGN_OR_RETURN(std::optional<TuningRecord> record, member->QueryTuningRecord(mod, target, workload_name));
      if (!record.has_value()) continue;
      if (ordered_) return record;
      if (!best.has_value() || MeanOf(*record) < MeanOf(*best)) best = std::move(record);
    }
    return best;
  }

 private:
  const std::vector<std::shared_ptr<Database>> members_;
  const bool ordered_;
};

class ScheduleFnDatabase final : public QueryOnlyDatabase {
 public:
  explicit ScheduleFnDatabase(ScheduleFunction function) : function_(std::move(function)) {}

  absl::StatusOr<std::optional<TuningRecord>> QueryTuningRecord(const ir::IRModule& mod, const Target& target,
                                                                std::string_view workload_name) override {
    HONE_ASSIGN_OR_RETURN(const auto sch, QuerySchedule(mod, target, workload_name));
    if (!sch.has_value()) return std::nullopt;
    TuningRecord record;
    HONE_ASSIGN_OR_RETURN(record.trace_json, schedule::TraceToJson(sch->trace()));
    HONE_ASSIGN_OR_RETURN(record.workload, MakeWorkload(mod));
    record.workload.shash = 0;
    record.target = target;
    return record;
  }

  absl::StatusOr<std::optional<schedule::Schedule>> QuerySchedule(const ir::IRModule& mod, const Target&,
                                                                  std::string_view workload_name) override {
    auto arena = std::make_shared<ir::Arena>();
    arena->KeepAlive(mod.arena());
    const ir::ArenaScope scope(arena);
    auto* named = ir::CopyNode(mod.get());
    named->attrs = named->attrs.With("task_name", ir::String(workload_name));
    schedule::ScheduleOptions options;
    options.intrinsics = FindTensorIntrin;
    HONE_ASSIGN_OR_RETURN(schedule::Schedule sch, schedule::Schedule::Create(ir::IRModule(arena, named), options));
    if (!function_(sch)) return std::nullopt;
    return sch;
  }

 private:
  const ScheduleFunction function_;
};

}  // namespace

std::shared_ptr<Database> Database::Union(std::vector<std::shared_ptr<Database>> members) {
  return std::make_shared<UnionDatabase>(std::move(members), /*ordered=*/false);
}

std::shared_ptr<Database> Database::OrderedUnion(std::vector<std::shared_ptr<Database>> members) {
  return std::make_shared<UnionDatabase>(std::move(members), /*ordered=*/true);
}

std::shared_ptr<Database> Database::ScheduleFn(ScheduleFunction function) {
  return std::make_shared<ScheduleFnDatabase>(std::move(function));
}

}  // namespace hone::meta_schedule
