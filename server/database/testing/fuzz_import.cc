// libFuzzer target: a folder of a JSON database, the files' texts one after another with a zero byte between
// (workloads, records, Hone's own of both), is taken in; what was good answers every look-up.
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "common/script/workload_codec.h"
#include "common/support/check.h"
#include "common/support/strings.h"
#include "server/database/memory_database.h"
#include "server/database/tvm_import.h"

namespace hone {
namespace {

constexpr std::array<const char*, 4> kFiles = {"database_workload.json", "database_tuning_record.json",
                                               "hone_workload.jsonl", "hone_record.jsonl"};

const std::string& Folder() {
  static const auto& folder = *new std::string([] {
    char path[] = "/tmp/hone-fuzz.XXXXXX";
    HONE_CHECK(mkdtemp(path) != nullptr);
    return std::string(path);
  }());
  return folder;
}

void WriteFiles(std::string_view text) {
  for (const char* name : kFiles) {
    const size_t end = text.find('\0');
    const std::string_view part = text.substr(0, end);
    FILE* file = std::fopen(StrCat(Folder(), "/", name).c_str(), "wb");
    HONE_CHECK(file != nullptr);
    HONE_CHECK(part.empty() || std::fwrite(part.data(), part.size(), 1, file) == 1);
    std::fclose(file);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

void AskAll(MemoryDatabase& database) {
  const std::vector<TuningRecord> all = *database.GetAllRecords();
  HONE_CHECK(static_cast<int64_t>(all.size()) == *database.Size());
  for (const TuningRecord& record : all) {
    HONE_CHECK(database.FindRecord(record.id.Hex()).ok());
    (void)TvmRecordLine(0, record);
  }
  const std::vector<Workload> workloads = *database.GetAllWorkloads();
  for (const Workload& workload : workloads) {
    HONE_CHECK(database.GetTopK(workload, 3).ok());
    RecordQuery query;
    query.key = workload.keys[0];
    query.trust = {Trust::kImported, Trust::kVerified};
    query.limit = 3;
    HONE_CHECK(database.Best(query).ok());
    HONE_CHECK(database.DevicesOf(query).ok());
  }
  HONE_CHECK(database.Stats({})->records == static_cast<int64_t>(all.size()));
}

}  // namespace
}  // namespace hone

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hone::WriteFiles({reinterpret_cast<const char*>(data), size});
  hone::MemoryDatabase database;
  hone::TvmImportOptions options;
  options.codec = hone::script::GraphCodec();
  options.batch_records = 3;
  HONE_CHECK(hone::ImportTvmFolder(hone::Folder(), options, hone::SinkOf(database)).ok());
  hone::AskAll(database);
  return 0;
}
