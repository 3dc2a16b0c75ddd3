// A whole farm in one thread: servers of which one leads, a database, search, build and run workers, and a network that
// delays, repeats and reorders. Processes crash and restart, are cut off, slow or stuck; clocks jump; the database goes
// away; a second server takes over while the first still serves; devices drift; jobs are paused and cancelled. Time is
// simulated. Everything follows from one seed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace hone::testing {

struct SimulationOptions {
  uint64_t seed = 0;
  bool faults = true;  // Without, the same farm runs quietly: the reference for what must come out.
};

struct SimulationResult {
  std::vector<std::string> violations;  // Broken guarantees; empty = all held.
  // By job that was not cancelled: "task/round/slot decisions -> median" of each trial, sorted.
  std::map<std::string, std::vector<std::string>> results;
  int lost_slots = 0;  // Slots (or tasks) that ended by losing their leases, through no fault of their own.
  std::map<std::string, int> faults;  // How often each kind of fault struck.
  int64_t stragglers = 0;             // Leases given out twice.
  int64_t events = 0;
  double simulated_secs = 0;
};

SimulationResult SimulateFarm(const SimulationOptions& options);

}  // namespace hone::testing
