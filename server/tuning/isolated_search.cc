#include "server/tuning/isolated_search.h"

#include "absl/strings/str_join.h"
#include "common/support/strings.h"

namespace hone {

absl::StatusOr<FoundRound> IsolatedSearch::Search(const std::string& key, const SearchTaskSpec& spec, uint32_t round,
                                                  const std::vector<std::vector<SearchResult>>& results) {
  if (spec.plugins.empty()) return plain_.Search(key, spec, round, results);
  absl::StatusOr<FoundRound> found = plugged_.Search(key, spec, round, results);
  if (found.ok()) return found;
  return absl::Status(found.status().code(), StrCat("with plug-in ", absl::StrJoin(spec.plugins, ", "), ": ",
                                                    ToStd(found.status().message())));
}

void IsolatedSearch::Close(const std::string& key) {
  plain_.Close(key);
  plugged_.Close(key);
}

void IsolatedSearch::Interrupt() {
  plain_.Interrupt();
  plugged_.Interrupt();
}

}  // namespace hone
