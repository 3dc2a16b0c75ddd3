#include "server/search/prefix_cache.h"

#include <memory>
#include <utility>

namespace hone {

using schedule::Instruction;
using schedule::SameValue;
using schedule::Schedule;
using schedule::Trace;

namespace {

// More skeletons than a task has; beyond it nothing is kept.
constexpr int kMostEntries = 32;

size_t SizeBeforeSampling(const Trace& trace) {
  const size_t end = trace.SizeWithoutPostproc();
  size_t i = 0;
  while (i < end && !trace.instructions()[i].row->name.starts_with("Sample")) ++i;
  return i;
}

bool Same(const Instruction& a, const Instruction& b) {
  if (a.row != b.row || a.inputs.size() != b.inputs.size() || a.attrs.size() != b.attrs.size() ||
      a.outputs.size() != b.outputs.size()) {
    return false;
  }
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    if (!SameValue(a.inputs[i], b.inputs[i])) return false;
  }
  for (size_t i = 0; i < a.attrs.size(); ++i) {
    if (!SameValue(a.attrs[i], b.attrs[i])) return false;
  }
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    if (a.outputs[i].id != b.outputs[i].id) return false;
  }
  return SameValue(a.decision, b.decision);
}

}  // namespace

PrefixCache::~PrefixCache() {
  for (const Entry* entry = entries_; entry != nullptr;) delete std::exchange(entry, entry->next);
}

const PrefixCache::Entry* PrefixCache::Find(const Trace& trace, size_t size) const {
  for (const Entry* entry = entries_.load(std::memory_order_acquire); entry != nullptr; entry = entry->next) {
    if (entry->size != size) continue;
    size_t same = 0;
    while (same < size && Same(entry->trace.instructions()[same], trace.instructions()[same])) ++same;
    if (same == size) return entry;
  }
  return nullptr;
}

std::optional<PrefixCache::Started> PrefixCache::Start(const Schedule& start, const Trace& trace, int64_t seed) {
  const size_t size = SizeBeforeSampling(trace);
  if (const Entry* entry = Find(trace, size))
    return Started{entry->schedule.CopyWithSeed(seed), entry->map, size, &entry->trace};
  auto entry = std::make_unique<Entry>(Entry{trace, size, start.CopyWithSeed(1), schedule::RvMap(), nullptr});
  if (!schedule::ReplayPart(trace, 0, size, entry->schedule, entry->map).ok()) return std::nullopt;
  Started started{entry->schedule.CopyWithSeed(seed), entry->map, size, nullptr};
  if (count_.fetch_add(1, std::memory_order_relaxed) >= kMostEntries) return started;
  entry->next = entries_.load(std::memory_order_relaxed);
  Entry* made = entry.release();
  started.kept = &made->trace;
  while (!entries_.compare_exchange_weak(made->next, made, std::memory_order_release, std::memory_order_relaxed)) {
  }
  return started;
}

}  // namespace hone
