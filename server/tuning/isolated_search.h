// Keeps plug-ins apart: tasks with plug-ins are searched in a process of their own, so that a plug-in that crashes or
// scribbles over memory reaches no other task's search. Construct it before the process starts threads: it forks.
#pragma once

#include "server/tuning/search_process.h"

namespace hone {

class IsolatedSearch final : public SearchRunner {
 public:
  explicit IsolatedSearch(const OpenSession& open) : plain_(open), plugged_(open) {}

  absl::StatusOr<FoundRound> Search(const std::string& key, const SearchTaskSpec& spec, uint32_t round,
                                    const std::vector<std::vector<SearchResult>>& results) override;
  void Close(const std::string& key) override;
  void Interrupt() override;

 private:
  SearchProcess plain_;
  SearchProcess plugged_;
};

}  // namespace hone
