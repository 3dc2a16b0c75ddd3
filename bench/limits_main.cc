// Prints the multiply-add peak and the copy bandwidth of this machine.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "bench/limits.h"
#include "bench/run_main.h"
#include "bench/timing.h"

namespace {

int Main(int argc, char** argv) {
  int threads = 0;
  bool json = false;
  CLI::App app("The multiply-add peak and the copy bandwidth of this machine.", "limits");
  app.add_option("--threads", threads, "0: one on each physical core")->check(CLI::NonNegativeNumber);
  app.add_flag("--json", json, "One line of JSON instead of text");
  CLI11_PARSE(app, argc, argv);
  const std::vector<int> cpus = hone::bench::BenchCpus(threads);
  const hone::bench::FmaPeak peak = hone::bench::MeasureFmaPeak(cpus);
  const double copy = hone::bench::MeasureCopyBandwidth(cpus);
  if (json) {
    std::printf("{\"threads\":%zu,\"isa\":\"%s\",\"fma_peak_gflops\":%.2f,\"copy_gb_s\":%.2f}\n", cpus.size(),
                peak.isa.c_str(), peak.gflops, copy);
  } else {
    std::printf("threads          %zu\nFMA peak         %.1f GFLOP/s (%s)\ncopy bandwidth   %.1f GB/s\n", cpus.size(),
                peak.gflops, peak.isa.c_str(), copy);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return hone::bench::RunMain(Main, argc, argv); }
