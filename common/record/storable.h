// What every database and message can hold: text in UTF-8 without zero bytes, a measurement with either a time or a
// failure, and a trace that this build replays as it was meant. Checked where bytes from outside become records.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/record/tuning_record.h"
#include "common/record/workload.h"

namespace hone {

// Well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong), and no zero byte.
bool IsStorableText(std::string_view text);
// The text with every byte that keeps it from being storable replaced by '?'.
std::string StorableText(std::string_view text);

// InvalidArgument names the first field that cannot be stored.
absl::Status CheckStorable(const TuningRecord& record);
absl::Status CheckStorable(const Workload& workload);

}  // namespace hone
