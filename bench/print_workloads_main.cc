// Writes the standard workloads, one configuration each, as TVMScript: f32-NAME.py and f16-NAME.py (float16 operands,
// float32 results) into the folder that is given.
#include <cstdio>
#include <fstream>
#include <string>

#include "common/script/printer.h"
#include "common/workload/standard.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: print_workloads FOLDER\n");
    return 2;
  }
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
