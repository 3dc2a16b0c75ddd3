// Writes standard workloads as TVMScript into the folder that is given. Without names one configuration of each for
// GPUs: f32-NAME.py and f16-NAME.py (float16 operands, float32 results). With names such as GMM:2 those for CPUs:
// GMM_2.py.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "bench/run_main.h"
#include "common/script/printer.h"
#include "common/workload/standard.h"

namespace {

int WriteNamed(const std::string& folder, const std::string& name) {
  const size_t colon = name.find(':');
  const int config = colon == std::string::npos ? 0 : std::atoi(name.c_str() + colon + 1);
  const std::string kind = name.substr(0, colon);
  const auto module = hone::workload::Standard(kind, config, {});
  if (!module.ok()) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), std::string(module.status().message()).c_str());
    return 1;
  }
  std::ofstream out(folder + "/" + kind + "_" + std::to_string(config) + ".py");
  out << hone::script::PrintModule(*module);
  return 0;
}

}  // namespace

namespace {

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: print_workloads FOLDER [NAME:CONFIG...]\n");
    return 2;
  }
  for (int i = 2; i < argc; ++i) {
    if (const int failed = WriteNamed(argv[1], argv[i]); failed != 0) return failed;
  }
  if (argc > 2) return 0;
  for (const hone::workload::StandardName& name : hone::workload::StandardNames()) {
    for (const bool half : {false, true}) {
      hone::workload::StandardOptions options;
      if (half) options.in_dtype = hone::ir::DataType::Float(16);
      options.for_gpu = true;
      const auto module = hone::workload::Standard(name.name, 0, options);
      if (!module.ok()) {
        std::fprintf(stderr, "%s\n", std::string(module.status().message()).c_str());
        return 1;
      }
      std::ofstream out(std::string(argv[1]) + (half ? "/f16-" : "/f32-") + std::string(name.name) + ".py");
      out << hone::script::PrintModule(*module);
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return hone::bench::RunMain(Main, argc, argv); }
