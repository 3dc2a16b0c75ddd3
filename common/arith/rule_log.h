// Which rules of the simplifiers, bounds and sets were used, for the test that sees to it that every rule was checked
// by evaluation. Each place where a rule gives its result names the rule; the name is the rule's identity and says what
// it matches (`min` and `max` stand for each other, `/` and `%` for either rounding where the code treats them alike).
#pragma once

#include <string_view>
#include <vector>

#include "common/ir/expr.h"

namespace hone::arith {

// While one is alive, the names of the rules used on this thread are added to it. Not nested.
class RuleLog {
 public:
  RuleLog() { current = this; }
  ~RuleLog() { current = nullptr; }
  RuleLog(const RuleLog&) = delete;
  RuleLog& operator=(const RuleLog&) = delete;

  // In the order of use, with repetitions; of static storage.
  const std::vector<std::string_view>& used() const { return used_; }
  void Clear() { used_.clear(); }

  // Null in production: one comparison a used rule is all that it costs (the offset in the thread's data is fixed when
  // the program starts).
  [[gnu::tls_model("initial-exec")]] static constinit inline thread_local RuleLog* current = nullptr;
  void Add(std::string_view rule) { used_.push_back(rule); }

 private:
  std::vector<std::string_view> used_;
};

inline void NoteRule(const char* rule) {
  if (RuleLog::current != nullptr) [[unlikely]]
    RuleLog::current->Add(rule);
}

// `result` of the rule with this name.
template <typename T>
inline T Fired(const char* rule, T result) {
  NoteRule(rule);
  return result;
}
// A null result: the rule does not apply after all.
inline ir::Expr Fired(const char* rule, ir::Expr result) {
  if (result) NoteRule(rule);
  return result;
}

}  // namespace hone::arith
