#include "server/database/record_index.h"

#include <algorithm>
#include <utility>

#include "common/support/check.h"
#include "common/support/strings.h"

namespace hone {
namespace {

bool Matches(const TuningRecord& record, const RecordQuery& query) {
  auto has = [](const auto& list, const auto& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  return !record.run.failure && !record.run.samples.empty() && !record.run.abandoned &&
         record.run.metric == query.metric && has(query.trust, record.trust) &&
         (query.target_json.empty() || query.target_json == record.target_json) &&
         (query.device_class.empty() || query.device_class == record.device.device_class) &&
         (query.pools.empty() || has(query.pools, record.pool)) && IsValid(record);
}

}  // namespace

const Workload* RecordIndex::FindEqual(const Workload& workload) const {
  // The same program under another key, as a confused client may send it, is the one that is known.
  if (const Workload* known = FindWorkload(workload.id)) return known;
  auto it = workload_by_key_.find(workload.key(equality_));
  return it == workload_by_key_.end() ? nullptr : &workloads_[it->second];
}

const Workload* RecordIndex::FindWorkload(const Digest& id) const {
  auto it = workload_by_id_.find(id);
  return it == workload_by_id_.end() ? nullptr : &workloads_[it->second];
}

const Workload* RecordIndex::FindByKey(ModuleEquality equality, const Digest& key) const {
  const auto& by_key = ids_by_key_[static_cast<int>(equality)];
  auto it = by_key.find(key);
  return it == by_key.end() ? nullptr : FindWorkload(it->second.front());
}

void RecordIndex::AddWorkload(const Workload& workload) {
  HONE_CHECK(!workload_by_id_.contains(workload.id));
  size_t index = workloads_.size();
  workloads_.push_back(workload);
  workload_by_id_[workload.id] = index;
  workload_by_key_.try_emplace(workload.key(equality_), index);
  for (int i = 0; i < 3; ++i) ids_by_key_[i][workload.keys[i]].push_back(workload.id);
}

void RecordIndex::AddRecord(TuningRecord record) {
  HONE_CHECK(workload_by_id_.contains(record.workload_id));
  by_id_[record.id] = records_.size();
  by_workload_[record.workload_id].push_back(records_.size());
  records_.push_back(std::move(record));
}

std::vector<TuningRecord> RecordIndex::TopK(const Workload& workload, int k) const {
  auto ids = ids_by_key_[static_cast<int>(equality_)].find(workload.key(equality_));
  if (ids == ids_by_key_[static_cast<int>(equality_)].end()) return {};
  std::vector<std::pair<double, size_t>> found;
  for (const Digest& id : ids->second) {
    auto group = by_workload_.find(id);
    if (group == by_workload_.end()) continue;
    for (size_t index : group->second) {
      if (IsValid(records_[index])) found.emplace_back(SortKey(records_[index]), index);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<TuningRecord> top;
  for (const auto& [key, index] : found) {
    if (static_cast<int>(top.size()) >= k) break;
    top.push_back(records_[index]);
  }
  return top;
}

std::vector<TuningRecord> RecordIndex::Best(const RecordQuery& query) const {
  const auto& by_key = ids_by_key_[static_cast<int>(query.equality)];
  auto ids = by_key.find(query.key);
  if (ids == by_key.end()) return {};
  std::vector<std::pair<double, size_t>> found;
  for (const Digest& id : ids->second) {
    auto group = by_workload_.find(id);
    if (group == by_workload_.end()) continue;
    for (size_t index : group->second) {
      if (Matches(records_[index], query)) found.emplace_back(records_[index].run.median, index);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<TuningRecord> best;
  for (const auto& [median, index] : found) {
    if (static_cast<int>(best.size()) >= query.limit) break;
    best.push_back(records_[index]);
  }
  return best;
}

std::vector<TuningRecord> RecordIndex::ByMeanTime() const {
  std::vector<TuningRecord> all(records_.begin(), records_.end());
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return SortKey(a) < SortKey(b); });
  return all;
}

absl::StatusOr<TuningRecord> RecordIndex::FindRecord(std::string_view prefix) const {
  std::string padded(prefix);
  padded.resize(64, '0');
  Digest from;
  if (prefix.size() < 4 || prefix.size() > 64 || !Digest::FromHex(padded, from)) {
    return absl::InvalidArgumentError(StrCat("record id \"", prefix, "\" is not 4 to 64 hexadecimal digits"));
  }
  auto it = by_id_.lower_bound(from);
  auto starts = [&](auto at) { return at != by_id_.end() && at->first.Hex().compare(0, prefix.size(), prefix) == 0; };
  if (!starts(it)) return absl::NotFoundError(StrCat("no record ", prefix));
  if (starts(std::next(it))) return absl::InvalidArgumentError(StrCat("several records start with ", prefix));
  return records_[it->second];
}

// A cursor is the number of records up to and with the last one of the page.
RecordPage RecordIndex::Page(const RecordPageRequest& request) const {
  RecordPage page;
  size_t at = request.after;
  for (; at < records_.size() && static_cast<int>(page.records.size()) < request.limit; ++at) {
    const TuningRecord& record = records_[at];
    if (!request.job_id.empty() && record.slot.job_id != request.job_id) continue;
    if (request.workload_id != Digest{} && record.workload_id != request.workload_id) continue;
    if (!request.include_failed && record.run.failure) continue;
    page.records.push_back(record);
  }
  page.cursor = at < records_.size() ? at : 0;
  return page;
}

DatabaseStats RecordIndex::Stats() const {
  DatabaseStats stats;
  stats.workloads = static_cast<int64_t>(workloads_.size());
  stats.records = static_cast<int64_t>(records_.size());
  for (const TuningRecord& record : records_) {
    ++stats.by_trust[std::string(TrustName(record.trust))];
    if (record.run.failure) ++stats.by_failure[std::string(FailureKindName(record.run.failure->kind))];
    if (!record.device.device_class.empty()) ++stats.by_device_class[record.device.device_class];
  }
  return stats;
}

}  // namespace hone
