#include "client/cli/records_transfer.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>

#include "client/cli/exit_code.h"
#include "client/cli/hex.h"
#include "client/cli/record_source.h"
#include "client/cpp/record_client.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/database/json_database.h"

namespace hone::cli {
namespace {

constexpr size_t kBatch = 200;  // Records of one message.

struct Arguments {
  RecordSourceFlags source;
  std::string folder;  // Of the JSON files.
  std::string job;
  std::string workload;
  std::string pool;
  bool failed = false;
  bool pruned = false;
};

struct Counts {
  int64_t workloads = 0;
  int64_t records = 0;
  int64_t duplicates = 0;
};

void PrintCounts(const char* what, const Counts& counts) {
  std::fprintf(stderr, "%s %s\n", what,
               StrCat(counts.workloads, " workloads, ", counts.records, " records",
                      counts.duplicates > 0 ? StrCat("; ", counts.duplicates, " were there already") : "")
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

absl::Status ExportFromServer(const Arguments& arguments, JsonDatabase& database, Counts* counts) {
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<Connection> connection, arguments.source.server.Open());
  v1::ExportRequest request;
  request.set_job_id(arguments.job);
  request.set_include_failed(arguments.failed);
  request.set_pruned(arguments.pruned);
  if (!arguments.workload.empty()) {
    std::optional<std::string> id = FromHex(arguments.workload);
    if (!id.has_value()) return absl::InvalidArgumentError(StrCat("workload \"", arguments.workload, "\" is no id"));
    request.set_workload_id(*id);
  }
  absl::Status stored;
  HONE_RETURN_IF_ERROR(RecordClient(connection).Export(request, [&](const v1::ExportChunk& chunk) {
    if (stored.ok()) stored = Store(chunk, database, counts);
  }));
  return stored;
}

absl::Status ExportFromFolder(const Arguments& arguments, JsonDatabase& destination, Counts* counts) {
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> source,
                        OpenFolder(arguments.source.work_dir.empty() ? "hone-work" : arguments.source.work_dir, false));
  if (arguments.pruned) {
    HONE_RETURN_IF_ERROR(DumpPruned(*source, destination));
    HONE_ASSIGN_OR_RETURN(counts->records, destination.Size());
    HONE_ASSIGN_OR_RETURN(std::vector<Workload> workloads, destination.GetAllWorkloads());
    counts->workloads = static_cast<int64_t>(workloads.size());
    return absl::OkStatus();
  }
  HONE_ASSIGN_OR_RETURN(std::vector<Workload> workloads, source->GetAllWorkloads());
  for (const Workload& workload : workloads) {
    HONE_RETURN_IF_ERROR(destination.CommitWorkload(workload).status());
    ++counts->workloads;
  }
  HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> records, source->GetAllRecords());
  std::erase_if(records, [&](const TuningRecord& record) {
    return (record.trust == Trust::kFailed && !arguments.failed) ||
           (!arguments.job.empty() && record.slot.job_id != arguments.job) ||
           (!arguments.workload.empty() && record.workload_id.Hex() != arguments.workload);
  });
  HONE_ASSIGN_OR_RETURN(counts->records, destination.CommitRecords(records));
  counts->duplicates = static_cast<int64_t>(records.size()) - counts->records;
  return absl::OkStatus();
}

bool FromServer(const Arguments& arguments) {
  return arguments.source.work_dir.empty() && !arguments.source.server.server.empty();
}

absl::Status Export(const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> destination, OpenFolder(arguments.folder, /*write=*/true));
  Counts counts;
  HONE_RETURN_IF_ERROR(FromServer(arguments) ? ExportFromServer(arguments, *destination, &counts)
                                             : ExportFromFolder(arguments, *destination, &counts));
  PrintCounts("exported", counts);
  return absl::OkStatus();
}

// What others measured comes in as imported; nothing here vouches for it.
std::vector<TuningRecord> AsImports(std::vector<TuningRecord> records) {
  for (TuningRecord& record : records) {
    if (record.trust == Trust::kVerified) record.trust = Trust::kImported;
  }
  return records;
}

absl::Status ImportToServer(const Arguments& arguments, const std::vector<Workload>& workloads,
                            const std::vector<TuningRecord>& records, Counts* counts) {
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<Connection> connection, arguments.source.server.Open());
  bool first = true;
  size_t next = 0;
  HONE_ASSIGN_OR_RETURN(v1::ImportResponse response, RecordClient(connection).Import([&](v1::ImportChunk* chunk) {
    if (!first && next >= records.size()) return false;
    if (first) {
      chunk->set_pool(arguments.pool);
      for (const Workload& workload : workloads) *chunk->add_workloads() = ToProto(workload);
    }
    first = false;
    for (size_t end = std::min(next + kBatch, records.size()); next < end; ++next) {
      *chunk->add_records() = ToProto(records[next]);
    }
    return true;
  }));
  for (const std::string& bad : response.bad()) std::fprintf(stderr, "hone: %s\n", bad.c_str());
  *counts = {static_cast<int64_t>(response.workloads()), static_cast<int64_t>(response.records()),
             static_cast<int64_t>(response.duplicates())};
  return absl::OkStatus();
}

absl::Status Import(const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> source, OpenFolder(arguments.folder, /*write=*/false));
  HONE_ASSIGN_OR_RETURN(std::vector<Workload> workloads, source->GetAllWorkloads());
  HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> records, source->GetAllRecords());
  records = AsImports(std::move(records));
  Counts counts;
  if (FromServer(arguments)) {
    HONE_RETURN_IF_ERROR(ImportToServer(arguments, workloads, records, &counts));
  } else {
    const std::string& folder = arguments.source.work_dir;
    HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> destination,
                          OpenFolder(folder.empty() ? "hone-work" : folder, /*write=*/true));
    for (const Workload& workload : workloads) HONE_RETURN_IF_ERROR(destination->CommitWorkload(workload).status());
    counts.workloads = static_cast<int64_t>(workloads.size());
    HONE_ASSIGN_OR_RETURN(counts.records, destination->CommitRecords(records));
    counts.duplicates = static_cast<int64_t>(records.size()) - counts.records;
  }
  PrintCounts("imported", counts);
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
  flags.Run([exported] { return Report(Export(*exported)); });

  auto imported = std::make_shared<Arguments>();
  flags = records.Command("import", "Take in the records of a folder of JSON files, as TVM or hone wrote them");
  flags.AddPositional("DIR", &imported->folder, "Folder to read");
  imported->source.Declare(flags);
  flags.Add("pool", &imported->pool, "Pool of a server to put them in");
  flags.Run([imported] { return Report(Import(*imported)); });
}

}  // namespace hone::cli
