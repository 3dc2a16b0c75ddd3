// Rounds of search on demand: keeps the sessions of open tasks, and brings a session to the round that is asked for.
// Because a round is a pure function of what came before, a session that is missing (a restarted worker, another
// worker) is rebuilt by running its earlier rounds again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/search/search_service.h"

namespace hone {

struct FoundRound {
  SearchRound round;
  std::vector<std::pair<Digest, std::string>> skeletons;  // Those of the candidates' ids: id and trace JSON.
};

class SearchRunner {
 public:
  virtual ~SearchRunner() = default;
  // `key` names the task ("job/3"); the same key always comes with the same spec. `results` are those of the rounds
  // 0 .. round - 2. Unavailable: the searching process died; another attempt may do. Other errors: the task cannot be
  // tuned. Search and Close: one thread at a time.
  virtual absl::StatusOr<FoundRound> Search(const std::string& key, const SearchTaskSpec& spec, uint32_t round,
                                            const std::vector<std::vector<SearchResult>>& results) = 0;
  virtual void Close(const std::string& key) = 0;
  // Makes a Search in progress fail soon where that is possible. From any thread.
  virtual void Interrupt() {}
};

using OpenSession = std::function<absl::StatusOr<std::unique_ptr<SearchSession>>(const SearchTaskSpec&)>;

// Searches in the calling thread.
class DirectSearchRunner final : public SearchRunner {
 public:
  explicit DirectSearchRunner(OpenSession open) : open_(std::move(open)) {}
  absl::StatusOr<FoundRound> Search(const std::string& key, const SearchTaskSpec& spec, uint32_t round,
                                    const std::vector<std::vector<SearchResult>>& results) override;
  void Close(const std::string& key) override { sessions_.erase(key); }

 private:
  struct Session {
    std::unique_ptr<SearchSession> session;
    uint32_t next_round = 0;
  };
  const OpenSession open_;
  std::map<std::string, Session> sessions_;
};

}  // namespace hone
