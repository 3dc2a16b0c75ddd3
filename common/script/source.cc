#include "common/script/source.h"

#include "common/support/strings.h"

namespace hone::script {
namespace {

// Long lines are cut around the column, so that the message stays readable.
constexpr size_t kShownBytes = 160;

}  // namespace

std::string_view Source::Line(int number) const {
  size_t begin = 0;
  for (int line = 1; line < number; ++line) {
    const size_t end = text_.find('\n', begin);
    if (end == std::string_view::npos) return {};
    begin = end + 1;
  }
  std::string_view rest = text_.substr(begin);
  rest = rest.substr(0, rest.find('\n'));
  if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
  return rest;
}

absl::Status Source::Error(Position at, std::string_view message) const {
  std::string out = StrCat(file_name_, ":", at.line, ":", at.column, ": ", message);
  std::string_view line = Line(at.line);
  size_t column = at.column > 0 ? static_cast<size_t>(at.column - 1) : 0;
  if (column > line.size()) column = line.size();
  if (line.size() > kShownBytes) {
    const size_t begin = column > kShownBytes / 2 ? column - kShownBytes / 2 : 0;
    line = line.substr(begin, kShownBytes);
    column -= begin;
  }
  if (!line.empty()) {
    std::string caret(column, ' ');
    for (size_t i = 0; i < column; ++i) {
      if (line[i] == '\t') caret[i] = '\t';
    }
    StrAppend(&out, "\n  ", line, "\n  ", caret, "^");
  }
  return absl::InvalidArgumentError(ToAbsl(out));
}

}  // namespace hone::script
