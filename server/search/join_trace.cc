#include "common/support/check.h"
#include "common/support/strings.h"
#include "server/search/search_service.h"

namespace hone {

std::string JoinTraceJson(std::string_view skeleton_json, std::string_view decisions_json) {
  constexpr std::string_view kEmptyDecisions = ",[]]";
  HONE_CHECK(skeleton_json.ends_with(kEmptyDecisions)) << "a skeleton ends with its empty list of decisions";
  skeleton_json.remove_suffix(kEmptyDecisions.size());
  return StrCat(skeleton_json, ",", decisions_json, "]");
}

}  // namespace hone
