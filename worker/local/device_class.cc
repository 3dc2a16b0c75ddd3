#include "worker/local/device_class.h"

#include <nlohmann/json.hpp>

#include "common/support/sha256.h"
#include "common/support/strings.h"

namespace hone {

namespace {

// "gpu/NVIDIA-H200/132sm".
std::string GpuClass(const nlohmann::json& gpu) {
  std::string name = gpu.value("name", "?");
  for (char& c : name) {
    if (c == ' ' || c == '/') c = '-';
  }
  return StrCat("gpu/", name, "/", gpu.value("multiprocessors", 0), "sm");
}

}  // namespace

std::string DeviceClassOf(const std::string& fingerprint_json) {
  nlohmann::json json = nlohmann::json::parse(fingerprint_json, nullptr, false);
  if (json.is_object() && json.contains("gpu") && json["gpu"].is_object()) return GpuClass(json["gpu"]);
  if (!json.is_object() || !json.contains("cpu")) return "cpu/" + Sha256(fingerprint_json).Hex().substr(0, 12);
  const nlohmann::json& cpu = json["cpu"];
  auto text = [&](const char* name) {
    auto it = cpu.find(name);
    if (it == cpu.end()) return std::string("?");
    return it->is_string() ? it->get<std::string>() : it->dump();
  };
  nlohmann::json cores = json.value("cores", nlohmann::json());
  if (cores.is_object()) cores = cores.value("physical", nlohmann::json());
  return StrCat("cpu/", text("vendor"), "/", text("family"), "/", text("model"), "/",
                cores.is_null() ? "?" : cores.dump(), "c");
}

}  // namespace hone
