#include "common/script/doc.h"

namespace hone::script {
namespace {

constexpr int kIndentSpaces = 4;

}  // namespace

void Render(const std::vector<LineDoc>& lines, int level, std::string* out) {
  for (const LineDoc& line : lines) {
    out->append(static_cast<size_t>(level * kIndentSpaces), ' ');
    out->append(line.text);
    out->push_back('\n');
    if (line.opens_block) {
      bool empty = true;  // Comments alone are no block in Python.
      for (const LineDoc& inner : line.body) empty = empty && !inner.text.empty() && inner.text[0] == '#';
      Render(line.body, level + 1, out);
      if (empty) {
        out->append(static_cast<size_t>((level + 1) * kIndentSpaces), ' ');
        out->append("pass\n");
      }
    }
    if (line.blank_after) out->push_back('\n');
  }
}

}  // namespace hone::script
