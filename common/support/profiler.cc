#include "common/support/profiler.h"

#include <algorithm>
#include <cstdio>

#include "common/support/check.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::vector<Profiler*>& Stack() {
  thread_local std::vector<Profiler*> stack;
  return stack;
}

}  // namespace

Profiler::Profiler() : start_(Clock::now()) { Stack().push_back(this); }

Profiler::~Profiler() { Stop(); }

void Profiler::Stop() {
  if (!running_) return;
  HONE_CHECK(!Stack().empty() && Stack().back() == this);
  Stack().pop_back();
  running_ = false;
  seconds_["Total"] += SecondsSince(start_);
}

Profiler* Profiler::Current() { return Stack().empty() ? nullptr : Stack().back(); }

Profiler::Scope::Scope(std::string_view name) : profiler_(Current()) {
  if (profiler_ == nullptr) return;
  name_ = name;
  start_ = Clock::now();
}

Profiler::Scope::~Scope() {
  if (profiler_ != nullptr) profiler_->seconds_[name_] += SecondsSince(start_);
}

std::string Profiler::Table() const {
  const auto total_entry = seconds_.find("Total");
  const double total = total_entry != seconds_.end() ? total_entry->second : SecondsSince(start_);
  std::vector<std::pair<std::string, double>> rows;
  for (const auto& [name, seconds] : seconds_) {
    if (name != "Total") rows.emplace_back(name, seconds);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  auto share = [&](double seconds) { return FourDecimals(total > 0 ? seconds / total * 100 : 0); };
  std::vector<std::vector<std::string>> cells = {{"ID", "Name", "Time (min)", "Percentage"}, {}};
  cells.push_back({"", "Total", FourDecimals(total / 60), share(total)});
  for (size_t i = 0; i < rows.size(); ++i) {
    cells.push_back({std::to_string(i + 1), rows[i].first, FourDecimals(rows[i].second / 60), share(rows[i].second)});
  }
  cells.push_back({});
  return FormatPeerTable(cells);
}

std::string FourDecimals(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

std::string FormatPeerTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  size_t line = widths.empty() ? 0 : 3 * widths.size() - 1;
  for (size_t width : widths) line += width;
  std::string out;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (r > 0) out += '\n';
    if (rows[r].empty()) {
      out.append(line, '-');
      continue;
    }
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string& cell = i < rows[r].size() ? rows[r][i] : std::string();
      if (i > 0) out += '|';
      out += ' ';
      out.append(widths[i] - cell.size(), ' ');
      out += cell;
      out += ' ';
    }
  }
  return out;
}

}  // namespace hone
