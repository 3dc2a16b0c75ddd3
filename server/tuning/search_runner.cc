#include "server/tuning/search_runner.h"

#include <algorithm>
#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

std::vector<std::pair<Digest, std::string>> SkeletonsOf(const SearchSession& session, const SearchRound& round) {
  std::vector<std::pair<Digest, std::string>> used;
  for (auto& skeleton : session.Skeletons()) {
    bool wanted = std::any_of(round.candidates.begin(), round.candidates.end(), [&](const SearchCandidate& candidate) {
      return candidate.skeleton_id == skeleton.first;
    });
    if (wanted) used.push_back(std::move(skeleton));
  }
  return used;
}

}  // namespace

absl::StatusOr<FoundRound> DirectSearchRunner::Search(const std::string& key, const SearchTaskSpec& spec,
                                                      uint32_t round,
                                                      const std::vector<std::vector<SearchResult>>& results) {
  Session& entry = sessions_[key];
  if (entry.session == nullptr || entry.next_round > round) {
    entry.next_round = 0;
    absl::StatusOr<std::unique_ptr<SearchSession>> session = open_(spec);
    if (!session.ok()) {
      sessions_.erase(key);
      return session.status();
    }
    entry.session = *std::move(session);
  }
  FoundRound found;
  while (entry.next_round <= round) {
    // Exactly what the round had the first time.
    size_t known = entry.next_round == 0 ? 0 : entry.next_round - 1;
    if (known > results.size()) return absl::InvalidArgumentError(StrCat("round ", round, " lacks results"));
    HONE_ASSIGN_OR_RETURN(found.round, entry.session->NextRound(static_cast<int>(entry.next_round),
                                                                absl::MakeConstSpan(results).subspan(0, known)));
    ++entry.next_round;
  }
  found.skeletons = SkeletonsOf(*entry.session, found.round);
  return found;
}

}  // namespace hone
