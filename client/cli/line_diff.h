// Differences between two lists of lines.
#pragma once

#include <string>
#include <vector>

namespace hone::cli {

// "  same", "- only in a", "+ only in b", one a line, by a longest common subsequence. Equal lists give "".
std::string LineDiff(const std::vector<std::string>& a, const std::vector<std::string>& b);

// A trace [instructions, decisions] as lines: one an instruction, its decision at the end. Text that is no trace is one
// line.
std::vector<std::string> TraceLines(const std::string& trace_json);

}  // namespace hone::cli
