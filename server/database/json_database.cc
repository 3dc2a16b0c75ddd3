#include "server/database/json_database.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "common/record/record_json.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/database/json_lines.h"
#include "server/database/memory_database.h"

namespace hone {
namespace {

constexpr size_t kMaxWarnings = 100;

absl::Status SystemError(std::string_view what, const std::string& path) {
  std::string message = StrCat(what, " ", path, ": ", std::strerror(errno));
  if (errno == EACCES || errno == EPERM || errno == EROFS) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

std::string OwnLine(int64_t number, std::string_view line, std::string_view json) {
  return StrCat("[", number, ",\"", OwnCheck(line), "\",", json, "]\n");
}

absl::Status CutTo(const std::string& path, int64_t size) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0 || info.st_size == size) return absl::OkStatus();
  return truncate(path.c_str(), size) == 0 ? absl::OkStatus() : SystemError("cannot repair", path);
}

absl::Status WriteAll(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("cannot write", path);
    text.remove_prefix(n);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<JsonDatabase>> JsonDatabase::Open(const std::string& folder,
                                                                 JsonDatabaseOptions options) {
  std::unique_ptr<JsonDatabase> database(new JsonDatabase(folder, std::move(options)));
  absl::MutexLock lock(&database->mutex_);
  HONE_RETURN_IF_ERROR(database->Prepare());
  HONE_RETURN_IF_ERROR(database->LoadWorkloads());
  HONE_RETURN_IF_ERROR(database->LoadRecords());
  if (database->more_warnings_ > 0) {
    database->warnings_.push_back(StrCat("and ", database->more_warnings_, " more"));
  }
  if (!database->options_.read_only) {
    for (File* file :
         {&database->workloads_, &database->records_, &database->own_workloads_, &database->own_records_}) {
      HONE_RETURN_IF_ERROR(database->OpenForAppend(*file));
    }
  }
  return database;
}

JsonDatabase::~JsonDatabase() {
  absl::MutexLock lock(&mutex_);
  for (File* file : {&workloads_, &records_, &own_workloads_, &own_records_}) {
    if (file->fd >= 0) close(file->fd);
  }
  if (lock_fd_ >= 0) close(lock_fd_);
}

absl::Status JsonDatabase::Prepare() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  workloads_.path = folder_ + "/database_workload.json";
  records_.path = folder_ + "/database_tuning_record.json";
  own_workloads_.path = folder_ + "/hone_workload.jsonl";
  own_records_.path = folder_ + "/hone_record.jsonl";
  if (options_.read_only || !options_.allow_missing) {
    for (const File* file : {&workloads_, &records_}) {
      if (access(file->path.c_str(), R_OK) != 0) {
        return errno == ENOENT ? absl::NotFoundError(StrCat("File doesn't exist: ", file->path))
                               : SystemError("cannot read", file->path);
      }
    }
  }
  if (options_.read_only) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) return absl::PermissionDeniedError(StrCat("cannot create folder ", folder_, ": ", error.message()));
  return Lock();
}

absl::Status JsonDatabase::Lock() {
  std::string path = folder_ + "/hone.lock";
  lock_fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_fd_ < 0) return SystemError("cannot open", path);
  char holder[128] = "";
  if (flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    ssize_t n = pread(lock_fd_, holder, sizeof(holder) - 1, 0);
    if (n > 0) holder[n] = '\0';
    return absl::FailedPreconditionError(StrCat(folder_, " is in use by ", n > 0 ? holder : "another process"));
  }
  char host[64] = "";
  gethostname(host, sizeof(host) - 1);
  std::string text = StrCat("process ", getpid(), " on ", host);
  if (ftruncate(lock_fd_, 0) != 0 || pwrite(lock_fd_, text.data(), text.size(), 0) < 0) {
    return SystemError("cannot write", path);
  }
  return absl::OkStatus();
}

void JsonDatabase::Warn(std::string text) {
  if (warnings_.size() < kMaxWarnings) {
    warnings_.push_back(std::move(text));
  } else {
    ++more_warnings_;
  }
}

absl::Status JsonDatabase::LoadWorkloads() {
  LineReader lines(workloads_.path);
  OwnLines own(own_workloads_.path);
  while (std::optional<std::string_view> line = lines.Next()) {
    ++workloads_.lines;
    absl::StatusOr<Workload> workload = absl::InvalidArgumentError("longer than 64 MiB");
    if (!lines.too_long()) workload = ParseWorkloadLine(lines.number(), *line, own, options_.codec);
    if (!workload.ok()) {
      Warn(StrCat("database_workload.json line ", lines.number() + 1, ": ", ToStd(workload.status().message())));
      continue;
    }
    if (index_.FindWorkload(workload->id) == nullptr) {
      line_of_[workload->id] = lines.number();
      index_.AddWorkload(*workload);
    }
    by_line_[lines.number()] = workload->id;
  }
  if (options_.read_only) return absl::OkStatus();
  HONE_RETURN_IF_ERROR(CutTo(workloads_.path, lines.good_bytes()));
  return CutTo(own_workloads_.path, own.DrainedBytes());
}

absl::Status JsonDatabase::LoadRecords() {
  LineReader lines(records_.path);
  OwnLines own(own_records_.path);
  while (std::optional<std::string_view> line = lines.Next()) {
    ++records_.lines;
    absl::StatusOr<IndexedRecord> parsed = absl::InvalidArgumentError("longer than 64 MiB");
    if (!lines.too_long()) parsed = ParseRecordLine(lines.number(), *line, own);
    if (parsed.ok() && !by_line_.contains(parsed->workload_index)) {
      parsed = absl::InvalidArgumentError(StrCat("workload ", parsed->workload_index, " is not in the workload file"));
    }
    if (!parsed.ok()) {
      Warn(StrCat("database_tuning_record.json line ", lines.number() + 1, ": ", ToStd(parsed.status().message())));
      continue;
    }
    TuningRecord& record = parsed->record;
    record.workload_id = by_line_[parsed->workload_index];
    if (record.id == Digest{}) record.id = RecordId(record);
    // Equal lines of an import are kept apart, as TVM does.
    if (index_.HasRecord(record.id)) record.id = Sha256(StrCat(record.id.Hex(), " line ", lines.number()));
    index_.AddRecord(record);
  }
  by_line_.clear();
  if (options_.read_only) return absl::OkStatus();
  HONE_RETURN_IF_ERROR(CutTo(records_.path, lines.good_bytes()));
  return CutTo(own_records_.path, own.DrainedBytes());
}

absl::Status JsonDatabase::OpenForAppend(File& file) {
  file.fd = open(file.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  return file.fd < 0 ? SystemError("cannot open", file.path) : absl::OkStatus();
}

absl::StatusOr<bool> JsonDatabase::HasWorkload(const Workload& workload) {
  absl::MutexLock lock(&mutex_);
  return index_.FindEqual(workload) != nullptr;
}

absl::StatusOr<Workload> JsonDatabase::CommitWorkload(const Workload& workload) {
  absl::MutexLock lock(&mutex_);
  if (const Workload* equal = index_.FindEqual(workload)) return *equal;
  if (options_.read_only) return absl::FailedPreconditionError(StrCat(folder_, " is open for reading only"));
  HONE_ASSIGN_OR_RETURN(std::string line, TvmWorkloadLine(workload, options_.codec));
  HONE_RETURN_IF_ERROR(WriteAll(workloads_.fd, workloads_.path, line + "\n"));
  int64_t number = workloads_.lines++;
  HONE_RETURN_IF_ERROR(
      WriteAll(own_workloads_.fd, own_workloads_.path, OwnLine(number, line, WorkloadToJson(workload))));
  line_of_[workload.id] = number;
  index_.AddWorkload(workload);
  return workload;
}

absl::StatusOr<std::optional<Workload>> JsonDatabase::FindWorkload(const Digest& id) {
  absl::MutexLock lock(&mutex_);
  const Workload* found = index_.FindWorkload(id);
  return found == nullptr ? std::nullopt : std::optional<Workload>(*found);
}

absl::StatusOr<std::vector<Workload>> JsonDatabase::GetAllWorkloads() {
  absl::MutexLock lock(&mutex_);
  return std::vector<Workload>(index_.workloads().begin(), index_.workloads().end());
}

absl::StatusOr<int64_t> JsonDatabase::CommitRecords(absl::Span<const TuningRecord> records) {
  absl::MutexLock lock(&mutex_);
  if (options_.read_only) return absl::FailedPreconditionError(StrCat(folder_, " is open for reading only"));
  HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> fresh, NewRecords(index_, records));
  std::string lines, own;
  for (TuningRecord& record : fresh) {
    std::string line = TvmRecordLine(line_of_.at(record.workload_id), record);
    std::string trace = std::exchange(record.trace_json, "");  // TVM's line holds it already.
    StrAppend(&own, OwnLine(records_.lines++, line, RecordToJson(record)));
    record.trace_json = std::move(trace);
    StrAppend(&lines, line, "\n");
  }
  HONE_RETURN_IF_ERROR(WriteAll(records_.fd, records_.path, lines));
  HONE_RETURN_IF_ERROR(WriteAll(own_records_.fd, own_records_.path, own));
  for (const TuningRecord& record : fresh) index_.AddRecord(record);
  return static_cast<int64_t>(fresh.size());
}

absl::StatusOr<std::vector<TuningRecord>> JsonDatabase::GetTopK(const Workload& workload, int k) {
  if (k < 0) return absl::InvalidArgumentError("top_k must be non-negative");
  absl::MutexLock lock(&mutex_);
  return index_.TopK(workload, k);
}

absl::StatusOr<std::vector<TuningRecord>> JsonDatabase::GetAllRecords() {
  absl::MutexLock lock(&mutex_);
  return index_.ByMeanTime();
}

absl::StatusOr<int64_t> JsonDatabase::Size() {
  absl::MutexLock lock(&mutex_);
  return index_.size();
}

absl::StatusOr<std::vector<TuningRecord>> JsonDatabase::Best(const RecordQuery& query) {
  absl::MutexLock lock(&mutex_);
  return index_.Best(query);
}

absl::StatusOr<TuningRecord> JsonDatabase::FindRecord(std::string_view id_prefix) {
  absl::MutexLock lock(&mutex_);
  return index_.FindRecord(id_prefix);
}

absl::StatusOr<std::optional<Workload>> JsonDatabase::FindWorkloadByKey(ModuleEquality equality, const Digest& key,
                                                                        const std::vector<std::string>& pools) {
  absl::MutexLock lock(&mutex_);
  const Workload* found = index_.FindByKey(equality, key, pools);
  return found == nullptr ? std::nullopt : std::optional<Workload>(*found);
}

absl::StatusOr<RecordPage> JsonDatabase::ListRecords(const RecordPageRequest& request) {
  absl::MutexLock lock(&mutex_);
  return index_.Page(request);
}

absl::StatusOr<DatabaseStats> JsonDatabase::Stats(const std::vector<std::string>& pools) {
  absl::MutexLock lock(&mutex_);
  return index_.Stats(pools);
}

absl::StatusOr<std::vector<DeviceTarget>> JsonDatabase::DevicesOf(const RecordQuery& query) {
  absl::MutexLock lock(&mutex_);
  return index_.DevicesOf(query);
}

absl::Status JsonDatabase::AddToPool(const Digest& workload_id, const std::string& pool) {
  absl::MutexLock lock(&mutex_);
  if (index_.FindWorkload(workload_id) == nullptr) {
    return absl::FailedPreconditionError(StrCat("workload ", workload_id.Hex(), " was not committed to this database"));
  }
  index_.AddToPool(workload_id, pool);
  return absl::OkStatus();
}

absl::StatusOr<bool> JsonDatabase::WorkloadInPools(const Digest& workload_id, const std::vector<std::string>& pools) {
  absl::MutexLock lock(&mutex_);
  return index_.InPools(workload_id, pools);
}

}  // namespace hone
