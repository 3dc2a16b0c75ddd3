// This machine as a target, and as a device that records can name.
#pragma once

#include <string>
#include <string_view>

#include "common/target/target.h"

namespace hone {

// A complete llvm target of this machine: mcpu, num-cores (physical cores that this process may use), and mattr for
// features that the CPU's name promises but the (virtual) machine does not have.
Target DetectHost();

// The physical cores in this process's CPU affinity; at least 1.
int UsablePhysicalCores();

// One JSON object, keys sorted: device, cpu {vendor, brand, family, model, stepping, features}, caches, cores, memory,
// os (kernel), hypervisor, target, compiler (`compiler_revision`, as the caller names it). The same machine gives the
// same text until its hardware, kernel or compiler changes.
std::string HostFingerprintJson(std::string_view compiler_revision);

}  // namespace hone
