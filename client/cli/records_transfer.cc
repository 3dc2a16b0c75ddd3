#include "client/cli/records_transfer.h"

#include <condition_variable>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "client/cli/exit_code.h"
#include "client/cli/hex.h"
#include "client/cli/record_source.h"
#include "client/cpp/record_client.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/database/json_database.h"
#include "server/database/tvm_import.h"
#include "server/service/records.h"

namespace hone::cli {
namespace {

constexpr int kBatch = 1000;  // Records of one message, unless they are long.
constexpr int64_t kShownBadLines = 100;

struct Arguments {
  RecordSourceFlags source;
  std::string folder;  // Of the JSON files.
  std::string job;
  std::string workload;
  std::string pool;
  std::string record;
  std::vector<std::string> pools;
  bool failed = false;
  bool pruned = false;
  bool json = false;
};

struct Counts {
  int64_t workloads = 0;
  int64_t records = 0;
  int64_t duplicates = 0;
  int64_t bad_lines = 0;
};

void PrintCounts(const char* what, const Counts& counts, bool json) {
  if (json) {
    std::printf("%s\n", StrCat("{\"workloads\":", counts.workloads, ",\"records\":", counts.records,
                               ",\"duplicates\":", counts.duplicates, ",\"bad_lines\":", counts.bad_lines, "}")
                            .c_str());
    return;
  }
  std::fprintf(stderr, "%s %s\n", what,
               StrCat(counts.workloads, " workloads, ", counts.records, " records",
                      counts.duplicates > 0 ? StrCat("; ", counts.duplicates, " were there already") : "",
                      counts.bad_lines > 0 ? StrCat("; ", counts.bad_lines, " bad lines were passed over") : "")
                   .c_str());
}

absl::StatusOr<std::unique_ptr<JsonDatabase>> OpenFolder(const std::string& folder, bool write) {
  JsonDatabaseOptions options;
  options.read_only = !write;
  options.allow_missing = write;
  options.codec = script::GraphCodec();
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> database, JsonDatabase::Open(folder, options));
  for (const std::string& warning : database->warnings()) std::fprintf(stderr, "hone: %s\n", warning.c_str());
  return database;
}

absl::Status Store(const v1::ExportChunk& chunk, JsonDatabase& database, Counts* counts) {
  for (const v1::Workload& message : chunk.workloads()) {
    HONE_ASSIGN_OR_RETURN(Workload workload, FromProto(message));
    HONE_RETURN_IF_ERROR(database.CommitWorkload(workload).status());
    ++counts->workloads;
  }
  std::vector<TuningRecord> records;
  for (const v1::TuningRecord& message : chunk.records()) {
    HONE_ASSIGN_OR_RETURN(records.emplace_back(), FromProto(message));
  }
  HONE_ASSIGN_OR_RETURN(int64_t added, database.CommitRecords(records));
  counts->records += added;
  counts->duplicates += static_cast<int64_t>(records.size()) - added;
  return absl::OkStatus();
}

absl::StatusOr<v1::ExportRequest> ExportOf(const Arguments& arguments) {
  v1::ExportRequest request;
  request.set_job_id(arguments.job);
  request.set_include_failed(arguments.failed);
  request.set_pruned(arguments.pruned);
  for (const std::string& pool : arguments.pools) request.add_pools(pool);
  if (!arguments.workload.empty()) {
    const std::optional<std::string> id = FromHex(arguments.workload);
    if (!id.has_value() || id->size() != 32) {
      return absl::InvalidArgumentError(
          StrCat("workload \"", arguments.workload, "\" is not an id of 64 hexadecimal digits"));
    }
    request.set_workload_id(*id);
  }
  return request;
}

absl::Status ExportFromServer(const Arguments& arguments, const v1::ExportRequest& request, JsonDatabase& database,
                              Counts* counts) {
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<Connection> connection, arguments.source.server.Open());
  absl::Status stored;
  HONE_RETURN_IF_ERROR(RecordClient(connection).Export(request, [&](const v1::ExportChunk& chunk) {
    if (stored.ok()) stored = Store(chunk, database, counts);
  }));
  return stored;
}

// As the server does it; a whole folder goes with the workloads that have no records.
absl::Status ExportFromFolder(const Arguments& arguments, const v1::ExportRequest& request, JsonDatabase& destination,
                              Counts* counts) {
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> source,
                        OpenFolder(arguments.source.work_dir.empty() ? "hone-work" : arguments.source.work_dir, false));
  Records records(*source);
  Identity reader;
  reader.anonymous = true;
  absl::Status stored;
  const auto store = [&](const v1::ExportChunk& chunk) {
    stored = Store(chunk, destination, counts);
    return stored.ok();
  };
  const bool whole =
      !request.pruned() && request.job_id().empty() && request.workload_id().empty() && request.pools().empty();
  if (whole) {
    v1::ExportRequest workloads;
    workloads.set_only_workloads(true);
    const absl::Status sent = records.Export(reader, workloads, store);
    HONE_RETURN_IF_ERROR(stored);
    HONE_RETURN_IF_ERROR(sent);
  }
  const int64_t before = counts->workloads;
  const absl::Status sent = records.Export(reader, request, store);
  if (whole) counts->workloads = before;  // Each is in both.
  HONE_RETURN_IF_ERROR(stored);
  return sent;
}

bool FromServer(const Arguments& arguments) {
  return arguments.source.work_dir.empty() && !arguments.source.server.server.empty();
}

absl::Status Export(const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(const v1::ExportRequest request, ExportOf(arguments));
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> destination, OpenFolder(arguments.folder, /*write=*/true));
  Counts counts;
  HONE_RETURN_IF_ERROR(FromServer(arguments) ? ExportFromServer(arguments, request, *destination, &counts)
                                             : ExportFromFolder(arguments, request, *destination, &counts));
  PrintCounts("exported", counts, arguments.json);
  return absl::OkStatus();
}

TvmImportOptions ImportOptions() {
  TvmImportOptions options;
  options.codec = script::GraphCodec();
  options.batch_records = kBatch;
  options.batch_bytes = size_t{4} << 20;  // A message has 32 MiB at most.
  options.on_bad_line = [shown = int64_t{0}](const std::string& line) mutable {
    if (++shown <= kShownBadLines) std::fprintf(stderr, "hone: %s\n", line.c_str());
    if (shown == kShownBadLines) std::fprintf(stderr, "hone: further bad lines are only counted\n");
  };
  return options;
}

// Chunks on their way from the reading thread to the stream; a few, so that memory is bounded.
class ChunkQueue {
 public:
  // False when the stream has ended: there is no use in reading on.
  bool Push(v1::ImportChunk chunk) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return chunks_.size() < 3 || closed_; });
    if (closed_) return false;
    chunks_.push_back(std::move(chunk));
    changed_.notify_all();
    return true;
  }
  // False at the end.
  bool Pop(v1::ImportChunk* chunk) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !chunks_.empty() || closed_; });
    if (chunks_.empty()) return false;
    *chunk = std::move(chunks_.front());
    chunks_.pop_front();
    changed_.notify_all();
    return true;
  }
  void Close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::ImportChunk> chunks_;
  bool closed_ = false;
};

TvmImportSink SinkOf(ChunkQueue& queue, const std::string& pool) {
  auto push = [&queue, pool, first = true](v1::ImportChunk chunk) mutable -> absl::Status {
    if (std::exchange(first, false)) chunk.set_pool(pool);
    return queue.Push(std::move(chunk)) ? absl::OkStatus() : absl::CancelledError("the server ended the import");
  };
  auto shared = std::make_shared<decltype(push)>(std::move(push));
  TvmImportSink sink;
  sink.workload = [shared](const Workload& workload) -> absl::StatusOr<Digest> {
    v1::ImportChunk chunk;
    *chunk.add_workloads() = ToProto(workload);
    HONE_RETURN_IF_ERROR((*shared)(std::move(chunk)));
    return workload.id;
  };
  sink.records = [shared](const std::vector<TuningRecord>& records) -> absl::StatusOr<int64_t> {
    v1::ImportChunk chunk;
    for (const TuningRecord& record : records) *chunk.add_records() = ToProto(record);
    HONE_RETURN_IF_ERROR((*shared)(std::move(chunk)));
    return static_cast<int64_t>(records.size());
  };
  return sink;
}

absl::Status ImportToServer(const Arguments& arguments, Counts* counts) {
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<Connection> connection, arguments.source.server.Open());
  ChunkQueue queue;
  absl::StatusOr<TvmImportCounts> read;
  std::thread reader([&] {
    read = ImportTvmFolder(arguments.folder, ImportOptions(), SinkOf(queue, arguments.pool));
    queue.Close();
  });
  absl::StatusOr<v1::ImportResponse> response =
      RecordClient(connection).Import([&](v1::ImportChunk* chunk) { return queue.Pop(chunk); });
  queue.Close();
  reader.join();
  HONE_RETURN_IF_ERROR(response.status());
  HONE_RETURN_IF_ERROR(read.status());
  for (const std::string& bad : response->bad()) std::fprintf(stderr, "hone: %s\n", bad.c_str());
  *counts = {static_cast<int64_t>(response->workloads()), static_cast<int64_t>(response->records()),
             static_cast<int64_t>(response->duplicates()), read->bad_lines};
  return absl::OkStatus();
}

absl::Status Import(const Arguments& arguments) {
  Counts counts;
  if (FromServer(arguments)) {
    HONE_RETURN_IF_ERROR(ImportToServer(arguments, &counts));
  } else {
    const std::string& folder = arguments.source.work_dir;
    HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> destination,
                          OpenFolder(folder.empty() ? "hone-work" : folder, /*write=*/true));
    HONE_ASSIGN_OR_RETURN(const TvmImportCounts read,
                          ImportTvmFolder(arguments.folder, ImportOptions(), hone::SinkOf(*destination)));
    counts = {read.workloads, read.records - read.duplicates, read.duplicates, read.bad_lines};
  }
  PrintCounts("imported", counts, arguments.json);
  return absl::OkStatus();
}

absl::Status Promote(const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<Connection> connection, arguments.source.server.Open());
  RecordClient client(connection);
  HONE_ASSIGN_OR_RETURN(const v1::Match match, client.GetRecord(arguments.record));
  v1::PromoteRequest request;
  request.set_record_id(match.record().id());
  request.set_to_pool(arguments.pool);
  HONE_ASSIGN_OR_RETURN(const v1::PromoteResponse response, client.Promote(request));
  const std::string id = ToHex(response.record_id());
  std::printf("%s\n", arguments.json ? StrCat("{\"id\":\"", id, "\"}").c_str() : id.c_str());
  return absl::OkStatus();
}

}  // namespace

void AddRecordsTransferCommands(Flags& records) {
  auto exported = std::make_shared<Arguments>();
  Flags flags = records.Command("export", "Write records to a folder of JSON files that TVM reads");
  flags.AddPositional("DIR", &exported->folder, "Folder to write; records are added to what it has");
  exported->source.Declare(flags);
  flags.Add("job", &exported->job, "Only of this job");
  flags.Add("workload", &exported->workload, "Only of this workload");
  flags.Add("failed", &exported->failed, "Failed ones too");
  flags.Add("pruned", &exported->pruned, "Only the best of each workload");
  flags.Add("pool", &exported->pools, "Only of these pools");
  flags.Add("json", &exported->json, "Print JSON");
  flags.Run([exported] { return Report(Export(*exported)); });

  auto imported = std::make_shared<Arguments>();
  flags = records.Command("import", "Take in the records of a folder of JSON files, as TVM or hone wrote them");
  flags.AddPositional("DIR", &imported->folder, "Folder to read");
  imported->source.Declare(flags);
  flags.Add("pool", &imported->pool, "Pool of a server to put them in");
  flags.Add("json", &imported->json, "Print JSON");
  flags.Run([imported] { return Report(Import(*imported)); });

  auto promoted = std::make_shared<Arguments>();
  promoted->pool = "shared";
  flags = records.Command("promote", "Copy a verified record into another pool, for others to use; prints its new id");
  flags.AddPositional("RECORD", &promoted->record, "Id, 8 digits at least");
  promoted->source.server.Declare(flags);
  flags.Add("to", &promoted->pool, "Pool to copy it to; shared is read by everybody");
  flags.Add("json", &promoted->json, "Print JSON");
  flags.Run([promoted] { return Report(Promote(*promoted)); });
}

}  // namespace hone::cli
