// Prints the FMA peak and the copy bandwidth of this machine. `--threads N` (0 = all physical cores, the default),
// `--json`.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/limits.h"
#include "bench/run_main.h"
#include "bench/timing.h"

namespace {

int Main(int argc, char** argv) {
  int threads = 0;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
      threads = std::atoi(argv[++i]);
    } else {
      std::fprintf(stderr, "usage: limits [--threads N] [--json]\n");
      return 2;
    }
  }
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
