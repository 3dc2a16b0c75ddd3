// A record cut into what it shares with many others and what is its own, as the databases keep it: a trace without
// decisions (skeleton), what a worker's records of one workload have in common (context), and the rest (detail). Ids,
// job, median and time of creation stay outside, for the columns and fields that look-ups go by.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/record/tuning_record.h"

namespace hone {

struct PackedRecord {
  std::string skeleton_json;  // [instructions, []]; a text that is no trace as it is.
  std::string context;        // Both: a hone.v1.TuningRecord, to be merged.
  std::string detail;
};
PackedRecord PackRecord(const TuningRecord& record);

// What UnpackRecord needs besides.
struct RecordColumns {
  Digest id;
  Digest workload_id;
  std::string_view job_id;
  std::optional<double> median;  // Not said: it is in the detail.
  double created_unix_secs = 0;
};
// DataLoss when the bytes are no record.
absl::StatusOr<TuningRecord> UnpackRecord(const RecordColumns& columns, std::string_view skeleton_json,
                                          std::string_view context, std::string_view detail);

// The same as bytes of a hone.v1.TuningRecord, behind what `bytes` has already, for answers: next to nothing is read,
// so that of what was stored damaged less is found. DataLoss leaves a part of it in `bytes`.
absl::Status AppendUnpackedRecord(const RecordColumns& columns, std::string_view skeleton_json,
                                  std::string_view context, std::string_view detail, std::string* bytes);

// Whether the record has a time that look-ups may answer: measured to the end, without a failure.
bool HasUsableTime(const TuningRecord& record);

}  // namespace hone
