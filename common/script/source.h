// A text being parsed, and messages that point into it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace hone::script {

// 1-based line and column (columns count bytes).
struct Position {
  int line = 0;
  int column = 0;
};

class Source {
 public:
  // `text` must outlive this.
  Source(std::string_view text, std::string_view file_name) : text_(text), file_name_(file_name) {}

  std::string_view text() const { return text_; }

  // InvalidArgument "file:line:column: message", the line, and a caret under the column.
  absl::Status Error(Position at, std::string_view message) const;

 private:
  std::string_view Line(int number) const;

  std::string_view text_;
  std::string file_name_;
};

}  // namespace hone::script
