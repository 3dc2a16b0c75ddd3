// Workloads and records in memory with the look-ups of a Database. The memory and json databases are made of it.
// Records are packed: skeletons and contexts (packed_record.h) are stored once, the rest takes some hundred bytes a
// record, so that a file of a gigabyte fits into a fraction of it. Not thread-safe.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "server/database/database.h"

namespace hone {

class RecordIndex {
 public:
  explicit RecordIndex(ModuleEquality equality)
      : equality_(equality), by_id_(0, IdHash{&entries_}, IdEqual{&entries_}) {}
  RecordIndex(const RecordIndex&) = delete;

  // The stored workload equal to `workload`, or null.
  const Workload* FindEqual(const Workload& workload) const;
  const Workload* FindWorkload(const Digest& id) const;
  // The first that is in one of these pools; none named = any.
  const Workload* FindByKey(ModuleEquality equality, const Digest& key, const std::vector<std::string>& pools) const;
  // Requires that no workload with its id is there. An equal one may be (files may hold duplicates): the first counts.
  void AddWorkload(const Workload& workload);
  const std::deque<Workload>& workloads() const { return workloads_; }
  // Requires the workload.
  void AddToPool(const Digest& workload_id, const std::string& pool);
  bool InPools(const Digest& workload_id, const std::vector<std::string>& pools) const;

  bool HasRecord(const Digest& id) const { return by_id_.contains(id); }
  // Requires its workload and that its id is new.
  void AddRecord(const TuningRecord& record);
  int64_t size() const { return static_cast<int64_t>(by_id_.size()); }

  // These read packed records: DataLoss cannot come of what AddRecord packed, and is checked.
  std::vector<TuningRecord> All() const;  // In the order of insertion.
  std::vector<TuningRecord> ByMeanTime() const;
  std::vector<TuningRecord> TopK(const Workload& workload, int k) const;
  std::vector<TuningRecord> Best(const RecordQuery& query) const;
  std::vector<DeviceTarget> DevicesOf(const RecordQuery& query) const;
  absl::StatusOr<TuningRecord> FindRecord(std::string_view id_prefix) const;
  RecordPage Page(const RecordPageRequest& request) const;
  DatabaseStats Stats(const std::vector<std::string>& pools) const;
  int64_t TrimFailures(const FailureRetention& retention, absl::Time now);

 private:
  struct Context {
    std::string bytes;
    DeviceTarget device;
    std::string pool;
    Trust trust;
    Metric metric;
  };
  struct Entry {
    Digest id;
    uint32_t workload, skeleton, context, job;  // Indices below.
    uint32_t detail_bytes;
    int8_t failure;  // FailureKind, or -1.
    bool usable, valid, removed;
    const char* detail;
    double median, mean, created;
  };
  // The set of ids is one of indices into entries_, which holds the digests.
  struct IdHash {
    using is_transparent = void;
    const std::deque<Entry>* entries;
    size_t operator()(const Digest& id) const { return absl::Hash<Digest>()(id); }
    size_t operator()(uint32_t index) const { return (*this)((*entries)[index].id); }
  };
  struct IdEqual {
    using is_transparent = void;
    const std::deque<Entry>* entries;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t index, const Digest& id) const { return (*entries)[index].id == id; }
    bool operator()(const Digest& id, uint32_t index) const { return (*this)(index, id); }
  };
  // Equal texts once, by number.
  struct Interned {
    std::deque<std::string> texts;
    absl::flat_hash_map<std::string_view, uint32_t> numbers;
    uint32_t Add(std::string text);
  };

  TuningRecord Unpack(const Entry& entry) const;
  std::vector<TuningRecord> UnpackAll(const std::vector<std::pair<double, uint32_t>>& found, int limit) const;
  const char* Keep(std::string_view bytes);
  uint32_t ContextOf(std::string bytes, const TuningRecord& record);
  bool Matches(const Entry& entry, const RecordQuery& query) const;
  template <typename Use>
  void ForGroup(ModuleEquality equality, const Digest& key, const Use& use) const;

  const ModuleEquality equality_;
  std::deque<Workload> workloads_;
  std::vector<std::vector<uint32_t>> of_workload_;  // Entries, in the order of insertion.
  std::vector<std::vector<std::string>> pools_of_;  // Of each workload; few.
  absl::flat_hash_map<Digest, uint32_t> workload_by_id_;
  absl::flat_hash_map<Digest, uint32_t> workload_by_key_;  // Under equality_.
  // Workloads that share a key, for each equality.
  std::array<absl::flat_hash_map<Digest, std::vector<uint32_t>>, 3> by_key_;
  std::deque<Entry> entries_;
  absl::flat_hash_set<uint32_t, IdHash, IdEqual> by_id_;  // Of those not removed.
  Interned skeletons_, jobs_;
  std::deque<Context> contexts_;
  absl::flat_hash_map<std::string_view, uint32_t> context_numbers_;
  // Details, one after another in blocks.
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_used_ = 0;
};

}  // namespace hone
