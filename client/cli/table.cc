#include "client/cli/table.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>

namespace hone::cli {
namespace {

size_t Width(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

// Something that starts like a figure is set right: "2.48 ms", "12", "+3 %", "-".
bool LooksLikeFigure(const std::string& cell) {
  return cell.empty() || cell == "-" || std::isdigit(static_cast<unsigned char>(cell[0]));
}

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

std::string Table::ToString() const {
  const size_t columns = rows_[0].size();
  std::vector<size_t> widths(columns, 0);
  std::vector<bool> right(columns, rows_.size() > 1);
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (size_t c = 0; c < columns; ++c) {
      widths[c] = std::max(widths[c], Width(rows_[r][c]));
      if (r > 0 && !LooksLikeFigure(rows_[r][c])) right[c] = false;
    }
  }
  std::string text;
  for (const std::vector<std::string>& row : rows_) {
    for (size_t c = 0; c < columns; ++c) {
      std::string padding(widths[c] - Width(row[c]), ' ');
      if (c > 0) text += "  ";
      if (right[c]) {
        text += padding + row[c];
      } else {
        text += row[c];
        if (c + 1 < columns) text += padding;
      }
    }
    text += '\n';
  }
  return text;
}

std::string FormatNumber(double value) {
  if (!(value > 0)) return "-";
  if (value >= 100) return Format("%.0f", value);
  if (value >= 10) return Format("%.1f", value);
  return Format("%.2f", value);
}

std::string FormatSeconds(double seconds) {
  if (!(seconds > 0)) return "-";
  if (seconds >= 1) return FormatNumber(seconds) + " s";
  if (seconds >= 1e-3) return FormatNumber(seconds * 1e3) + " ms";
  if (seconds >= 1e-6) return FormatNumber(seconds * 1e6) + " us";
  return FormatNumber(seconds * 1e9) + " ns";
}

std::string FormatAgo(double unix_secs, double now_unix_secs) {
  if (unix_secs <= 0) return "-";
  double ago = now_unix_secs - unix_secs;
  if (ago < 10) return "just now";
  if (ago < 120) return Format("%.0f s ago", ago);
  if (ago < 7200) return Format("%.0f min ago", ago / 60);
  if (ago < 172800) return Format("%.0f h ago", ago / 3600);
  return Format("%.0f d ago", ago / 86400);
}

}  // namespace hone::cli
