// Group commit: gathers writes while one transaction runs and stores them in the next. Writes are stored in the order
// they were added. When the store is away it tries again until it is back; when another server leads it gives up. With
// nothing to write it asks the store every two seconds whether this server still leads.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "server/store/store.h"

namespace hone {

class Committer {
 public:
  struct Stats {
    int64_t commits = 0, records = 0, failures = 0;
    double secs = 0;
    bool away = false;
    size_t pending = 0;  // Writes that wait.
  };

  // `fatal` is called once when the store says that another server leads, or refuses a write for good.
  Committer(Store& store, std::function<void(absl::Status)> fatal);
  ~Committer();  // Commits what is pending, trying for a second at most.

  // `committed` is called from the committing thread once the write is durable. Thread-safe, never blocks.
  void Add(WriteBatch write, std::function<void()> committed);
  // Runs in the committing thread, in order with the writes. For reads that must see them.
  void Run(std::function<void()> task);
  // Unavailable while the store is away, or so much waits that more would only wait too: refuse calls that need it.
  absl::Status Accepts() const;
  Stats stats() const;

 private:
  struct Entry {
    WriteBatch write;
    std::function<void()> then;
  };

  void Loop();
  bool CommitWithRetries(const WriteBatch& batch);
  bool CheckLead();

  Store& store_;
  const std::function<void(absl::Status)> fatal_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<Entry> pending_;
  bool stopping_ = false;
  bool broken_ = false;
  Stats stats_;
  std::thread thread_;
};

}  // namespace hone
