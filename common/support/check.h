// HONE_CHECK: for conditions that only a bug of our own can break. Prints the place, the condition and the streamed
// message to stderr and aborts. What a user, a file, a peer or the world can cause is an absl::Status instead.
#pragma once

#include <sstream>

namespace hone {

class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition);
  [[noreturn]] ~CheckFailure();
  std::ostream& stream() { return message_; }

 private:
  std::ostringstream message_;
};

}  // namespace hone

#define HONE_CHECK(condition) \
  if (condition) [[likely]] { \
  } else /* NOLINT */         \
    ::hone::CheckFailure(__FILE__, __LINE__, #condition).stream()

#define HONE_CHECK_EQ(a, b) HONE_CHECK((a) == (b)) << (a) << " vs " << (b) << " "
#define HONE_CHECK_OK(expr)                                               \
  do {                                                                    \
    const auto& hone_check_status_ = (expr);                              \
    HONE_CHECK(hone_check_status_.ok()) << hone_check_status_.ToString(); \
  } while (false)

// For the end of a function after a switch that handles every enumerator.
#define HONE_UNREACHABLE() HONE_CHECK(false) << "unreachable", __builtin_unreachable()
