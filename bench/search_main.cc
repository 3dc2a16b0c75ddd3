// How fast a search makes candidates, and how long one round of it takes.
//
//   candidates/s   distinct candidates a second of one core: a parent from a pool is mutated, the trace replayed, the
//                  postprocs applied, the result hashed and its features extracted, as the evolutionary search does
//                  it. Only candidates whose module was not seen before count; the time of all others counts too. CPU
//                  seconds of one thread. One candidate in 100 is made again by the full path (uncached replay, the
//                  generic lowering passes, symbolic features): verdict, hash and every feature must be equal. That
//                  time does not count.
//   round          seconds (wall) of one round of the default evolutionary search with a trained model: 512 in the
//                  population, 4 generations, 64 picks, on --threads threads.
//
//   time split     where the time of candidates goes, with --split: microseconds a candidate tried of each stage, and
//                  of each primitive and postproc. From a run of its own, whose clocks cost time.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "bench/run_main.h"
#include "common/intrin/intrin.h"
#include "common/ir/structural_hash.h"
#include "common/schedule/schedule.h"
#include "common/script/printer.h"
#include "common/support/check.h"
#include "common/support/random.h"
#include "common/support/strings.h"
#include "common/target/target.h"
#include "common/workload/standard.h"
#include "nlohmann/json.hpp"
#include "server/cost_model/feature/direct/direct_features.h"
#include "server/search/candidate_factory.h"
#include "server/search/evolution.h"
#include "server/search/search_service.h"

namespace hone {
namespace {

constexpr char kCpu[] = "llvm -mcpu=znver4 -num-cores=2";
constexpr char kGpu[] = "nvidia/nvidia-a100";
// Compute capability 7.0 has the plain rules.
constexpr char kGpuPlain[] = "nvidia/nvidia-v100";

struct Case {
  const char* title;
  const char* workload;
  int index;
  const char* target;
  bool half;
  double peer;  // Candidates a second and core of the peer on this kind of machine.
  double bar;
};
constexpr Case kCases[] = {
    {"512 matmul, llvm", "GMM", 2, kCpu, false, 162, 16000},
    {"512 matmul, cuda", "GMM", 2, kGpuPlain, false, 82, 8000},
    {"14x14x256 conv2d, llvm", "C2D", 2, kCpu, false, 41, 4500},
    {"14x14x256 conv2d, cuda", "C2D", 2, kGpuPlain, false, 23, 2500},
    {"fp16 512 matmul, tensor cores", "GMM", 2, kGpu, true, 16, 1600},
};

double CpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}
double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ir::IRModule WorkloadOf(const Case& c) {
  workload::StandardOptions options;
  if (c.half) options.in_dtype = ir::DataType::Float(16);
  options.for_gpu = c.target != kCpu;
  auto module = workload::Standard(c.workload, c.index, options);
  HONE_CHECK(module.ok()) << module.status().ToString();
  return *std::move(module);
}

Target TargetOf(const char* text) {
  auto target = Target::Parse(text);
  HONE_CHECK(target.ok()) << target.status().ToString();
  return *std::move(target);
}

// What a search of one workload works on.
struct Space {
  PostOrderApply generator;
  std::vector<schedule::Trace> spaces;
  std::optional<schedule::Schedule> start;
  bool is_gpu;
  std::unique_ptr<CandidateFactory> factory;

  explicit Space(const Case& c) {
    const ir::IRModule module = WorkloadOf(c);
    const Target target = TargetOf(c.target);
    HONE_CHECK(generator.Initialize(SpaceContext{target, FindTensorIntrin}, module).ok());
    auto schedules = generator.Generate(module, 1);
    HONE_CHECK(schedules.ok()) << schedules.status().ToString();
    for (const auto& sch : *schedules) spaces.push_back(sch.trace().Simplified(/*remove_postproc=*/true));
    schedule::ScheduleOptions options;
    options.seed = 1;
    options.intrinsics = FindTensorIntrin;
    auto made = schedule::Schedule::Create(module, options);
    HONE_CHECK(made.ok());
    start = made->CopyWithSeed(1);
    is_gpu = target.HasKey("gpu");
    factory = std::make_unique<CandidateFactory>(*std::move(made), target, generator, /*with_features=*/true);
  }
};

struct Speed {
  int distinct = 0;
  int rejected[4] = {};
  int unchanged = 0;  // The mutator had nothing to change.
  int duplicates = 0;
  int checked = 0;
  int differing = 0;
  double seconds = 0;
  double per_second() const { return distinct / seconds; }
};

bool SameAsFullPath(const CandidateFactory& factory, const schedule::Trace& trace, const Individual* fast) {
  const auto full = factory.MakeByFullPath(trace);
  if ((full == nullptr) != (fast == nullptr)) return false;
  return full == nullptr ||
         (full->hash == fast->hash && full->features.rows == fast->features.rows &&
          full->features.columns == fast->features.columns && full->features.values == fast->features.values);
}

// Random candidates, all different; their hashes are added to `seen`.
std::vector<std::shared_ptr<const Individual>> FreshPool(const Space& space, CounterRandom& random,
                                                         absl::flat_hash_set<uint64_t>& seen) {
  std::vector<std::shared_ptr<const Individual>> pool;
  for (int i = 0; i < 4000 && pool.size() < 256; ++i) {
    auto one = space.factory->Make(space.spaces[random.Below(space.spaces.size())],
                                   static_cast<int64_t>(1 + random.Below(1 << 30)), /*resample=*/true);
    if (one != nullptr && seen.insert(one->hash).second) pool.push_back(std::move(one));
  }
  HONE_CHECK(!pool.empty()) << "no fresh candidate";
  return pool;
}

// Sums what passes between two calls of Take under a name.
class Stopwatch {
 public:
  void Start() { last_ = CpuSeconds(); }
  void Take(std::string_view name) {
    const double now = CpuSeconds();
    const auto known = std::find_if(sums_.begin(), sums_.end(), [&](const auto& s) { return s.first == name; });
    if (known != sums_.end()) {
      known->second += now - last_;
    } else {
      sums_.emplace_back(name, now - last_);
    }
    last_ = CpuSeconds();
  }
  // Name and seconds, in the order of first use.
  const std::vector<std::pair<std::string, double>>& sums() const { return sums_; }

 private:
  double last_ = 0;
  std::vector<std::pair<std::string, double>> sums_;
};

// What CandidateFactory::Make does, with a clock between all parts.
void MakeByParts(const Space& space, const schedule::Trace& trace, Stopwatch& watch) {
  schedule::Schedule sch = space.start->CopyWithSeed(1);
  watch.Take("copy of the start");
  std::string_view running;
  const absl::Status applied =
      trace.ApplyTo(sch, /*remove_postproc=*/true, [&](size_t, const schedule::Instruction& next) {
        if (!running.empty()) watch.Take(running);
        running = next.row->name;
        return next.decision;
      });
  watch.Take(running);
  if (!applied.ok()) return;
  HONE_CHECK(sch.EnterPostproc().ok());
  for (const auto& postproc : space.generator.postprocs()) {
    const absl::StatusOr<bool> passed = postproc->Apply(sch);
    watch.Take(postproc->name());
    if (!passed.ok() || !*passed) return;
  }
  const ir::IRModule module = sch.module();
  [[maybe_unused]] const uint64_t hash = ir::StructuralHash(module);
  watch.Take("hash");
  [[maybe_unused]] const auto features = ExtractFeaturesFast(module, space.is_gpu);
  watch.Take("features");
  [[maybe_unused]] const schedule::Trace kept = trace.WithDecisionsOf(sch.trace());
  watch.Take("copy of the trace");
}

void PrintSplit(const Space& space) {
  CounterRandom random({2026});
  absl::flat_hash_set<uint64_t> seen;
  const auto pool = FreshPool(space, random, seen);
  std::vector<double> weights;
  for (const auto& m : space.generator.mutators()) weights.push_back(m.probability);
  const WeightedSampler mutators(weights);
  constexpr int kCandidates = 1000;
  Stopwatch watch;
  for (int made = 0; made < kCandidates;) {
    const Individual& parent = *pool[random.Below(pool.size())];
    watch.Start();
    const auto changed = space.generator.mutators()[mutators.Draw(random)].mutator->Apply(parent.trace, random);
    watch.Take("mutate");
    if (!changed.has_value()) continue;
    const bool fresh = seen.insert(parent.KeyOfMutant(*changed)).second;
    watch.Take("key");
    if (!fresh) continue;
    MakeByParts(space, *changed, watch);
    ++made;
  }
  for (const auto& [name, seconds] : watch.sums()) {
    std::printf("  %-31s %9.2f us\n", name.c_str(), 1e6 * seconds / kCandidates);
  }
}

Speed MeasureCandidates(const Space& space, double seconds) {
  CounterRandom random({2026});
  absl::flat_hash_set<uint64_t> seen;
  absl::flat_hash_set<uint64_t> tried;
  std::vector<std::shared_ptr<const Individual>> pool = FreshPool(space, random, seen);
  for (const auto& one : pool) tried.insert(one->key());
  std::vector<double> weights;
  for (const auto& m : space.generator.mutators()) weights.push_back(m.probability);
  const WeightedSampler mutators(weights);
  Speed out;
  for (uint64_t n = 0; out.seconds < seconds; ++n) {
    const double start = CpuSeconds();
    const size_t parent = random.Below(pool.size());
    const auto& mutator = space.generator.mutators()[mutators.Draw(random)].mutator;
    const auto changed = mutator->Apply(pool[parent]->trace, random);
    Rejection why = Rejection::kNone;
    std::shared_ptr<const Individual> child;
    const bool known = changed.has_value() && !tried.insert(pool[parent]->KeyOfMutant(*changed)).second;
    if (changed.has_value() && !known) {
      child = space.factory->Make(*changed, static_cast<int64_t>(1 + random.Below(1 << 30)), /*resample=*/false, &why);
      if (child != nullptr) tried.insert(child->key());
    }
    out.seconds += CpuSeconds() - start;
    if (!changed.has_value()) {
      ++out.unchanged;
      continue;
    }
    if (known) {
      ++out.duplicates;
      continue;
    }
    if (n % 100 == 0) {
      ++out.checked;
      out.differing += !SameAsFullPath(*space.factory, *changed, child.get());
    }
    if (child == nullptr) {
      ++out.rejected[static_cast<int>(why)];
    } else if (!seen.insert(child->hash).second) {
      ++out.duplicates;
    } else {
      ++out.distinct;
      pool[random.Below(pool.size())] = std::move(child);
    }
  }
  return out;
}

// Seconds of each round after the model was trained.
std::vector<double> MeasureRounds(int threads) {
  const Case& c = kCases[0];
  SearchTaskSpec spec;
  spec.task_name = "matmul";
  spec.workload_script = script::PrintModule(WorkloadOf(c));
  spec.target_json = TargetOf(c.target).ToJson();
  spec.max_trials = 100000;
  spec.num_threads = threads;
  auto session = OpenSearchSession(spec);
  HONE_CHECK(session.ok()) << session.status().ToString();
  std::vector<std::vector<SearchResult>> results;
  std::vector<double> out;
  for (int round = 0; round < 7; ++round) {
    const double start = WallSeconds();
    auto next = (*session)->NextRound(round, results);
    const double wall = WallSeconds() - start;
    HONE_CHECK(next.ok()) << next.status().ToString();
    // Two rounds' results are known in round 3, the first that the model guides.
    if (round >= 3) {
      std::printf("  round %d: %.3f s search, %.3f s training\n", round, next->search_secs, next->model_secs);
      out.push_back(wall - next->model_secs);
    }
    results.emplace_back();
    for (const SearchCandidate& candidate : next->candidates) {
      uint64_t h = 1469598103934665603u;
      for (unsigned char byte : candidate.decisions_json) h = (h ^ byte) * 1099511628211u;
      SearchResult result;
      result.median_secs = 1e-6 * static_cast<double>(1000 + h % 1000);
      results.back().push_back(result);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

int Run(int argc, char** argv) {
  double seconds = 3;
  int threads = 2;
  std::string only;
  std::string json_path;
  bool split = false;
  CLI::App app("How fast a search makes candidates, and how long one round of it takes.", "search");
  app.add_option("--seconds", seconds, "CPU time a case")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", threads, "Of the round")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--case", only, "Only cases with this text in their names; \"round\": only the round");
  app.add_option("--json", json_path, "Also write the figures to this file");
  app.add_flag("--split", split, "Also where the time of candidates goes");
  CLI11_PARSE(app, argc, argv);
  nlohmann::json json;
  bool all_equal = true;
  std::printf("%-31s %12s %7s %6s %6s  %8s %9s %9s %8s %9s\n", "distinct candidates", "/s and core", "bar", "peer",
              "times", "rejected", "duplicate", "unchanged", "checked", "differing");
  for (const Case& c : kCases) {
    if (!only.empty() && std::string_view(c.title).find(only) == std::string_view::npos) continue;
    const Space space(c);
    const Speed s = MeasureCandidates(space, seconds);
    all_equal = all_equal && s.differing == 0;
    std::printf("%-31s %12.0f %7.0f %6.0f %5.0fx  %8d %9d %9d %8d %9d\n", c.title, s.per_second(), c.bar, c.peer,
                s.per_second() / c.peer, s.rejected[1] + s.rejected[2] + s.rejected[3], s.duplicates, s.unchanged,
                s.checked, s.differing);
    if (split) PrintSplit(space);
    std::fflush(stdout);
    json["candidates"].push_back({{"case", c.title},
                                  {"per_second_and_core", s.per_second()},
                                  {"bar", c.bar},
                                  {"peer", c.peer},
                                  {"distinct", s.distinct},
                                  {"rejected_by_schedule", s.rejected[1]},
                                  {"rejected_by_postproc", s.rejected[2]},
                                  {"rejected_by_features", s.rejected[3]},
                                  {"duplicates", s.duplicates},
                                  {"checked", s.checked},
                                  {"differing", s.differing}});
  }
  if (only.empty() || only == "round") {
    const std::vector<double> rounds = MeasureRounds(threads);
    std::printf(
        "one round of the default search, 512 matmul, llvm, %d threads: median %.3f s, worst %.3f s (bar 1 s)\n",
        threads, rounds[rounds.size() / 2], rounds.back());
    json["round"] = {{"threads", threads}, {"seconds", rounds}};
  }
  if (!json_path.empty()) std::ofstream(json_path) << json.dump(2) << "\n";
  return all_equal ? 0 : 1;
}

}  // namespace
}  // namespace hone

int main(int argc, char** argv) { return hone::bench::RunMain(hone::Run, argc, argv); }
