// Workloads and records in memory with the look-ups of a Database. The memory and json databases are made of it.
// Not thread-safe.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/database/database.h"

namespace hone {

class RecordIndex {
 public:
  explicit RecordIndex(ModuleEquality equality) : equality_(equality) {}

  // The stored workload equal to `workload`, or null.
  const Workload* FindEqual(const Workload& workload) const;
  const Workload* FindWorkload(const Digest& id) const;
  const Workload* FindByKey(ModuleEquality equality, const Digest& key) const;
  // Requires that no workload with its id is there. An equal one may be (files may hold duplicates): the first counts.
  void AddWorkload(const Workload& workload);
  const std::deque<Workload>& workloads() const { return workloads_; }

  bool HasRecord(const Digest& id) const { return by_id_.contains(id); }
  // Requires its workload and that its id is new.
  void AddRecord(TuningRecord record);
  const std::deque<TuningRecord>& records() const { return records_; }

  std::vector<TuningRecord> TopK(const Workload& workload, int k) const;
  std::vector<TuningRecord> Best(const RecordQuery& query) const;
  std::vector<TuningRecord> ByMeanTime() const;
  absl::StatusOr<TuningRecord> FindRecord(std::string_view id_prefix) const;
  RecordPage Page(const RecordPageRequest& request) const;
  DatabaseStats Stats() const;

 private:
  using Group = std::vector<size_t>;  // Indices into records_.

  const ModuleEquality equality_;
  std::deque<Workload> workloads_;
  absl::flat_hash_map<Digest, size_t> workload_by_id_;
  absl::flat_hash_map<Digest, size_t> workload_by_key_;  // Under equality_.
  std::deque<TuningRecord> records_;
  std::map<Digest, size_t> by_id_;
  // Records of a workload, in order of insertion, found by its id.
  absl::flat_hash_map<Digest, Group> by_workload_;
  // Ids of the workloads that share a key, for each equality.
  std::array<absl::flat_hash_map<Digest, std::vector<Digest>>, 3> ids_by_key_;
};

}  // namespace hone
