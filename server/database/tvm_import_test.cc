#include "server/database/tvm_import.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "server/database/json_database.h"
#include "server/database/memory_database.h"

namespace hone {
namespace {

class TvmImportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/hone-import.XXXXXX";
    folder_ = mkdtemp(path);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const char* name, const std::string& text) { std::ofstream(folder_ + "/" + name) << text; }
  std::string WorkloadLine(const std::string& script) {
    return *TvmWorkloadLine(WorkloadFromScript(script), {}) + "\n";
  }
  static std::string RecordLine(int workload, int n, const std::string& secs) {
    return StrCat("[", workload, R"(,[[[["GetBlock",[],["C","main"],["b0"]]],[[0,[1,)", n, "]]]],", secs,
                  R"(,{"kind":"llvm"},[["TENSOR","float32",[4]]]]])", "\n");
  }
  absl::StatusOr<TvmImportCounts> Import(Database& database, int batch = 3) {
    TvmImportOptions options;
    options.batch_records = batch;
    options.on_bad_line = [this](const std::string& line) { bad_.push_back(line); };
    return ImportTvmFolder(folder_, options, SinkOf(database));
  }

  std::string folder_;
  std::vector<std::string> bad_;
};

TEST_F(TvmImportTest, EveryLineArrivesAndASecondTimeNothingIsNew) {
  Write("database_workload.json", WorkloadLine("a") + WorkloadLine("b"));
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += RecordLine(i % 2, i, i % 5 ? StrCat("[0.", i, "]") : "[10000000000]");
  Write("database_tuning_record.json", lines);
  MemoryDatabase database;
  ASSERT_OK_AND_ASSIGN(TvmImportCounts counts, Import(database));
  EXPECT_EQ(counts.workloads, 2);
  EXPECT_EQ(counts.records, 20);
  EXPECT_EQ(counts.duplicates, 0);
  EXPECT_EQ(*database.Size(), 20);
  EXPECT_EQ(database.Stats({})->by_trust["imported"], 16);
  EXPECT_EQ(TvmRecordLine(1, (*database.GetAllRecords())[5]) + "\n", RecordLine(1, 5, "[10000000000]"));
  ASSERT_OK_AND_ASSIGN(counts, Import(database));
  EXPECT_EQ(counts.duplicates, 20);
  EXPECT_EQ(*database.Size(), 20);
}

TEST_F(TvmImportTest, BadLinesAreNamedByNumberAndTheRestIsTaken) {
  Write("database_workload.json", WorkloadLine("a") + "nonsense\n" + WorkloadLine("b"));
  Write("database_tuning_record.json", RecordLine(0, 1, "[1]") + "[[[\n" + RecordLine(1, 2, "[1]") + "\n" +
                                           RecordLine(2, 3, "[1]") + RecordLine(7, 4, "[1]") + "[0,[[");
  MemoryDatabase database;
  ASSERT_OK_AND_ASSIGN(TvmImportCounts counts, Import(database));
  EXPECT_EQ(counts.records, 2);
  EXPECT_EQ(counts.bad_lines, 5);
  ASSERT_EQ(bad_.size(), 5);
  EXPECT_EQ(bad_[0].substr(0, 32), "database_workload.json line 2: J");
  EXPECT_NE(bad_[1].find("database_tuning_record.json line 2:"), std::string::npos);
  EXPECT_NE(bad_[2].find("line 3: workload 1 is not"), std::string::npos);
  EXPECT_NE(bad_[3].find("line 4:"), std::string::npos);
  EXPECT_NE(bad_[4].find("line 6: workload 7"), std::string::npos);
}

TEST_F(TvmImportTest, ALineWhoseTextIsNotUtf8IsBad) {
  Write("database_workload.json", WorkloadLine("a"));
  std::string escaped = RecordLine(0, 2, "[1]"), raw = RecordLine(0, 3, "[1]");
  escaped.replace(escaped.find("float32"), 7, "float\\x8b");  // As TVM's writer spells bytes.
  raw.replace(raw.find("float32"), 7, "float\x8b");
  Write("database_tuning_record.json", RecordLine(0, 1, "[1]") + escaped + raw);
  MemoryDatabase database;
  ASSERT_OK_AND_ASSIGN(TvmImportCounts counts, Import(database));
  EXPECT_EQ(counts.records, 1);
  ASSERT_EQ(bad_.size(), 2);
  EXPECT_EQ(bad_[0], "database_tuning_record.json line 2: dtype is not UTF-8 text, or has a zero byte");
  EXPECT_EQ(database.GetAllRecords()->size(), 1);
}

TEST_F(TvmImportTest, WhatTookNoTimeHasNone) {
  Write("database_workload.json", WorkloadLine("a"));
  Write("database_tuning_record.json", RecordLine(0, 1, "[0]") + RecordLine(0, 2, "[inf,-1]"));
  MemoryDatabase database;
  ASSERT_OK_AND_ASSIGN(TvmImportCounts counts, Import(database));
  EXPECT_EQ(counts.records, 2);
  ASSERT_OK_AND_ASSIGN(const std::vector<TuningRecord> records, database.GetAllRecords());
  for (const TuningRecord& record : records) EXPECT_EQ(record.trust, Trust::kFailed);
}

TEST_F(TvmImportTest, AHoneFolderKeepsWhatHoneKnows) {
  Workload w = WorkloadFromScript("w", "name");
  TuningRecord record;
  record.workload_id = w.id;
  record.trace_json = R"([[["GetBlock",[],["C","main"],["b0"]]],[]])";
  record.run.median = 1;
  record.run.samples = {1, 2};
  record.trust = Trust::kVerified;
  record.device.device_class = "d";
  {
    ASSERT_OK_AND_ASSIGN(auto source, JsonDatabase::Open(folder_, {}));
    ASSERT_OK(source->CommitWorkload(w));
    ASSERT_OK(source->CommitRecords({record}));
  }
  MemoryDatabase database;
  ASSERT_OK(Import(database));
  ASSERT_EQ(*database.Size(), 1);
  TuningRecord read = (*database.GetAllRecords())[0];
  EXPECT_EQ(read.device.device_class, "d");
  EXPECT_EQ(read.trust, Trust::kImported);  // Nobody here measured it.
}

TEST_F(TvmImportTest, MissingFilesAreNamed) {
  MemoryDatabase database;
  EXPECT_STATUS(Import(database), absl::StatusCode::kNotFound, "database_workload.json");
  Write("database_workload.json", "");
  EXPECT_STATUS(Import(database), absl::StatusCode::kNotFound, "database_tuning_record.json");
}

TEST_F(TvmImportTest, ASinkThatFailsEndsTheImport) {
  Write("database_workload.json", WorkloadLine("a"));
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += RecordLine(0, i, "[1]");
  Write("database_tuning_record.json", lines);
  MemoryDatabase database;
  TvmImportSink sink = SinkOf(database);
  int calls = 0;
  sink.records = [&](const std::vector<TuningRecord>& records) -> absl::StatusOr<int64_t> {
    if (++calls == 2) return absl::UnavailableError("away");
    return database.CommitRecords(records);
  };
  TvmImportOptions options;
  options.batch_records = 5;
  EXPECT_STATUS(ImportTvmFolder(folder_, options, sink), absl::StatusCode::kUnavailable, "away");
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(*database.Size(), 5);
}

}  // namespace
}  // namespace hone
