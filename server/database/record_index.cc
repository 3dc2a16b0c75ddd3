#include "server/database/record_index.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "common/support/check.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/database/packed_record.h"

namespace hone {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;

template <typename T>
bool Has(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
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

const Workload* RecordIndex::FindByKey(ModuleEquality equality, const Digest& key,
                                       const std::vector<std::string>& pools) const {
  const auto& by_key = by_key_[static_cast<int>(equality)];
  auto it = by_key.find(key);
  if (it == by_key.end()) return nullptr;
  for (uint32_t workload : it->second) {
    if (pools.empty() || InPools(workloads_[workload].id, pools)) return &workloads_[workload];
  }
  return nullptr;
}

void RecordIndex::AddWorkload(const Workload& workload) {
  HONE_CHECK(!workload_by_id_.contains(workload.id));
  const auto index = static_cast<uint32_t>(workloads_.size());
  workloads_.push_back(workload);
  of_workload_.emplace_back();
  pools_of_.emplace_back();
  workload_by_id_[workload.id] = index;
  workload_by_key_.try_emplace(workload.key(equality_), index);
  for (int i = 0; i < 3; ++i) by_key_[i][workload.keys[i]].push_back(index);
}

void RecordIndex::AddToPool(const Digest& workload_id, const std::string& pool) {
  std::vector<std::string>& pools = pools_of_[workload_by_id_.at(workload_id)];
  if (!Has(pools, pool)) pools.push_back(pool);
}

bool RecordIndex::InPools(const Digest& workload_id, const std::vector<std::string>& pools) const {
  auto it = workload_by_id_.find(workload_id);
  if (it == workload_by_id_.end()) return false;
  return std::any_of(pools.begin(), pools.end(), [&](const auto& pool) { return Has(pools_of_[it->second], pool); });
}

uint32_t RecordIndex::Interned::Add(std::string text) {
  if (auto it = numbers.find(text); it != numbers.end()) return it->second;
  texts.push_back(std::move(text));
  const auto number = static_cast<uint32_t>(texts.size() - 1);
  numbers[texts.back()] = number;
  return number;
}

const char* RecordIndex::Keep(std::string_view bytes) {
  if (bytes.size() > kBlockBytes / 4) {  // A block of its own, under the one in use.
    auto block = std::make_unique<char[]>(bytes.size());
    std::memcpy(block.get(), bytes.data(), bytes.size());
    blocks_.insert(blocks_.begin(), std::move(block));
    return blocks_.front().get();
  }
  if (blocks_.empty() || block_used_ + bytes.size() > kBlockBytes) {
    blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
    block_used_ = 0;
  }
  char* at = blocks_.back().get() + block_used_;
  std::memcpy(at, bytes.data(), bytes.size());
  block_used_ += bytes.size();
  return at;
}

uint32_t RecordIndex::ContextOf(std::string bytes, const TuningRecord& record) {
  if (auto it = context_numbers_.find(bytes); it != context_numbers_.end()) return it->second;
  contexts_.push_back({std::move(bytes),
                       {record.device.device_class, record.target_json},
                       record.pool,
                       record.trust,
                       record.run.metric});
  const auto number = static_cast<uint32_t>(contexts_.size() - 1);
  context_numbers_[contexts_.back().bytes] = number;
  return number;
}

void RecordIndex::AddRecord(const TuningRecord& record) {
  PackedRecord packed = PackRecord(record);
  Entry entry{};
  entry.id = record.id;
  entry.workload = workload_by_id_.at(record.workload_id);
  entry.skeleton = skeletons_.Add(std::move(packed.skeleton_json));
  entry.context = ContextOf(std::move(packed.context), record);
  entry.job = jobs_.Add(record.slot.job_id);
  entry.detail = Keep(packed.detail);
  entry.detail_bytes = static_cast<uint32_t>(packed.detail.size());
  entry.failure = static_cast<int8_t>(record.run.failure ? static_cast<int>(record.run.failure->kind) : -1);
  entry.usable = HasUsableTime(record);
  entry.valid = IsValid(record);
  entry.median = record.run.median;
  entry.mean = SortKey(record);
  entry.created = ToUnixSecs(record.created);
  const auto number = static_cast<uint32_t>(entries_.size());
  entries_.push_back(entry);
  HONE_CHECK(by_id_.insert(number).second);
  of_workload_[entry.workload].push_back(number);
  AddToPool(record.workload_id, record.pool);
}

TuningRecord RecordIndex::Unpack(const Entry& entry) const {
  RecordColumns columns{entry.id, workloads_[entry.workload].id, jobs_.texts[entry.job], std::nullopt, entry.created};
  if (entry.usable) columns.median = entry.median;
  absl::StatusOr<TuningRecord> record =
      UnpackRecord(columns, skeletons_.texts[entry.skeleton], contexts_[entry.context].bytes,
                   std::string_view(entry.detail, entry.detail_bytes));
  HONE_CHECK_OK(record.status());
  return *std::move(record);
}

std::vector<TuningRecord> RecordIndex::UnpackAll(const std::vector<std::pair<double, uint32_t>>& found,
                                                 int limit) const {
  std::vector<TuningRecord> records;
  for (const auto& [time, number] : found) {
    if (static_cast<int>(records.size()) >= limit) break;
    records.push_back(Unpack(entries_[number]));
  }
  return records;
}

template <typename Use>
void RecordIndex::ForGroup(ModuleEquality equality, const Digest& key, const Use& use) const {
  const auto& by_key = by_key_[static_cast<int>(equality)];
  auto it = by_key.find(key);
  if (it == by_key.end()) return;
  for (uint32_t workload : it->second) {
    for (uint32_t number : of_workload_[workload]) use(entries_[number], number);
  }
}

std::vector<TuningRecord> RecordIndex::TopK(const Workload& workload, int k) const {
  std::vector<std::pair<double, uint32_t>> found;
  ForGroup(equality_, workload.key(equality_), [&](const Entry& entry, uint32_t number) {
    if (entry.valid) found.emplace_back(entry.mean, number);
  });
  std::sort(found.begin(), found.end());
  return UnpackAll(found, k);
}

// All that a query says but for the device and the target.
bool RecordIndex::Matches(const Entry& entry, const RecordQuery& query) const {
  const Context& context = contexts_[entry.context];
  return entry.usable && context.metric == query.metric && Has(query.trust, context.trust) &&
         (query.pools.empty() || Has(query.pools, context.pool));
}

std::vector<TuningRecord> RecordIndex::Best(const RecordQuery& query) const {
  std::vector<std::pair<double, uint32_t>> found;
  ForGroup(query.equality, query.key, [&](const Entry& entry, uint32_t number) {
    const DeviceTarget& device = contexts_[entry.context].device;
    if (Matches(entry, query) && (query.target_json.empty() || query.target_json == device.target_json) &&
        (query.device_class.empty() || query.device_class == device.device_class) &&
        (query.devices.empty() || Has(query.devices, device))) {
      found.emplace_back(entry.median, number);
    }
  });
  std::sort(found.begin(), found.end());
  return UnpackAll(found, query.limit);
}

std::vector<DeviceTarget> RecordIndex::DevicesOf(const RecordQuery& query) const {
  std::set<DeviceTarget> devices;
  ForGroup(query.equality, query.key, [&](const Entry& entry, uint32_t) {
    if (Matches(entry, query)) devices.insert(contexts_[entry.context].device);
  });
  return {devices.begin(), devices.end()};
}

std::vector<TuningRecord> RecordIndex::All() const {
  std::vector<TuningRecord> all;
  for (const Entry& entry : entries_) {
    if (!entry.removed) all.push_back(Unpack(entry));
  }
  return all;
}

std::vector<TuningRecord> RecordIndex::ByMeanTime() const {
  std::vector<std::pair<double, uint32_t>> found;
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].removed) found.emplace_back(entries_[i].mean, i);
  }
  std::sort(found.begin(), found.end());
  return UnpackAll(found, static_cast<int>(found.size()));
}

absl::StatusOr<TuningRecord> RecordIndex::FindRecord(std::string_view prefix) const {
  std::string padded(prefix);
  padded.resize(64, '0');
  Digest from;
  if (prefix.size() < 4 || prefix.size() > 64 || !Digest::FromHex(padded, from)) {
    return absl::InvalidArgumentError(StrCat("record id \"", prefix, "\" is not 4 to 64 hexadecimal digits"));
  }
  const size_t whole = prefix.size() / 2;
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    if (entry.removed || std::memcmp(entry.id.bytes.data(), from.bytes.data(), whole) != 0) continue;
    if (prefix.size() % 2 != 0 && (entry.id.bytes[whole] ^ from.bytes[whole]) >> 4 != 0) continue;
    if (found != nullptr) return absl::InvalidArgumentError(StrCat("several records start with ", prefix));
    found = &entry;
  }
  if (found == nullptr) return absl::NotFoundError(StrCat("no record ", prefix));
  return Unpack(*found);
}

// A cursor is the number of records up to and with the last one of the page.
RecordPage RecordIndex::Page(const RecordPageRequest& request) const {
  RecordPage page;
  size_t at = request.after;
  for (; at < entries_.size() && static_cast<int>(page.records.size()) < request.limit; ++at) {
    const Entry& entry = entries_[at];
    if (entry.removed || (!request.include_failed && entry.failure >= 0)) continue;
    if (!request.job_id.empty() && jobs_.texts[entry.job] != request.job_id) continue;
    if (request.workload_id != Digest{} && workloads_[entry.workload].id != request.workload_id) continue;
    if (!request.pools.empty() && !Has(request.pools, contexts_[entry.context].pool)) continue;
    page.records.push_back(Unpack(entry));
  }
  page.cursor = at < entries_.size() ? at : 0;
  return page;
}

DatabaseStats RecordIndex::Stats(const std::vector<std::string>& pools) const {
  DatabaseStats stats;
  for (const Workload& workload : workloads_) stats.workloads += pools.empty() || InPools(workload.id, pools);
  for (const Entry& entry : entries_) {
    const Context& context = contexts_[entry.context];
    if (entry.removed || (!pools.empty() && !Has(pools, context.pool))) continue;
    ++stats.records;
    ++stats.by_trust[std::string(TrustName(context.trust))];
    if (entry.failure >= 0) ++stats.by_failure[std::string(FailureKindName(static_cast<FailureKind>(entry.failure)))];
    if (!context.device.device_class.empty()) ++stats.by_device_class[context.device.device_class];
  }
  return stats;
}

int64_t RecordIndex::TrimFailures(const FailureRetention& retention, absl::Time now) {
  const double oldest = ToUnixSecs(now - retention.max_age);
  std::vector<uint32_t> gone;
  for (const std::vector<uint32_t>& group : of_workload_) {
    int64_t younger = 0;
    for (auto it = group.rbegin(); it != group.rend(); ++it) {
      const Entry& entry = entries_[*it];
      if (entry.failure < 0) continue;
      const bool over = younger++ >= retention.per_workload || entry.created < oldest;
      if (over && !Has(retention.live_jobs, jobs_.texts[entry.job])) gone.push_back(*it);
    }
  }
  std::sort(gone.begin(), gone.end());
  if (static_cast<int64_t>(gone.size()) > retention.limit) gone.resize(retention.limit);
  for (uint32_t number : gone) {
    by_id_.erase(entries_[number].id);
    entries_[number].removed = true;
    std::erase(of_workload_[entries_[number].workload], number);
  }
  return static_cast<int64_t>(gone.size());
}

}  // namespace hone
