#include "server/service/open_streams.h"

#include <utility>
#include <vector>

#include "common/support/clock.h"

namespace hone {

OpenStreams::OpenStreams(Gate& gate, std::chrono::milliseconds every) : gate_(gate), every_(every) {
  if (!gate_.open()) thread_ = std::thread([this] { Loop(); });
}

OpenStreams::~OpenStreams() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void OpenStreams::Add(std::weak_ptr<ClosableStream> stream, std::string rpc, std::string authorization) {
  if (gate_.open()) return;
  std::lock_guard lock(mutex_);
  entries_.push_back({std::move(stream), std::move(rpc), std::move(authorization)});
}

void OpenStreams::Loop() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, every_, [this] { return stopping_; })) {
    lock.unlock();
    Look();
    lock.lock();
  }
}

void OpenStreams::Look() {
  std::list<Entry> entries;
  {
    std::lock_guard lock(mutex_);
    entries.swap(entries_);
  }
  absl::Time now = Clock::Real().Now();
  for (auto it = entries.begin(); it != entries.end();) {
    std::shared_ptr<ClosableStream> stream = it->stream.lock();
    absl::Status status = stream == nullptr ? absl::OkStatus() : gate_.Valid(it->rpc, it->authorization, now).status();
    if (stream != nullptr && !status.ok()) stream->Close(status);
    it = stream == nullptr || !status.ok() ? entries.erase(it) : std::next(it);
  }
  std::lock_guard lock(mutex_);
  entries_.splice(entries_.end(), entries);
}

}  // namespace hone
