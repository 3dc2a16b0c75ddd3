// Which devices' records may be compared.
#pragma once

#include <string>

namespace hone {

// "cpu/AuthenticAMD/25/17/2c": vendor, family, model and cores of a Runner's DeviceFingerprintJson. Text that lacks
// them gives a class of its own.
std::string DeviceClassOf(const std::string& fingerprint_json);

}  // namespace hone
