#include "worker/codegen/cuda/ptxas_report.h"

#include <string>

namespace hone::codegen {
namespace {

// The number before `unit` in `line`, or -1.
int NumberBefore(std::string_view line, std::string_view unit) {
  const size_t at = line.find(unit);
  if (at == std::string_view::npos || at == 0) return -1;
  size_t begin = at;
  while (begin > 0 && line[begin - 1] == ' ') --begin;
  const size_t end = begin;
  while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9') --begin;
  if (begin == end) return -1;
  return std::atoi(std::string(line.substr(begin, end - begin)).c_str());
}

void Set(int value, int* field) {
  if (value >= 0) *field = value;
}

// The name between the first two quotes, or what follows "for ".
std::string_view KernelIn(std::string_view line, std::string_view after) {
  size_t at = line.find(after);
  if (at == std::string_view::npos) return {};
  std::string_view rest = line.substr(at + after.size());
  if (!rest.empty() && rest[0] == '\'') rest.remove_prefix(1);
  return rest.substr(0, rest.find_first_of("' \n"));
}

}  // namespace

void AddPtxasReport(std::string_view log, LaunchPlan* plan) {
  KernelLaunch* kernel = nullptr;
  while (!log.empty()) {
    const size_t newline = log.find('\n');
    const std::string_view line = log.substr(0, newline);
    log = newline == std::string_view::npos ? std::string_view() : log.substr(newline + 1);
    for (std::string_view after : {"Compiling entry function ", "Function properties for "}) {
      const std::string_view name = KernelIn(line, after);
      if (name.empty()) continue;
      kernel = nullptr;
      for (KernelLaunch& candidate : plan->kernels) {
        if (candidate.name == name) kernel = &candidate;
      }
    }
    if (kernel == nullptr) continue;
    Set(NumberBefore(line, " bytes stack frame"), &kernel->stack_bytes);
    const int stores = NumberBefore(line, " bytes spill stores"), loads = NumberBefore(line, " bytes spill loads");
    if (stores >= 0 && loads >= 0) kernel->spill_bytes = stores + loads;
    Set(NumberBefore(line, " registers"), &kernel->registers);
    Set(NumberBefore(line, " bytes smem"), &kernel->static_shared_bytes);
  }
}

}  // namespace hone::codegen
