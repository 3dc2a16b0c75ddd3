#include "server/coordinator/failure_tally.h"

#include <algorithm>

namespace hone {
namespace {

constexpr size_t kMaxShownBytes = 300;

std::string FirstLine(const std::string& message) {
  return message.substr(0, std::min(message.find('\n'), kMaxShownBytes));
}

// "killed after 30 s" and "killed after 31 s" are one message: each number becomes one '#'.
std::string WithoutNumbers(const std::string& line) {
  std::string key;
  for (char c : line) {
    bool digit = c >= '0' && c <= '9';
    if (digit && !key.empty() && key.back() == '#') continue;
    key += digit ? '#' : c;
  }
  return key;
}

}  // namespace

void FailureTally::Add(const Failure& failure) {
  Kind& kind = kinds_[failure.kind];
  if (kind.count++ == 0) kind.example = failure.message;
  std::string line = FirstLine(failure.message);
  std::string key = WithoutNumbers(line);
  if (!kind.messages.contains(key) && kind.messages.size() >= kMaxMessages) line = key = "other messages";
  FailureMessage& message = kind.messages[key];
  if (message.count++ == 0) message.text = std::move(line);
}

std::vector<std::pair<FailureKind, FailureCount>> FailureTally::Top() const {
  std::vector<std::pair<FailureKind, FailureCount>> out;
  for (const auto& [kind, counted] : kinds_) {
    FailureCount count{counted.count, counted.example, {}};
    for (const auto& [key, message] : counted.messages) count.top.push_back(message);
    std::stable_sort(count.top.begin(), count.top.end(),
                     [](const FailureMessage& a, const FailureMessage& b) { return a.count > b.count; });
    if (count.top.size() > kTop) count.top.resize(kTop);
    out.emplace_back(kind, std::move(count));
  }
  return out;
}

}  // namespace hone
