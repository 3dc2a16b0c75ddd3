// Where the wall clock of a thread went, by named scopes (reference/scheduling.md section 6).
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

// Collects from its construction to Stop. Profilers nest: what a thread times goes to the innermost one of that thread.
// Construct, stop and read it on one thread.
class Profiler {
 public:
  Profiler();
  ~Profiler();  // Stops it.
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;

  // Writes "Total" and stops collecting. Profilers started later on this thread must have stopped.
  void Stop();

  // Seconds by name. While it runs there is no "Total".
  const std::map<std::string, double>& Get() const { return seconds_; }
  // Columns ID, Name, Time (min), Percentage; by falling share, "Total" first and without an ID.
  std::string Table() const;

  // The innermost profiler that runs on this thread; null when there is none.
  static Profiler* Current();

  // Adds the seconds of its life to Current() under `name`. Costs one look when nothing collects.
  class Scope {
   public:
    explicit Scope(std::string_view name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Profiler* const profiler_;
    std::string name_;
    std::chrono::steady_clock::time_point start_;
  };
  static Scope Timeit(std::string_view name) { return Scope(name); }

 private:
  std::map<std::string, double> seconds_;
  const std::chrono::steady_clock::time_point start_;
  bool running_ = true;
};

// Rows of cells as the peer prints them: right-aligned, one blank on both sides, joined by '|'; an empty row is a line
// of dashes. No newline at the end.
std::string FormatPeerTable(const std::vector<std::vector<std::string>>& rows);
// `value` with four decimals.
std::string FourDecimals(double value);

}  // namespace hone
