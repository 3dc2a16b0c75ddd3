#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/support/strings.h"
#include "worker/main/roles.h"

namespace hone {

absl::StatusOr<std::vector<int>> ParseCpuList(const std::string& text) {
  constexpr int kMaxCpu = 4095;
  std::set<int> cpus;
  for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    std::pair<absl::string_view, absl::string_view> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    int first = 0, last = 0;
    bool ok = absl::SimpleAtoi(ends.first, &first);
    last = first;
    if (part.find('-') != absl::string_view::npos) ok = ok && absl::SimpleAtoi(ends.second, &last);
    if (!ok || first < 0 || last < first || last > kMaxCpu) {
      return absl::InvalidArgumentError(StrCat("CPU list \"", text, "\": expected numbers and ranges such as 0,2-3"));
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.insert(cpu);
  }
  return std::vector<int>(cpus.begin(), cpus.end());
}

}  // namespace hone
