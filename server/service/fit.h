// How well a record fits the device that asks, by what it was measured on and made for.
#pragma once

#include <string>

#include "hone/v1/records.pb.h"
#include "server/database/database.h"

namespace hone {

struct FitVerdict {
  v1::Fit fit = v1::FIT_EXACT;
  std::string deciding_field;  // What made it less than exact: an attribute of the target, or "device_class".
};

// Refused: another kind, architecture or class of device, or it needs more than a limit of the asking target allows.
// Suggested: it runs, but on another microarchitecture, number of cores, vendor or family its time says little.
// Compatible: only what hardly matters differs. Exact: nothing does. What `asked` leaves empty is not compared.
FitVerdict FitOf(const DeviceTarget& made_for, const DeviceTarget& asked);

}  // namespace hone
