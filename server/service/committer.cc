#include "server/service/committer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/support/log.h"

namespace hone {
namespace {

constexpr std::chrono::seconds kCheckLeadEvery(2);
constexpr size_t kMaxPending = 20'000;

template <typename T>
void Append(std::vector<T>& to, std::vector<T>&& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

void Merge(WriteBatch& to, WriteBatch&& from) {
  Append(to.skeletons, std::move(from.skeletons));
  Append(to.rounds, std::move(from.rounds));
  Append(to.records, std::move(from.records));
  Append(to.jobs, std::move(from.jobs));
  Append(to.audit, std::move(from.audit));
}

}  // namespace

Committer::Committer(Store& store, std::function<void(absl::Status)> fatal)
    : store_(store), fatal_(std::move(fatal)), thread_([this] { Loop(); }) {}

Committer::~Committer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  thread_.join();
}

void Committer::Add(WriteBatch write, std::function<void()> committed) {
  {
    std::lock_guard lock(mutex_);
    pending_.push_back({std::move(write), std::move(committed)});
  }
  ready_.notify_one();
}

void Committer::Run(std::function<void()> task) { Add(WriteBatch{}, std::move(task)); }

Committer::Stats Committer::stats() const {
  std::lock_guard lock(mutex_);
  Stats stats = stats_;
  stats.pending = pending_.size();
  return stats;
}

absl::Status Committer::Accepts() const {
  std::lock_guard lock(mutex_);
  if (stats_.away) {
    return absl::UnavailableError("the database does not answer; nothing was stored, and what runs goes on: try again");
  }
  if (pending_.size() > kMaxPending)
    return absl::UnavailableError("the database is too slow for more calls: try again");
  return absl::OkStatus();
}

void Committer::Loop() {
  while (true) {
    std::vector<Entry> entries;
    {
      std::unique_lock lock(mutex_);
      ready_.wait_for(lock, kCheckLeadEvery, [this] { return stopping_ || !pending_.empty(); });
      if (pending_.empty() && stopping_) return;
      entries.swap(pending_);
    }
    if (entries.empty() && !broken_) broken_ = !CheckLead();
    WriteBatch batch;
    for (Entry& entry : entries) Merge(batch, std::move(entry.write));
    if (!broken_ && !batch.empty()) broken_ = !CommitWithRetries(batch);
    if (broken_) continue;
    for (Entry& entry : entries) {
      if (entry.then) entry.then();
    }
  }
}

bool Committer::CheckLead() {
  absl::Status status = store_.StillLeading();
  std::unique_lock lock(mutex_);
  bool away = absl::IsUnavailable(status);
  if (away != stats_.away) {
    HONE_LOG(kWarning) << (away ? "the store is away: " + status.ToString() : std::string("the store is back"));
  }
  stats_.away = away;
  if (status.ok() || away) return true;
  lock.unlock();
  fatal_(status);
  return false;
}

bool Committer::CommitWithRetries(const WriteBatch& batch) {
  using std::chrono::steady_clock;
  auto stop_trying = steady_clock::time_point::max();
  for (auto delay = std::chrono::milliseconds(20);; delay = std::min(delay * 2, std::chrono::milliseconds(1000))) {
    auto start = steady_clock::now();
    absl::Status status = store_.Commit(batch);
    std::unique_lock lock(mutex_);
    if (status.ok()) {
      if (stats_.away) {
        HONE_LOG(kInfo) << "the store is back";
      }
      stats_.away = false;
      ++stats_.commits;
      stats_.records += static_cast<int64_t>(batch.records.size());
      stats_.secs += std::chrono::duration<double>(steady_clock::now() - start).count();
      return true;
    }
    ++stats_.failures;
    if (!absl::IsUnavailable(status)) {
      lock.unlock();
      fatal_(status);
      return false;
    }
    if (!stats_.away) {
      HONE_LOG(kWarning) << "the store is away, trying again: " << status.ToString();
    }
    stats_.away = true;
    if (stopping_ && stop_trying == steady_clock::time_point::max()) {
      stop_trying = steady_clock::now() + std::chrono::seconds(1);
    }
    if (steady_clock::now() >= stop_trying) return false;
    ready_.wait_for(lock, delay, [] { return false; });
  }
}

}  // namespace hone
