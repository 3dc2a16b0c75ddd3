// Tables and figures for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hone::cli {

// Rows of text in aligned columns; numbers are set right. UTF-8 counts by code point.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }  // As many cells as the header has.
  bool empty() const { return rows_.size() == 1; }
  std::string ToString() const;  // Ends with a line break.

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "2.48 ms", "13.1 us", "1.20 s"; "-" for zero and less.
std::string FormatSeconds(double seconds);
// Three significant digits; "-" for zero and less.
std::string FormatNumber(double value);
// "just now", "3 min ago", "2 h ago", "5 d ago".
std::string FormatAgo(double unix_secs, double now_unix_secs);

}  // namespace hone::cli
