// Rows of the small tables that records share: ids of workloads, skeletons, contexts, names of jobs. They are never
// changed nor deleted, so those read once are kept in memory: a look-up reads rows of `records` only.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace hone {

// Thread-safe. Of each table at most some megabytes are kept; all are dropped when they are too many.
class SharedRows {
 public:
  using Value = std::shared_ptr<const std::string>;
  enum Table { kWorkloadIds, kSkeletons, kContexts, kJobNames };
  static constexpr int kTables = 4;

  // The values of the rows with these numbers, in their order; 0 has the empty value. Bytes are raw. What is not in
  // memory is read with one query. DataLoss: there is no such row.
  absl::StatusOr<std::vector<Value>> Get(pqxx::transaction_base& work, Table table, const std::vector<int>& numbers);
  // The same when all are in memory.
  std::optional<std::vector<Value>> GetKept(Table table, const std::vector<int>& numbers);

 private:
  struct Kept {
    std::unordered_map<int, Value> values;
    size_t bytes = 0;
  };
  std::vector<Value> FromMemory(Table table, const std::vector<int>& numbers);
  void Keep(Table table, const std::unordered_map<int, Value>& read);

  std::mutex mutex_;
  Kept kept_[kTables];
};

}  // namespace hone
