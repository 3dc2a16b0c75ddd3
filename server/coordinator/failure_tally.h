// Failures of a job by kind, with the messages that came most often. Messages that differ in numbers only count as one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/measure/failure.h"
#include "server/coordinator/job.h"

namespace hone {

class FailureTally {
 public:
  static constexpr size_t kMaxMessages = 200;  // Kept apart for a kind; further ones count as "other messages".
  static constexpr size_t kTop = 3;

  void Add(const Failure& failure);
  // Kinds in their order, each with up to kTop messages, most frequent first.
  std::vector<std::pair<FailureKind, FailureCount>> Top() const;

 private:
  struct Kind {
    int64_t count = 0;
    std::string example;
    std::map<std::string, FailureMessage> messages;  // By the message without its numbers.
  };
  std::map<FailureKind, Kind> kinds_;
};

}  // namespace hone
