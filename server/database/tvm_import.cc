#include "server/database/tvm_import.h"

#include <unistd.h>

#include <future>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/database/json_lines.h"

namespace hone {
namespace {

constexpr char kWorkloadFile[] = "database_workload.json";
constexpr char kRecordFile[] = "database_tuning_record.json";

class Importer {
 public:
  Importer(std::string folder, const TvmImportOptions& options, const TvmImportSink& sink)
      : folder_(std::move(folder)), options_(options), sink_(sink) {}
  ~Importer() {
    if (storing_.valid()) storing_.wait();
  }

  absl::StatusOr<TvmImportCounts> Run() {
    HONE_RETURN_IF_ERROR(ReadWorkloads());
    HONE_RETURN_IF_ERROR(ReadRecords());
    HONE_RETURN_IF_ERROR(Store());
    HONE_RETURN_IF_ERROR(Stored());
    return counts_;
  }

 private:
  absl::StatusOr<std::string> Existing(const char* name) {
    std::string path = StrCat(folder_, "/", name);
    if (access(path.c_str(), R_OK) == 0) return path;
    return absl::NotFoundError(StrCat("File doesn't exist: ", path));
  }

  void Bad(const char* file, int64_t number, const absl::Status& why) {
    ++counts_.bad_lines;
    if (options_.on_bad_line) {
      options_.on_bad_line(StrCat(file, " line ", number + 1, ": ", ToStd(why.message())));
    }
  }

  absl::Status ReadWorkloads() {
    HONE_ASSIGN_OR_RETURN(const std::string path, Existing(kWorkloadFile));
    HONE_RETURN_IF_ERROR(Existing(kRecordFile).status());
    LineReader lines(path);
    OwnLines own(folder_ + "/hone_workload.jsonl");
    while (std::optional<std::string_view> line = lines.Next()) {
      absl::StatusOr<Workload> workload = absl::InvalidArgumentError("longer than 64 MiB");
      if (!lines.too_long()) workload = ParseWorkloadLine(lines.number(), *line, own, options_.codec);
      if (!workload.ok()) {
        Bad(kWorkloadFile, lines.number(), workload.status());
        continue;
      }
      HONE_ASSIGN_OR_RETURN(ids_[lines.number()], sink_.workload(*workload));
      ++counts_.workloads;
    }
    counts_.bytes += lines.good_bytes();
    return absl::OkStatus();
  }

  absl::StatusOr<TuningRecord> Parse(int64_t number, std::string_view line, OwnLines& own) {
    HONE_ASSIGN_OR_RETURN(IndexedRecord parsed, ParseRecordLine(number, line, own));
    auto it = ids_.find(parsed.workload_index);
    if (it == ids_.end()) {
      return absl::InvalidArgumentError(StrCat("workload ", parsed.workload_index, " is not in the workload file"));
    }
    TuningRecord& record = parsed.record;
    // What others measured comes in as imported; nothing here vouches for it.
    if (record.trust == Trust::kVerified) record.trust = Trust::kImported;
    record.workload_id = it->second;
    return std::move(record);
  }

  absl::Status ReadRecords() {
    HONE_ASSIGN_OR_RETURN(const std::string path, Existing(kRecordFile));
    LineReader lines(path);
    OwnLines own(folder_ + "/hone_record.jsonl");
    size_t bytes = 0;
    while (std::optional<std::string_view> line = lines.Next()) {
      absl::StatusOr<TuningRecord> record = absl::InvalidArgumentError("longer than 64 MiB");
      if (!lines.too_long()) record = Parse(lines.number(), *line, own);
      if (!record.ok()) {
        Bad(kRecordFile, lines.number(), record.status());
        continue;
      }
      ++counts_.records;
      bytes += line->size();
      batch_.push_back(*std::move(record));
      if (static_cast<int>(batch_.size()) >= options_.batch_records || bytes >= options_.batch_bytes) {
        HONE_RETURN_IF_ERROR(Store());
        bytes = 0;
      }
    }
    counts_.bytes += lines.good_bytes();
    return absl::OkStatus();
  }

  // Waits for the batch before, and starts this one.
  absl::Status Store() {
    HONE_RETURN_IF_ERROR(Stored());
    if (batch_.empty()) return absl::OkStatus();
    in_flight_ = std::move(batch_);
    batch_.clear();
    storing_ = std::async(std::launch::async, [this] {
      for (TuningRecord& record : in_flight_) {
        if (record.id == Digest{}) record.id = RecordId(record);
      }
      return sink_.records(in_flight_);
    });
    return absl::OkStatus();
  }

  absl::Status Stored() {
    if (!storing_.valid()) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(const int64_t added, storing_.get());
    counts_.duplicates += static_cast<int64_t>(in_flight_.size()) - added;
    return absl::OkStatus();
  }

  const std::string folder_;
  const TvmImportOptions& options_;
  const TvmImportSink& sink_;
  TvmImportCounts counts_;
  absl::flat_hash_map<int64_t, Digest> ids_;  // By line of the workload file.
  std::vector<TuningRecord> batch_, in_flight_;
  std::future<absl::StatusOr<int64_t>> storing_;
};

}  // namespace

TvmImportSink SinkOf(Database& database) {
  TvmImportSink sink;
  sink.workload = [&database](const Workload& workload) -> absl::StatusOr<Digest> {
    HONE_ASSIGN_OR_RETURN(const Workload stored, database.CommitWorkload(workload));
    return stored.id;
  };
  sink.records = [&database](const std::vector<TuningRecord>& records) { return database.CommitRecords(records); };
  return sink;
}

absl::StatusOr<TvmImportCounts> ImportTvmFolder(const std::string& folder, const TvmImportOptions& options,
                                                const TvmImportSink& sink) {
  return Importer(folder, options, sink).Run();
}

}  // namespace hone
