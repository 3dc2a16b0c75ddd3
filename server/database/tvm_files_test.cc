// Database files in TVM's form: a few of our own, or those of a corpus, $HONE_CORPUS/database.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/script/workload_codec.h"
#include "common/support/status_matchers.h"
#include "server/database/json_database.h"

namespace hone {
namespace {

std::vector<std::string> LinesOf(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class TvmFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* corpus = std::getenv("HONE_CORPUS");
    folder_ = std::string(corpus != nullptr ? corpus : "tests/conformance/data") + "/database";
    char path[] = "/tmp/hone-tvm.XXXXXX";
    copy_ = mkdtemp(path);
  }
  void TearDown() override {
    if (!copy_.empty()) std::filesystem::remove_all(copy_);
  }
  std::string folder_, copy_;
};

TEST_F(TvmFilesTest, EveryLineLoadsAndIsWrittenAsItWas) {
  JsonDatabaseOptions options;
  options.codec = script::GraphCodec();
  options.read_only = true;
  ASSERT_OK_AND_ASSIGN(auto database, JsonDatabase::Open(folder_, options));
  for (const std::string& warning : database->warnings()) ADD_FAILURE() << warning;
  std::vector<std::string> lines = LinesOf(folder_ + "/database_tuning_record.json");
  EXPECT_EQ(*database->Size(), static_cast<int64_t>(lines.size()));

  options.read_only = false;
  {
    ASSERT_OK_AND_ASSIGN(auto copy, JsonDatabase::Open(copy_, options));
    std::vector<Workload> workloads = *database->GetAllWorkloads();
    for (const Workload& workload : workloads) ASSERT_OK(copy->CommitWorkload(workload));
    RecordPageRequest page;
    page.limit = 100'000;
    ASSERT_OK(copy->CommitRecords(database->ListRecords(page)->records));
  }
  EXPECT_EQ(LinesOf(copy_ + "/database_tuning_record.json"), lines);
  // Without our own files beside them, TVM's files say the same.
  std::filesystem::remove(copy_ + "/hone_workload.jsonl");
  std::filesystem::remove(copy_ + "/hone_record.jsonl");
  ASSERT_OK_AND_ASSIGN(auto again, JsonDatabase::Open(copy_, options));
  EXPECT_TRUE(again->warnings().empty());
  EXPECT_EQ(*again->Size(), static_cast<int64_t>(lines.size()));
  EXPECT_EQ((*again->GetAllWorkloads())[0].script, (*database->GetAllWorkloads())[0].script);
  EXPECT_EQ((*again->GetAllWorkloads())[0].keys, (*database->GetAllWorkloads())[0].keys);
}

TEST_F(TvmFilesTest, ManyRecordsLoad) {
  std::string line = LinesOf(folder_ + "/database_tuning_record.json")[0];
  std::filesystem::copy_file(folder_ + "/database_workload.json", copy_ + "/database_workload.json");
  constexpr int kLines = 20'000;
  {
    std::ofstream out(copy_ + "/database_tuning_record.json");
    for (int i = 0; i < kLines; ++i) out << line << "\n";
  }
  JsonDatabaseOptions options;
  options.codec = script::GraphCodec();
  ASSERT_OK_AND_ASSIGN(auto database, JsonDatabase::Open(copy_, options));
  EXPECT_EQ(*database->Size(), kLines);
}

}  // namespace
}  // namespace hone
