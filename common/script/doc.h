// Lines of a text with the lines nested below them. Internal to the printer.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::script {

struct LineDoc {
  std::string text;
  bool opens_block = false;  // Ends in ':' and has `body`; an empty one prints `pass`.
  std::vector<LineDoc> body;
  bool blank_after = false;

  static LineDoc Line(std::string text) { return LineDoc{std::move(text), false, {}, false}; }
  static LineDoc Block(std::string head, std::vector<LineDoc> body) {
    return LineDoc{std::move(head), true, std::move(body), false};
  }
};

// Appends the lines, four blanks a level.
void Render(const std::vector<LineDoc>& lines, int level, std::string* out);

}  // namespace hone::script
