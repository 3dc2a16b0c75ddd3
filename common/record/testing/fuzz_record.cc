// libFuzzer target: any text is refused as a line of a TVM database or as JSON of a record, workload or policy, or is
// read, written and read again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/record/record_json.h"
#include "common/record/tvm_line.h"
#include "common/script/workload_codec.h"
#include "common/support/check.h"

namespace hone {
namespace {

void CheckRecordLine(std::string_view line) {
  const absl::StatusOr<IndexedRecord> record = ParseTvmRecordLine(line);
  if (!record.ok()) return;
  const std::string written = TvmRecordLine(record->workload_index, record->record);
  const absl::StatusOr<IndexedRecord> again = ParseTvmRecordLine(written);
  HONE_CHECK(again.ok()) << std::string(again.status().message()) << "\n" << written;
  HONE_CHECK(TvmRecordLine(again->workload_index, again->record) == written) << written;
}

void CheckWorkloadLine(std::string_view line) {
  const ModuleCodec codec = script::GraphCodec();
  const absl::StatusOr<Workload> workload = ParseTvmWorkloadLine(line, codec);
  if (workload.ok()) TvmWorkloadLine(*workload, codec).status().IgnoreError();
}

}  // namespace
}  // namespace hone

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  hone::CheckRecordLine(text);
  hone::CheckWorkloadLine(text);
  hone::RecordFromJson(text).status().IgnoreError();
  hone::WorkloadFromJson(text).status().IgnoreError();
  hone::PolicyFromJson(text).status().IgnoreError();
  return 0;
}
