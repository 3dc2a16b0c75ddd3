// Writes standard workloads as TVMScript into a folder.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

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
  std::string folder;
  std::vector<std::string> names;
  CLI::App app("Writes standard workloads as TVMScript.", "print_workloads");
  app.add_option("FOLDER", folder, "Where the files go")->required();
  app.add_option("NAME", names,
                 "Workloads for CPUs, such as GMM:2, written as GMM_2.py. Without any: one configuration of each for "
                 "GPUs, f32-NAME.py and f16-NAME.py (float16 operands, float32 results)");
  CLI11_PARSE(app, argc, argv);
  for (const std::string& name : names) {
    if (const int failed = WriteNamed(folder, name); failed != 0) return failed;
  }
  if (!names.empty()) return 0;
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
      std::ofstream out(folder + (half ? "/f16-" : "/f32-") + std::string(name.name) + ".py");
      out << hone::script::PrintModule(*module);
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return hone::bench::RunMain(Main, argc, argv); }
