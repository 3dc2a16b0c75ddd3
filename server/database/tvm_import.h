// Taking in the folder of a JSON database, as TVM or Hone wrote it, in bounded memory: lines are read, checked and
// handed on in batches while the next ones are read. Traces stay text; they are replayed when somebody uses them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/record/tvm_line.h"
#include "server/database/database.h"

namespace hone {

struct TvmImportOptions {
  ModuleCodec codec;
  int batch_records = 2000;
  size_t batch_bytes = size_t{8} << 20;  // Of lines; a batch ends with either.
  // Told of every bad line: "database_tuning_record.json line 17: ...". Lines count from 1.
  std::function<void(const std::string&)> on_bad_line;
};

struct TvmImportCounts {
  int64_t workloads = 0;
  int64_t records = 0;     // Read and good.
  int64_t duplicates = 0;  // Of these, known already or equal to another.
  int64_t bad_lines = 0;
  int64_t bytes = 0;
};

// Where they go. An error ends the import; what was taken before stays.
struct TvmImportSink {
  // Stores a workload; the one to be named by its records, which may be an equal one.
  std::function<absl::StatusOr<Digest>(const Workload&)> workload;
  // Stores records, whose trust is imported or failed, and says how many were new. Called from another thread, one call
  // at a time; never while `workload` runs.
  std::function<absl::StatusOr<int64_t>(const std::vector<TuningRecord>&)> records;
};
TvmImportSink SinkOf(Database& database);

// NotFound when a file is missing. A last line without its newline is passed over.
absl::StatusOr<TvmImportCounts> ImportTvmFolder(const std::string& folder, const TvmImportOptions& options,
                                                const TvmImportSink& sink);

}  // namespace hone
