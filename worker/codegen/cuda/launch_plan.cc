#include "worker/codegen/cuda/launch_plan.h"

#include <nlohmann/json.hpp>

#include "common/support/strings.h"

namespace hone::codegen {
namespace {

constexpr std::string_view kMagic = "hone-cubin-1\n";

nlohmann::json ToJson(const LaunchPlan& plan) {
  nlohmann::json kernels = nlohmann::json::array();
  for (const KernelLaunch& kernel : plan.kernels) {
    kernels.push_back({{"name", kernel.name},
                       {"grid", kernel.grid},
                       {"block", kernel.block},
                       {"dynamic_shared_bytes", kernel.dynamic_shared_bytes},
                       {"args", kernel.args},
                       {"registers", kernel.registers},
                       {"spill_bytes", kernel.spill_bytes},
                       {"stack_bytes", kernel.stack_bytes},
                       {"static_shared_bytes", kernel.static_shared_bytes}});
  }
  return {{"kernels", kernels}, {"temporary_bytes", plan.temporary_bytes}, {"arch", plan.arch}};
}

LaunchPlan FromJson(const nlohmann::json& json) {
  LaunchPlan plan;
  plan.arch = json.at("arch").get<std::string>();
  plan.temporary_bytes = json.at("temporary_bytes").get<std::vector<uint64_t>>();
  for (const nlohmann::json& item : json.at("kernels")) {
    KernelLaunch kernel;
    kernel.name = item.at("name").get<std::string>();
    kernel.grid = item.at("grid").get<std::array<uint32_t, 3>>();
    kernel.block = item.at("block").get<std::array<uint32_t, 3>>();
    kernel.dynamic_shared_bytes = item.at("dynamic_shared_bytes").get<uint32_t>();
    kernel.args = item.at("args").get<std::vector<int>>();
    kernel.registers = item.at("registers").get<int>();
    kernel.spill_bytes = item.at("spill_bytes").get<int>();
    kernel.stack_bytes = item.at("stack_bytes").get<int>();
    kernel.static_shared_bytes = item.at("static_shared_bytes").get<int>();
    plan.kernels.push_back(std::move(kernel));
  }
  return plan;
}

absl::Status CheckPlan(const LaunchPlan& plan) {
  for (const KernelLaunch& kernel : plan.kernels) {
    for (int axis = 0; axis < 3; ++axis) {
      if (kernel.grid[axis] == 0 || kernel.block[axis] == 0) {
        return absl::InvalidArgumentError(ToAbsl(StrCat("launch of \"", kernel.name, "\" has an empty axis")));
      }
    }
    for (int arg : kernel.args) {
      if (arg < 0 && static_cast<size_t>(-1 - arg) >= plan.temporary_bytes.size()) {
        return absl::InvalidArgumentError(ToAbsl(StrCat("kernel \"", kernel.name, "\" wants temporary ", -1 - arg,
                                                        ", and there are ", plan.temporary_bytes.size())));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeCubin(const LaunchPlan& plan, std::string_view image) {
  const std::string json = ToJson(plan).dump();
  return StrCat(kMagic, json.size(), "\n", json, image);
}

absl::StatusOr<DecodedCubin> DecodeCubin(std::string_view bytes) {
  const absl::Status bad = absl::DataLossError("the artifact is no cubin with a launch plan");
  if (bytes.substr(0, kMagic.size()) != kMagic) return bad;
  bytes.remove_prefix(kMagic.size());
  const size_t newline = bytes.find('\n');
  if (newline == std::string_view::npos || newline > 9) return bad;
  size_t length = 0;
  for (char c : bytes.substr(0, newline)) {
    if (c < '0' || c > '9') return bad;
    length = length * 10 + static_cast<size_t>(c - '0');
  }
  bytes.remove_prefix(newline + 1);
  if (length > bytes.size()) return bad;
  DecodedCubin decoded;
  try {
    decoded.plan = FromJson(nlohmann::json::parse(bytes.substr(0, length)));
  } catch (const nlohmann::json::exception&) {
    return bad;
  }
  if (absl::Status status = CheckPlan(decoded.plan); !status.ok()) return status;
  decoded.image = bytes.substr(length);
  return decoded;
}

}  // namespace hone::codegen
