// Lines of TVM's JSON database files (database.md 2.3 to 2.6).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/record/tuning_record.h"
#include "common/record/workload.h"

namespace hone {

// Between TVMScript and TVM's node-graph JSON of a module; who links the IR provides it. Without one (null functions)
// a workload line carries the script itself in place of the graph: Hone reads that, TVM does not.
struct ModuleCodec {
  std::function<absl::StatusOr<std::string>(std::string_view script)> graph_json_of_script;
  // A workload with script, id and keys.
  std::function<absl::StatusOr<Workload>(std::string_view graph_json)> workload_of_graph_json;
  // A workload with keys from its script.
  std::function<absl::StatusOr<Workload>(std::string_view script)> workload_of_script;
  // TVM's structural hash; only for the file, readers recompute it.
  std::function<uint64_t(std::string_view script)> structural_hash;
};

// `["<hash>","<base64 of length and graph JSON>"]`, without the newline.
absl::StatusOr<std::string> TvmWorkloadLine(const Workload& workload, const ModuleCodec& codec);
absl::StatusOr<Workload> ParseTvmWorkloadLine(std::string_view line, const ModuleCodec& codec);

// `[index,[trace,run_secs,target,args_info]]`, without the newline.
std::string TvmRecordLine(int64_t workload_index, const TuningRecord& record);

struct IndexedRecord {
  int64_t workload_index = 0;
  TuningRecord record;  // Trust imported or failed; no id, no workload_id: the caller knows the index's workload.
};
absl::StatusOr<IndexedRecord> ParseTvmRecordLine(std::string_view line);

}  // namespace hone
