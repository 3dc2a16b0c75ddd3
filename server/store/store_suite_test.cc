// One suite for every kind of store, then what only PostgreSQL can show.
#include <gtest/gtest.h>

#include <functional>
#include <pqxx/pqxx>
#include <thread>

#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "server/database/memory_database.h"
#include "server/database/testing/private_cluster.h"
#include "server/store/memory_store.h"
#include "server/store/postgres_store.h"

namespace hone {
namespace {

JobDefinition JobOf(const std::string& id) {
  JobDefinition job;
  job.id = id;
  job.name = "name of " + id;
  TaskDefinition task;
  task.name = "t";
  task.workload = WorkloadFromScript("w");
  task.target_json = R"({"kind":"llvm"})";
  job.tasks = {task};
  job.seed = 42;
  job.created = absl::FromUnixSeconds(1'700'000'000);
  return job;
}

RoundPlan PlanOf(uint32_t sequence) {
  RoundPlan plan;
  plan.sequence = plan.round = sequence;
  plan.search_secs = 1.5;
  plan.candidates = {{Sha256("s"), "[[0,1]]", 0.5}, {Sha256("s"), "[[0,2]]", 0.25}};
  return plan;
}

TuningRecord RecordOf(const std::string& job, uint32_t round, uint32_t slot) {
  TuningRecord record;
  record.workload_id = WorkloadId("w");
  record.trace_json = R"([[["GetBlock",[],["C","main"],["b0"]]],[[0,1]]])";
  record.run.median = 0.25;
  record.run.samples = {0.25};
  record.trust = Trust::kVerified;
  record.slot = {job, 0, round, slot};
  record.id = RecordId(record);
  return record;
}

struct Kind {
  const char* name;
  std::function<std::unique_ptr<Store>()> open;
};

class StoreSuite : public ::testing::TestWithParam<Kind> {};

TEST_P(StoreSuite, AJobComesBackWithRoundsAndOutcomes) {
  auto store = GetParam().open();
  ASSERT_OK(store->Lead());
  EXPECT_FALSE(store->InsertJob(JobOf("j1"))->existed);
  WriteBatch batch;
  batch.skeletons.emplace_back(Sha256("s"), "[[],[]]");
  batch.rounds = {{"j1", PlanOf(0)}, {"j1", PlanOf(1)}};
  batch.records = {RecordOf("j1", 0, 1)};
  ASSERT_OK(store->Commit(batch));
  auto jobs = *store->LoadActiveJobs();
  ASSERT_EQ(jobs.size(), 1);
  const StoredJob& job = jobs[0];
  EXPECT_EQ(job.definition.id, "j1");
  EXPECT_EQ(job.definition.seed, 42);
  EXPECT_EQ(job.definition.tasks[0].workload, WorkloadFromScript("w"));
  EXPECT_EQ(job.definition.created, JobOf("j1").created);
  ASSERT_EQ(job.rounds.size(), 2);
  EXPECT_EQ(job.rounds[1].sequence, 1);
  EXPECT_EQ(job.rounds[1].candidates[1].decisions_json, "[[0,2]]");
  EXPECT_EQ(job.rounds[1].candidates[1].skeleton_id, Sha256("s"));
  ASSERT_EQ(job.outcomes.size(), 1);
  EXPECT_EQ(job.outcomes[0].first, (Slot{"j1", 0, 0, 1}));
  EXPECT_EQ(job.outcomes[0].second.run.median, 0.25);
  ASSERT_EQ(job.skeletons.size(), 1);
  EXPECT_EQ(job.skeletons[0].second, "[[],[]]");
}

TEST_P(StoreSuite, CommittingAgainChangesNothing) {
  auto store = GetParam().open();
  ASSERT_OK(store->Lead());
  ASSERT_OK(store->InsertJob(JobOf("j1")));
  WriteBatch batch;
  batch.rounds = {{"j1", PlanOf(0)}};
  batch.records = {RecordOf("j1", 0, 0)};
  ASSERT_OK(store->Commit(batch));
  ASSERT_OK(store->Commit(batch));
  EXPECT_EQ((*store->LoadActiveJobs())[0].rounds.size(), 1);
  EXPECT_EQ(*store->records().Size(), 1);
}

TEST_P(StoreSuite, ARequestIdMakesOneJobOfATenant) {
  auto store = GetParam().open();
  ASSERT_OK(store->Lead());
  JobDefinition first = JobOf("j1"), again = JobOf("j2"), other = JobOf("j3");
  first.request_id = again.request_id = other.request_id = "r";
  other.tenant = "someone else";
  ASSERT_OK(store->InsertJob(first));
  Inserted inserted = *store->InsertJob(again);
  EXPECT_TRUE(inserted.existed);
  EXPECT_EQ(inserted.job_id, "j1");
  EXPECT_FALSE(store->InsertJob(other)->existed);
}

TEST_P(StoreSuite, AnEndedJobIsNotLoadedButFound) {
  auto store = GetParam().open();
  ASSERT_OK(store->Lead());
  ASSERT_OK(store->InsertJob(JobOf("j1")));
  ASSERT_OK(store->InsertJob(JobOf("j2")));
  WriteBatch batch;
  batch.jobs = {{"j1", JobState::kDone, "", std::string("report\0bytes", 12), absl::FromUnixSeconds(1'700'000'100)}};
  ASSERT_OK(store->Commit(batch));
  ASSERT_EQ(store->LoadActiveJobs()->size(), 1);
  auto found = *store->FindJob("j1");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->state, JobState::kDone);
  EXPECT_EQ(found->report, std::string("report\0bytes", 12));
  EXPECT_FALSE(store->FindJob("nope")->has_value());
  EXPECT_EQ(store->ListJobs({})->size(), 2);
  auto active = *store->ListJobs({.ended = false});
  ASSERT_EQ(active.size(), 1);
  EXPECT_EQ(active[0].definition.id, "j2");
  EXPECT_EQ((*store->ListJobs({.before = "j2"}))[0].definition.id, "j1");
}

TEST_P(StoreSuite, PagesOfATenantAreFullWhileItHasOlderJobs) {
  auto store = GetParam().open();
  ASSERT_OK(store->Lead());
  for (int i = 0; i < 30; ++i) {  // Its jobs are the oldest: others' fill the pages before them.
    JobDefinition job = JobOf(StrCat("j", 10 + i));
    job.tenant = i < 5 ? "mine" : "theirs";
    ASSERT_OK(store->InsertJob(job));
  }
  std::vector<std::string> seen;
  JobListRequest request{.limit = 2, .tenant = "mine"};
  for (size_t page = 2; page == 2;) {
    std::vector<JobSummary> jobs = *store->ListJobs(request);
    page = jobs.size();
    for (const JobSummary& job : jobs) seen.push_back(request.before = job.definition.id);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"j14", "j13", "j12", "j11", "j10"}));
  EXPECT_TRUE(store->ListJobs({.tenant = "nobody"})->empty());
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, StoreSuite,
    ::testing::Values(Kind{"memory",
                           [] { return std::make_unique<MemoryStore>("memory", std::make_unique<MemoryDatabase>()); }},
                      Kind{"postgres",
                           []() -> std::unique_ptr<Store> {
                             auto store = PostgresStore::Open(testing::SharedCluster().NewDatabase());
                             EXPECT_OK(store.status());
                             return *std::move(store);
                           }}),
    [](const auto& info) { return std::string(info.param.name); });

std::unique_ptr<Store> OpenPostgres(const std::string& url) {
  auto store = PostgresStore::Open(url);
  EXPECT_OK(store.status());
  return *std::move(store);
}

TEST(PostgresStoreTest, OneLeadsAndTheNextHasALaterEpoch) {
  std::string url = testing::SharedCluster().NewDatabase();
  auto first = OpenPostgres(url), second = OpenPostgres(url);
  EXPECT_EQ(*first->Lead(), 1);
  absl::StatusOr<uint64_t> refused = second->Lead();
  EXPECT_STATUS(refused, absl::StatusCode::kUnavailable, "another hone-server leads");
  EXPECT_TRUE(refused.status().GetPayload(ToAbsl(kStandbyPayload)).has_value());
  first.reset();
  absl::StatusOr<uint64_t> epoch = second->Lead();
  for (int i = 0; i < 100 && !epoch.ok(); ++i) {  // The server notices the closed session after a moment.
    absl::SleepFor(absl::Milliseconds(20));
    epoch = second->Lead();
  }
  EXPECT_EQ(*epoch, 2);
}

TEST(PostgresStoreTest, ADeposedServerCannotWrite) {
  testing::PrivateCluster& cluster = testing::SharedCluster();
  std::string url = cluster.NewDatabase();
  auto old = OpenPostgres(url);
  ASSERT_OK(old->Lead());
  ASSERT_OK(old->InsertJob(JobOf("j1")));
  cluster.Kill();  // Its session and lock are gone.
  cluster.Restart();
  auto fresh = OpenPostgres(url);
  ASSERT_OK(fresh->Lead());
  WriteBatch batch;
  batch.records = {RecordOf("j1", 0, 0)};
  absl::Status status = old->Commit(batch);
  if (absl::IsUnavailable(status)) status = old->Commit(batch);  // The first one found the connection broken.
  EXPECT_FALSE(status.ok());
  fresh.reset();
  for (int i = 0; i < 100 && !absl::IsAborted(status); ++i) {  // Even when the lock is free again.
    absl::SleepFor(absl::Milliseconds(20));
    status = old->Commit(batch);
  }
  EXPECT_STATUS(status, absl::StatusCode::kAborted, "another server leads");
  EXPECT_STATUS(old->records().CommitRecords(batch.records), absl::StatusCode::kAborted, "another server leads");
  EXPECT_EQ(*old->records().Size(), 0);
}

TEST(PostgresStoreTest, WhatWasCommittedSurvivesKillingPostgres) {
  testing::PrivateCluster& cluster = testing::SharedCluster();
  std::string url = cluster.NewDatabase();
  auto store = OpenPostgres(url);
  ASSERT_OK(store->Lead());
  ASSERT_OK(store->InsertJob(JobOf("j1")));
  WriteBatch batch;
  batch.records = {RecordOf("j1", 0, 0)};
  ASSERT_OK(store->Commit(batch));
  cluster.Kill();
  batch.records = {RecordOf("j1", 0, 1)};
  EXPECT_STATUS(store->Commit(batch), absl::StatusCode::kUnavailable, "");
  cluster.Restart();
  absl::Status status = store->Commit(batch);
  for (int i = 0; i < 100 && !status.ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(20));
    status = store->Commit(batch);
  }
  EXPECT_OK(status);
  EXPECT_EQ(*store->records().Size(), 2);
}

// What an auditor reads: every entry, in order, with when, who, what, about what and how it ended.
TEST(PostgresStoreTest, TheAuditTableHoldsWhatWasDone) {
  const std::string url = testing::SharedCluster().NewDatabase();
  auto store = OpenPostgres(url);
  ASSERT_OK(store->Lead());
  WriteBatch first, second;
  first.audit = {{absl::FromUnixSeconds(1'700'000'000), "ann", "SubmitJob", "j1", "ok"},
                 {absl::FromUnixSeconds(1'700'000'001), "bob'); DROP TABLE audit; --", "PauseJob", "j1", "NOT_FOUND"}};
  second.audit = {{absl::FromUnixSeconds(1'700'000'002), "ann", "CancelJob", "", "PERMISSION_DENIED"}};
  ASSERT_OK(store->Commit(first));
  ASSERT_OK(store->Commit(second));
  std::vector<std::string> lines;
  pqxx::connection connection(url);
  pqxx::nontransaction work(connection);
  for (const auto& row : work.exec("SELECT at, identity, action, subject, outcome FROM audit ORDER BY seq")) {
    lines.push_back(
        StrCat(row[0].c_str(), " ", row[1].c_str(), " ", row[2].c_str(), " ", row[3].c_str(), " ", row[4].c_str()));
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"1700000000 ann SubmitJob j1 ok",
                                             "1700000001 bob'); DROP TABLE audit; -- PauseJob j1 NOT_FOUND",
                                             "1700000002 ann CancelJob  PERMISSION_DENIED"}));
}

TEST(PostgresStoreTest, AnUnreachableServerIsOneClearLine) {
  absl::StatusOr<std::unique_ptr<Store>> store = PostgresStore::Open("postgresql:///x?host=/tmp/no-such-socket");
  EXPECT_STATUS(store, absl::StatusCode::kUnavailable, "PostgreSQL: ");
  EXPECT_EQ(store.status().message().find('\n'), absl::string_view::npos);
}

}  // namespace
}  // namespace hone
