// How many recorded traces a core replays a second, by workload: the traces of kind llvm in a corpus folder's
// samples.jsonl, in turn.
//
//   replay/W       a full replay from the workload: a fresh schedule of the prepared workload, every instruction
//                  applied with its decision and recorded anew, the resulting module built. The workload's schedule (with the
//                  flags of its blocks) and the traces are prepared once, as a search prepares them.
//   replay_cold/W  the same with nothing prepared: from the parsed module and the trace's JSON text.
//
// usage: replay_benchmark CORPUS_FOLDER [--kind=llvm] [Google Benchmark's flags, e.g. --benchmark_format=json]
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/run_main.h"
#include "benchmark/benchmark.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/support/check.h"
#include "common/support/strings.h"
#include "nlohmann/json.hpp"

namespace hone::schedule {
namespace {

struct Workload {
  ir::IRModule module;
  std::unique_ptr<Schedule> base;
  std::vector<std::string> texts;
  std::vector<Trace> traces;
  size_t instructions = 0;
  size_t refused = 0;
};

Schedule NewSchedule(const ir::IRModule& module) {
  ScheduleOptions options;
  options.seed = 1;
  absl::StatusOr<Schedule> schedule = Schedule::Create(module, options);
  HONE_CHECK(schedule.ok()) << std::string(schedule.status().message());
  return *std::move(schedule);
}

void AddTrace(Workload& workload, std::string text) {
  absl::StatusOr<Trace> trace = TraceFromJson(text);
  if (!trace.ok()) {
    ++workload.refused;
    return;
  }
  Schedule schedule = workload.base->CopyWithSeed(1);
  if (!trace->ApplyTo(schedule).ok()) {
    ++workload.refused;
    return;
  }
  workload.instructions += trace->size();
  workload.traces.push_back(*std::move(trace));
  workload.texts.push_back(std::move(text));
}

std::map<std::string, Workload> Load(const std::string& folder, const std::string& kind) {
  std::map<std::string, Workload> out;
  std::map<std::string, std::string> scripts;
  std::string line;
  for (std::ifstream in(folder + "/workloads.jsonl"); std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    scripts[json["id"]] = json["script"];
  }
  for (std::ifstream in(folder + "/samples.jsonl"); std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json["kind"] != kind || !json.contains("trace")) continue;
    const std::string id = json["workload"];
    Workload& workload = out[id];
    if (!workload.module) {
      absl::StatusOr<ir::IRModule> module = script::ParseModule(scripts[id]);
      HONE_CHECK(module.ok()) << id << ": " << std::string(module.status().message());
      workload.module = *std::move(module);
      workload.base = std::make_unique<Schedule>(NewSchedule(workload.module));
    }
    AddTrace(workload, json["trace"].dump());
  }
  return out;
}

void Replay(benchmark::State& state, const Workload& workload) {
  size_t next = 0;
  for (auto _ : state) {
    Schedule schedule = workload.base->CopyWithSeed(1);
    const absl::Status status = workload.traces[next].ApplyTo(schedule);
    HONE_CHECK(status.ok()) << std::string(status.message());
    benchmark::DoNotOptimize(schedule.module().get());
    next = next + 1 < workload.traces.size() ? next + 1 : 0;
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["traces"] = static_cast<double>(workload.traces.size());
  state.counters["refused"] = static_cast<double>(workload.refused);
  state.counters["instructions"] =
      static_cast<double>(workload.instructions) / static_cast<double>(workload.traces.size());
}

void ReplayCold(benchmark::State& state, const Workload& workload) {
  size_t next = 0;
  for (auto _ : state) {
    Schedule schedule = NewSchedule(workload.module);
    const absl::Status status = ApplyTraceJson(schedule, workload.texts[next]);
    HONE_CHECK(status.ok()) << std::string(status.message());
    benchmark::DoNotOptimize(schedule.module().get());
    next = next + 1 < workload.texts.size() ? next + 1 : 0;
  }
  state.SetItemsProcessed(state.iterations());
}

}  // namespace
}  // namespace hone::schedule

namespace {

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::string folder;
  std::string kind = "llvm";
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--kind=", 7) == 0) {
      kind = argv[i] + 7;
    } else {
      folder = argv[i];
    }
  }
  if (folder.empty()) {
    std::cerr << "usage: replay_benchmark CORPUS_FOLDER [--kind=llvm] [--benchmark_...]\n";
    return 2;
  }
  const auto workloads = hone::schedule::Load(folder, kind);
  for (const auto& [id, workload] : workloads) {
    if (workload.traces.empty()) {
      std::cerr << id << ": no trace of kind " << kind << " replays\n";
      continue;
    }
    const auto* w = &workload;
    benchmark::RegisterBenchmark(("replay/" + id).c_str(),
                                 [w](benchmark::State& state) { hone::schedule::Replay(state, *w); });
    benchmark::RegisterBenchmark(("replay_cold/" + id).c_str(),
                                 [w](benchmark::State& state) { hone::schedule::ReplayCold(state, *w); });
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return hone::bench::RunMain(Main, argc, argv); }
