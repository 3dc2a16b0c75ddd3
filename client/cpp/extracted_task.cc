#include "client/cpp/extracted_task.h"

#include <utility>

#include "common/ir/module_equality.h"

namespace hone::meta_schedule {

std::vector<ExtractedTask> MergeTasks(std::vector<ExtractedTask> tasks, ir::Equality equality) {
  std::vector<ExtractedTask> out;
  for (ExtractedTask& task : tasks) {
    ExtractedTask* same = nullptr;
    for (ExtractedTask& known : out) {
      const bool both = !known.dispatched.empty() && !task.dispatched.empty();
      if (both && known.target == task.target && ir::ModulesEqual(known.dispatched[0], task.dispatched[0], equality)) {
        same = &known;
        break;
      }
    }
    if (same != nullptr) {
      same->weight += task.weight;
    } else {
      out.push_back(std::move(task));
    }
  }
  return out;
}

}  // namespace hone::meta_schedule
