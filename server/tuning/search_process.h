// Searches in a child process, so that a bug in a search takes nothing else down, and so that the child can be stopped
// while a kernel is timed on the same CPUs. Construct it before the process starts threads: the constructor forks.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>

#include "server/tuning/search_runner.h"

namespace hone {

class SearchProcess final : public SearchRunner {
 public:
  // Forks a spare process at once; from it the searching child is started, and started again after it died.
  explicit SearchProcess(OpenSession open);
  ~SearchProcess() override;  // Ends the child.

  absl::StatusOr<FoundRound> Search(const std::string& key, const SearchTaskSpec& spec, uint32_t round,
                                    const std::vector<std::vector<SearchResult>>& results) override;
  void Close(const std::string& key) override;
  // The child and its keeper; signals to this process group reach both.
  pid_t process_group() const { return spare_; }
  // A Search in progress and later ones fail with Cancelled.
  void Interrupt() override;

 private:
  absl::Status Exchange(const std::string& request, std::string& reply);

  int socket_ = -1;  // To the spare process, which hands everything to the child it keeps.
  pid_t spare_ = -1;
  std::atomic<bool> interrupted_{false};
};

}  // namespace hone
