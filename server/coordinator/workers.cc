#include "server/coordinator/workers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/support/check.h"
#include "common/support/strings.h"
#include "common/target/kind_of.h"

namespace hone {
namespace {

// Attributes that change what code may run; others only describe.
constexpr std::string_view kDeciding[] = {"kind", "mcpu", "mtriple", "arch"};

std::string Joined(const std::set<std::string>& kinds) {
  std::string text;
  for (const std::string& kind : kinds) text += (text.empty() ? "" : ", ") + kind;
  return text;
}

std::string ClassOf(const WorkerInfo& worker) { return StrCat(worker.target_json, "\n", Joined(worker.build_kinds)); }

std::string Text(const nlohmann::json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

}  // namespace

std::string_view WorkerRoleName(WorkerRole role) {
  static constexpr std::array<std::string_view, kNumRoles> kNames = {"search", "build", "run"};
  return kNames[static_cast<int>(role)];
}

std::string TargetMismatch(const std::string& worker_target, const std::string& task_target) {
  if (worker_target.empty()) return "";
  nlohmann::json have = nlohmann::json::parse(worker_target, nullptr, false);
  nlohmann::json want = nlohmann::json::parse(task_target, nullptr, false);
  if (!have.is_object() || !want.is_object()) return worker_target == task_target ? "" : "the targets' text differs";
  for (std::string_view name : kDeciding) {
    auto h = have.find(std::string(name)), w = want.find(std::string(name));
    if (h == have.end() || w == want.end() || *h == *w) continue;
    return StrCat(name, ": the worker has ", Text(*h), ", the task wants ", Text(*w));
  }
  auto h = have.find("num-cores"), w = want.find("num-cores");
  if (h != have.end() && w != want.end() && h->is_number() && w->is_number() && *h < *w) {
    return StrCat("num-cores: the worker has ", Text(*h), ", the task wants ", Text(*w));
  }
  return "";
}

std::string WhyNot(WorkerRole role, const WorkerInfo& worker, const std::string& task_target) {
  if (role == WorkerRole::kSearch) return "";
  if (role == WorkerRole::kRun) return TargetMismatch(worker.target_json, task_target);
  const std::string kind = KindOfTarget(task_target);
  if (worker.build_kinds.empty() || kind.empty() || worker.build_kinds.contains(kind)) return "";
  return StrCat("it builds for ", Joined(worker.build_kinds), ", the task wants ", kind);
}

WorkerState& Workers::Connect(WorkerInfo info, absl::Time now, absl::Time wall) {
  WorkerState& worker = workers_[info.name];
  bool same_device = worker.connected_at != absl::UnixEpoch() && worker.info.device.json == info.device.json;
  if (!same_device) worker.health = DeviceHealth(health_);
  for (auto& by_class : free_) {  // What it serves may have changed.
    auto it = by_class.find(worker.serves);
    if (it != by_class.end() && it->second.erase(info.name) > 0) --num_free_[&by_class - free_.data()];
  }
  worker.info = std::move(info);
  worker.serves = ClassOf(worker.info);
  worker.connected = true;
  worker.last_seen = now;
  worker.connected_at = worker.heartbeat_at = wall;
  worker.health.Connected(worker.info.canary && worker.info.slots[static_cast<int>(WorkerRole::kRun)] > 0, now);
  Refresh(worker, now);
  return worker;
}

WorkerState* Workers::Find(std::string_view name) {
  auto it = workers_.find(name);
  return it == workers_.end() ? nullptr : &it->second;
}

void Workers::Forget(std::string_view name) {
  auto it = workers_.find(name);
  if (it == workers_.end()) return;
  it->second.connected = false;
  Refresh(it->second, absl::InfiniteFuture());
  workers_.erase(it);
}

void Workers::Refresh(WorkerState& worker, absl::Time now) {
  bool able = worker.connected && !worker.draining && !worker.health.Quarantined(now);
  for (int role = 0; role < kNumRoles; ++role) {
    bool is_free = able && worker.busy[role] < worker.info.slots[role];
    if (role == static_cast<int>(WorkerRole::kRun)) is_free = is_free && !worker.health.WantsCanary(now);
    std::set<std::string, std::less<>>& names = free_[role][worker.serves];
    if (is_free && names.insert(worker.info.name).second) ++num_free_[role];
    if (!is_free && names.erase(worker.info.name) > 0) --num_free_[role];
  }
  const int run = static_cast<int>(WorkerRole::kRun);
  const int slots = worker.info.slots[run];
  const int devices = able && slots > 0 ? std::max(1, slots - 1) : 0;
  const int idle = std::max(0, devices - worker.busy[run]);
  idle_devices_ += idle - worker.idle_devices;
  worker.idle_devices = idle;
}

bool Workers::Serves(WorkerRole role, const WorkerState& worker, const std::string& task_target) {
  auto [it, added] = serves_.try_emplace({worker.serves, task_target});
  for (int r = 0; added && r < kNumRoles; ++r) {
    it->second[r] = WhyNot(static_cast<WorkerRole>(r), worker.info, task_target).empty();
  }
  return it->second[static_cast<int>(role)];
}

WorkerState* Workers::FindFree(WorkerRole role, const std::string& target, std::string_view preferred,
                               std::string_view excluded) {
  std::string_view first;
  for (auto& [serves, names] : free_[static_cast<int>(role)]) {
    if (names.empty() || !Serves(role, *Find(*names.begin()), target)) continue;
    if (!preferred.empty() && names.contains(preferred)) return Find(preferred);
    auto it = names.begin();
    if (*it == excluded) ++it;
    if (first.empty() && it != names.end()) first = *it;
  }
  return first.empty() ? nullptr : Find(first);
}

std::set<std::string> Workers::DeviceClassesFor(const std::string& target) const {
  std::set<std::string> classes;
  for (const auto& [name, worker] : workers_) {
    if (!worker.connected || worker.info.slots[static_cast<int>(WorkerRole::kRun)] == 0) continue;
    if (classes.contains(worker.info.device.device_class)) continue;
    if (TargetMismatch(worker.info.target_json, target).empty()) classes.insert(worker.info.device.device_class);
  }
  return classes;
}

Workers::Count Workers::CountServing(WorkerRole role, const std::string& target) const {
  Count count;
  for (const auto& [name, worker] : workers_) {
    int slots = worker.info.slots[static_cast<int>(role)];
    if (!worker.connected || slots == 0) continue;
    if (!WhyNot(role, worker.info, target).empty()) continue;
    ++count.all;
    count.busy += worker.busy[static_cast<int>(role)] >= slots;
  }
  return count;
}

std::string Workers::WhyNone(WorkerRole role, const std::string& target, absl::Time now) const {
  std::string why = StrCat("no worker with the role ", WorkerRoleName(role), " is connected");
  for (const auto& [name, worker] : workers_) {
    if (!worker.connected || worker.info.slots[static_cast<int>(role)] == 0) continue;
    if (worker.draining) {
      why = StrCat("worker ", name, " drains");
      continue;
    }
    if (worker.health.Quarantined(now)) {
      why = StrCat("worker ", name, " is quarantined: ", worker.health.reason());
      continue;
    }
    std::string mismatch = WhyNot(role, worker.info, target);
    if (mismatch.empty()) return "";
    why = StrCat("no worker can ", WorkerRoleName(role), " it; ", name, ": ", mismatch);
  }
  return why;
}

}  // namespace hone
