#include "client/cli/line_diff.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace hone::cli {

std::string LineDiff(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a == b) return "";
  // common[i][j]: length of the longest common subsequence of a[i..] and b[j..].
  std::vector<std::vector<int>> common(a.size() + 1, std::vector<int>(b.size() + 1, 0));
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      common[i][j] = a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::string text;
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      text += "  " + a[i++] + "\n";
      ++j;
    } else if (j == b.size() || (i < a.size() && common[i + 1][j] >= common[i][j + 1])) {
      text += "- " + a[i++] + "\n";
    } else {
      text += "+ " + b[j++] + "\n";
    }
  }
  return text;
}

std::vector<std::string> TraceLines(const std::string& trace_json) {
  using Json = nlohmann::ordered_json;
  Json trace = Json::parse(trace_json, nullptr, /*allow_exceptions=*/false);
  if (!trace.is_array() || trace.size() != 2 || !trace[0].is_array() || !trace[1].is_array()) return {trace_json};
  std::map<size_t, std::string> decisions;
  for (const Json& decision : trace[1]) {
    if (decision.is_array() && decision.size() == 2 && decision[0].is_number_unsigned()) {
      decisions[decision[0].get<size_t>()] = decision[1].dump();
    }
  }
  std::vector<std::string> lines;
  for (size_t i = 0; i < trace[0].size(); ++i) {
    lines.push_back(trace[0][i].dump() + (decisions.count(i) > 0 ? " decision " + decisions[i] : ""));
  }
  return lines;
}

}  // namespace hone::cli
