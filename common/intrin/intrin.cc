#include "common/intrin/intrin.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "common/intrin/arm.h"
#include "common/intrin/dp4a.h"
#include "common/intrin/hexagon.h"
#include "common/intrin/mma_m16n8k16.h"
#include "common/intrin/mma_m16n8k8.h"
#include "common/intrin/wmma.h"
#include "common/intrin/x86.h"
#include "common/script/parser.h"
#include "common/support/check.h"

namespace hone {
namespace {

// Parsed intrinsics. Each keeps the arenas of both programs through one of its own.
class Cache {
 public:
  schedule::TensorIntrin Get(const IntrinText& text) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    auto it = parsed_.find(text.name);
    if (it != parsed_.end()) return it->second;
    auto arena = std::make_shared<ir::Arena>();
    schedule::TensorIntrin intrin;
    intrin.description = Parse(text.description, *arena);
    intrin.implementation = Parse(text.implementation, *arena);
    intrin.arena = arena;
    parsed_.emplace(text.name, intrin);
    return intrin;
  }

 private:
  static ir::PrimFunc Parse(std::string_view text, ir::Arena& keeper) {
    absl::StatusOr<ir::IRModule> module = script::ParseModule(text);
    HONE_CHECK(module.ok()) << module.status().ToString() << "\n" << text;
    keeper.KeepAlive(module->arena());
    const ir::ModuleEntry* entry = module->Entry();
    HONE_CHECK(entry != nullptr);
    return ir::As<ir::PrimFuncNode>(entry->function);
  }

  absl::Mutex mutex_;
  absl::flat_hash_map<std::string_view, schedule::TensorIntrin> parsed_ ABSL_GUARDED_BY(mutex_);
};

const std::vector<IntrinText>& Rows() {
  static const std::vector<IntrinText>* const rows = [] {
    auto* all = new std::vector<IntrinText>;
    for (const auto& family : {X86Intrins(), ArmIntrins(), HexagonIntrins(), Dp4aIntrins(), WmmaIntrins(),
                               MmaM16n8k8Intrins(), MmaM16n8k16Intrins()}) {
      all->insert(all->end(), family.begin(), family.end());
    }
    return all;
  }();
  return *rows;
}

}  // namespace

absl::Span<const IntrinText> AllTensorIntrins() { return Rows(); }

schedule::TensorIntrin FindTensorIntrin(std::string_view name) {
  static Cache* const cache = new Cache;
  static const auto* const by_name = [] {
    auto* index = new absl::flat_hash_map<std::string_view, const IntrinText*>;
    for (const IntrinText& row : Rows()) HONE_CHECK(index->emplace(row.name, &row).second) << row.name;
    return index;
  }();
  auto it = by_name->find(name);
  return it == by_name->end() ? schedule::TensorIntrin() : cache->Get(*it->second);
}

}  // namespace hone
