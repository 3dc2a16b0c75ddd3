// The best-k look-up in PostgreSQL: one statement a question, all that wait at once in one round trip.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/database/database.h"
#include "server/database/packed_record.h"
#include "server/database/postgres_pipeline.h"
#include "server/database/postgres_pool.h"
#include "server/database/postgres_shared.h"

namespace hone {

// Which of a query's conditions a statement has: those left open would cost it its index.
struct BestConditions {
  ModuleEquality equality = ModuleEquality::kStructural;
  bool pools = false, device_class = false, target = false, devices = false;
};
// The statement, for those who want to see its plan. $1 key, or group of the structural key, $2 metric, $3 trust, $4
// pools, $5 limit, $6 device class, $7 target, $8 and $9 classes and targets of devices.
std::string PostgresBestSql(const BestConditions& conditions);
// The groups of the key $1, as a row source `g`. One for the structural key, for the others as many as there are.
std::string PostgresGroupsOf(ModuleEquality equality);

// Thread-safe.
class PostgresBest {
 public:
  PostgresBest(const std::string& url, PostgresPool& pool, SharedRows& shared);  // Both must outlive this.

  // As Database has them.
  absl::StatusOr<std::vector<TuningRecord>> Records(const RecordQuery& query);
  std::vector<absl::StatusOr<std::vector<EncodedRecord>>> Encoded(absl::Span<const RecordQuery> queries);

 private:
  struct Answers;
  // Given every row of a question's answer, in order.
  using Row = std::function<absl::Status(const RecordColumns& columns, std::string_view skeleton_json,
                                         std::string_view context, std::string_view detail)>;

  // The number of the structural key's group, which never changes; nullopt when there is no such workload yet.
  absl::StatusOr<std::optional<int>> GroupOf(const Digest& key);
  // The call that answers a query; nullopt when nothing can.
  absl::StatusOr<std::optional<PgCall>> CallFor(const RecordQuery& query);
  absl::StatusOr<Answers> Ask(absl::Span<const PgCall> calls);
  static absl::Status ForEachRow(const Answers& answers, size_t call, const Row& row);

  PostgresPool& pool_;
  SharedRows& shared_;
  PostgresPipelines pipelines_;
  std::mutex mutex_;
  std::unordered_map<std::string, int> groups_;  // By raw structural key.
};

}  // namespace hone
