// Hand-written schedules on this machine's CPU against its multiply-add peak and the libraries, one table.
// Every row: the same work, packing and padding inside of the timed region, warm, median. The peak is measured right
// before and right after each row, and shares are of the higher of the two. Kernels are checked before they are timed:
// matrix products against the unscheduled program. Shares of narrow types are of the peak of their dot-product
// instructions: 4 times that of float32 for bytes, 2 times for bfloat16.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "bench/conv_kernels.h"
#include "bench/dot_kernels.h"
#include "bench/limits.h"
#include "bench/matmul_kernels.h"
#include "bench/peer_table.h"
#include "bench/run_main.h"
#include "bench/timing.h"
#include "bench/workload_spec.h"
#include "common/support/log.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "nlohmann/json.hpp"
#include "worker/local/local_measure.h"
#include "worker/runner/statistics.h"

namespace hone::bench {
namespace {

struct Row {
  std::string workload;                // As workload_spec.h has it.
  std::string plain;                   // Unscheduled program, for the check; empty = the schedule is its own reference.
  std::vector<std::string> schedules;  // One thread; the best counts.
  std::vector<std::string> parallel;   // All threads.
};

std::string PlainMatmul(int64_t m, int64_t n, int64_t k) {
  return StrCat("@T.prim_func\ndef main(A: T.Buffer((", m, ", ", k, "), \"float32\"), B: T.Buffer((", k, ", ", n,
                "), \"float32\"), C: T.Buffer((", m, ", ", n,
                "), \"float32\")):\n    T.func_attr({\"tir.noalias\": T.bool(True)})\n    for i, k, j in T.grid(", m,
                ", ", k, ", ", n,
                "):\n        with T.block(\"C\"):\n            vi, vk, vj = T.axis.remap(\"SRS\", [i, k, j])\n"
                "            T.reads(A[vi, vk], B[vk, vj])\n            T.writes(C[vi, vj])\n"
                "            with T.init():\n                C[vi, vj] = T.float32(0)\n"
                "            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]\n");
}

Row MatmulRow(int64_t m, int64_t n, int64_t k) {
  Row row;
  row.workload = StrCat("matmul:", m, ",", n, ",", k);
  row.plain = PlainMatmul(m, n, k);
  const struct {
    int64_t mr, nr;
    bool pack_a;
  } tiles[] = {{8, 32, false}, {8, 32, true}, {4, 64, false}};
  const struct { int64_t kc, nc; } blocks[] = {{256, 256}, {256, 512}, {512, 256}, {768, 32}};
  for (const auto& tile : tiles) {
    for (const auto& block : blocks) {
      if (k % block.kc != 0 || n % block.nc != 0 || block.nc < tile.nr) continue;
      PackedMatmul shape;
      shape.m = m;
      shape.n = n;
      shape.k = k;
      shape.mr = tile.mr;
      shape.nr = tile.nr;
      shape.kc = block.kc;
      shape.nc = block.nc;
      shape.mc = m < 256 ? m : 256;
      shape.pack_a = tile.pack_a;
      row.schedules.push_back(PackedMatmulScript(shape));
      shape.parallel = true;
      row.parallel.push_back(PackedMatmulScript(shape));
    }
  }
  return row;
}

Row ConvRow() {
  Row row;
  row.workload = "conv2d_nhwc:1,56,56,64,64,3,3,1,1";
  DirectConv shape;
  row.plain = PlainConvScript(shape);
  const struct { int64_t wr, cr; } tiles[] = {{14, 32}, {7, 64}, {8, 32}, {28, 16}};
  for (const auto& tile : tiles) {
    shape.wr = tile.wr;
    shape.cr = tile.cr;
    shape.parallel = false;
    row.schedules.push_back(DirectConvScript(shape));
    shape.parallel = true;
    row.parallel.push_back(DirectConvScript(shape));
  }
  return row;
}

// uint8 x int8 -> int32, or bfloat16 -> float32, of 1024 x 1024 x 1024.
Row DotRow(bool bfloat16) {
  Row row;
  row.workload = StrCat("matmul:1024,1024,1024:", bfloat16 ? "bfloat16" : "uint8");
  DotMatmul shape;
  shape.bfloat16 = bfloat16;
  row.plain = PlainDotMatmulScript(shape);
  const struct { int64_t mr, nr; } tiles[] = {{8, 32}, {4, 64}, {16, 16}};
  for (const auto& tile : tiles) {
    for (int64_t kc : {512, 1024}) {
      shape.mr = tile.mr;
      shape.nr = tile.nr;
      shape.kc = kc;
      shape.parallel = false;
      row.schedules.push_back(DotMatmulScript(shape));
      shape.parallel = true;
      row.parallel.push_back(DotMatmulScript(shape));
    }
  }
  return row;
}

std::vector<Row> Rows(bool quick) {
  std::vector<Row> rows = {MatmulRow(1024, 1024, 1024), MatmulRow(512, 512, 512)};
  if (!quick) rows.push_back(MatmulRow(2048, 2048, 2048));
  rows.push_back(MatmulRow(128, 3072, 768));
  rows.push_back(ConvRow());
  if (DetectHost().HasFeature("avx512vnni")) rows.push_back(DotRow(/*bfloat16=*/false));
  if (DetectHost().HasFeature("avx512bf16")) rows.push_back(DotRow(/*bfloat16=*/true));
  return rows;
}

// The fastest of the schedules, told by few samples each; null = none. `note` is given the first failure.
const std::string* Winner(LocalMeasure& measure, const Row& row, const std::vector<std::string>& schedules,
                          std::string& note) {
  MeasurementPolicy policy;
  policy.timeout = absl::Seconds(60);
  double least = HUGE_VAL;
  const std::string* winner = nullptr;
  for (const std::string& schedule : schedules) {
    const RunResult run = BuildAndRun(measure, schedule, "", DetectHost().ToJson(), policy, row.plain);
    if (run.failure.has_value()) {
      if (note.empty()) note = StrCat(FailureKindName(run.failure->kind), ": ", run.failure->message);
    } else if (run.median < least) {
      least = run.median;
      winner = &schedule;
    }
  }
  return winner;
}

// The median of 25 samples, as measured: the peak beside it has the clock of the same moment. HUGE_VAL = failed.
double MeasureWell(LocalMeasure& measure, const Row& row, const std::string& schedule) {
  MeasurementPolicy policy;
  policy.timeout = absl::Seconds(60);
  policy.repeat = policy.max_repeat = 25;
  policy.budget_loser = policy.budget_contender = absl::Seconds(5);
  const RunResult run = BuildAndRun(measure, schedule, "", DetectHost().ToJson(), policy, row.plain);
  return run.failure.has_value() ? HUGE_VAL : runner::Median(run.samples);
}

// Keeps the least time of each library.
void Merge(const std::vector<PeerTiming>& timings, std::vector<PeerTiming>& least) {
  for (const PeerTiming& timing : timings) {
    const auto known =
        std::find_if(least.begin(), least.end(), [&](const PeerTiming& one) { return one.library == timing.library; });
    if (known == least.end()) {
      least.push_back(timing);
    } else {
      known->median_seconds = std::min(known->median_seconds, timing.median_seconds);
    }
  }
  std::sort(least.begin(), least.end(),
            [](const PeerTiming& a, const PeerTiming& b) { return a.median_seconds < b.median_seconds; });
}

double Gflops(const std::string& workload, double seconds) {
  const absl::StatusOr<WorkloadSpec> spec = ParseWorkloadSpec(workload);
  return seconds > 0 && spec.ok() ? OperationsOf(*spec) / seconds * 1e-9 : 0;
}

// The fastest of the library whose name starts with `name`.
const PeerTiming* Fastest(const std::vector<PeerTiming>& timings, const std::string& name) {
  for (const PeerTiming& timing : timings) {
    if (timing.library.rfind(name, 0) == 0) return &timing;
  }
  return nullptr;
}

bool Ends(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

nlohmann::json MeasureRow(LocalMeasure& measure, const Row& row, int threads) {
  const std::vector<int> cpus = BenchCpus(threads);
  const FmaPeak before = MeasureFmaPeak(cpus);
  std::string note;
  const std::string* winner = Winner(measure, row, threads == 1 ? row.schedules : row.parallel, note);
  // All in turns, and the best of three for each, ours and theirs: a neighbour on the core takes 20 %.
  double seconds = HUGE_VAL;
  std::vector<PeerTiming> peers;
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (winner != nullptr) seconds = std::min(seconds, MeasureWell(measure, row, *winner));
    Merge(TimeAllPeers(row.workload, threads), peers);
  }
  if (seconds == HUGE_VAL) seconds = 0;
  const FmaPeak after = MeasureFmaPeak(cpus);
  // A dot-product instruction does the work of four multiply-adds of float32 on bytes, of two on bfloat16.
  const double width = Ends(row.workload, ":uint8") ? 4 : Ends(row.workload, ":bfloat16") ? 2 : 1;
  const double peak = width * std::max(before.gflops, after.gflops);
  const double ours = Gflops(row.workload, seconds);
  const PeerTiming* blas = Fastest(peers, "OpenBLAS");
  const PeerTiming* dnn = Fastest(peers, "oneDNN");
  const double blas_gflops = blas == nullptr ? 0 : Gflops(row.workload, blas->median_seconds);
  const double dnn_gflops = dnn == nullptr ? 0 : Gflops(row.workload, dnn->median_seconds);
  std::printf("%-36s %2d  %8.1f %6.1f%%  %8.1f  %8.1f  %7.1f %7.1f  %s %s\n", row.workload.c_str(), threads, ours,
              100 * ours / peak, blas_gflops, dnn_gflops, before.gflops, after.gflops,
              blas == nullptr ? "" : blas->library.c_str(), note.c_str());
  std::fflush(stdout);
  nlohmann::json all = nlohmann::json::array();
  for (const PeerTiming& peer : peers) all.push_back({{"library", peer.library}, {"seconds", peer.median_seconds}});
  return {{"workload", row.workload},
          {"threads", threads},
          {"seconds", seconds},
          {"gflops", ours},
          {"share_of_peak", ours / peak},
          {"peak_before_gflops", before.gflops},
          {"peak_after_gflops", after.gflops},
          {"libraries", all},
          {"note", note}};
}

// Whether the row was asked for: some workload contains the text.
bool Wanted(const Row& row, const std::string& only) { return row.workload.find(only) != std::string::npos; }

int Main(int argc, char** argv) {
  if (const std::optional<int> code = RunAsPeerChild(argc, argv)) return *code;
  std::string json_path;
  std::string only;
  bool quick = false;
  int only_threads = 0;
  CLI::App app("Hand-written schedules beside the multiply-add peak of this machine, OpenBLAS and oneDNN.", "cpu");
  app.add_flag("--quick", quick, "Without the large shapes");
  app.add_option("--only", only, "Only workloads with this text in their names");
  app.add_option("--threads", only_threads, "Only this number of threads; 0: 1 and 2")->check(CLI::NonNegativeNumber);
  app.add_option("--json", json_path, "Also write the figures to this file");
  CLI11_PARSE(app, argc, argv);
  SetLogLevel(LogLevel::kWarning);
  nlohmann::json results = nlohmann::json::array();
  std::printf("%-36s %2s  %8s %7s  %8s  %8s  %15s\n", "workload (GFLOP/s)", "th", "hone", "of peak", "OpenBLAS",
              "oneDNN", "peak bef., aft.");
  for (int threads : {1, 2}) {
    if (only_threads != 0 && threads != only_threads) continue;
    const std::vector<int> cpus = BenchCpus(threads);
    if (static_cast<int>(cpus.size()) < threads) break;
    LocalMeasureOptions options;
    options.measure_cpus = cpus;
    options.build_workers = 1;
    auto measure = LocalMeasure::Create(options);
    if (!measure.ok()) {
      std::fprintf(stderr, "%s\n", measure.status().ToString().c_str());
      return 1;
    }
    for (const Row& row : Rows(quick)) {
      if (Wanted(row, only)) results.push_back(MeasureRow(**measure, row, threads));
    }
  }
  if (!json_path.empty()) std::ofstream(json_path) << results.dump(1) << "\n";
  return 0;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::RunMain(hone::bench::Main, argc, argv); }
