// One suite of tests for every kind of database that stores; each kind instantiates it where it can be opened.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/record/tuning_record.h"
#include "server/database/database.h"

namespace hone::testing {

// A folder of its own that goes when this does.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string path_;
};

struct OpenedDatabase {
  std::shared_ptr<void> behind;  // What must outlive it; destroyed last.
  std::unique_ptr<Database> database;
  Database* store = nullptr;  // Where its records really are; null: in itself.
};

struct DatabaseKind {
  const char* name;
  std::function<OpenedDatabase(const std::string& folder, ModuleEquality)> open;
  // What becomes of a record that is committed through it.
  std::function<TuningRecord(TuningRecord)> stored = [](TuningRecord record) { return record; };
};

class DatabaseSuite : public ::testing::TestWithParam<DatabaseKind> {
 protected:
  // Opens it, once a test.
  Database* Open(ModuleEquality equality = ModuleEquality::kStructural) {
    opened_ = GetParam().open(folder_.path_, equality);
    return opened_.database.get();
  }
  // Puts records there that the kind itself might not be trusted to write.
  absl::StatusOr<int64_t> Fill(const std::vector<TuningRecord>& records) {
    return (opened_.store != nullptr ? opened_.store : opened_.database.get())->CommitRecords(records);
  }
  TuningRecord Stored(const TuningRecord& record) const { return GetParam().stored(record); }

  TemporaryFolder folder_;
  OpenedDatabase opened_;
};

// Records of the suite's kind: the `n`th of a workload, with this time or failed.
TuningRecord SuiteRecord(const Workload& workload, double median, int n, std::string device = "d");
TuningRecord SuiteFailure(const Workload& workload, int n);

}  // namespace hone::testing
