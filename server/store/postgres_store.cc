#include "server/store/postgres_store.h"

#include <pqxx/pqxx>
#include <set>
#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "hone/v1/worker.pb.h"
#include "server/database/postgres_migrations.h"
#include "server/database/postgres_records.h"
#include "server/wire/jobs_wire.h"

namespace hone {
namespace {

constexpr char kTryLock[] = "SELECT pg_try_advisory_lock(7237002)";

// The candidates of a round, as a SearchDone without a lease.
std::string EncodeCandidates(const RoundPlan& plan) {
  v1::SearchDone proto;
  for (const SearchCandidate& candidate : plan.candidates) {
    v1::SearchCandidate& c = *proto.add_candidates();
    c.set_skeleton_id(candidate.skeleton_id.Raw());
    c.set_decisions_json(candidate.decisions_json);
    c.set_predicted_score(candidate.predicted_score);
  }
  return proto.SerializeAsString();
}

absl::Status DecodeCandidates(const std::string& bytes, RoundPlan& plan) {
  v1::SearchDone proto;
  if (!proto.ParseFromString(bytes)) return absl::DataLossError("a stored round cannot be parsed");
  for (const v1::SearchCandidate& c : proto.candidates()) {
    SearchCandidate& candidate = plan.candidates.emplace_back();
    HONE_ASSIGN_OR_RETURN(candidate.skeleton_id, DigestFromBytes(c.skeleton_id(), "skeleton_id"));
    candidate.decisions_json = c.decisions_json();
    candidate.predicted_score = c.predicted_score();
  }
  return absl::OkStatus();
}

absl::StatusOr<JobDefinition> DefinitionOf(const pqxx::row& row) {  // id, request_id, spec, created
  HONE_ASSIGN_OR_RETURN(std::string bytes, PgParseBytes(row[2].c_str()));
  v1::JobSpec spec;
  if (!spec.ParseFromString(bytes)) return absl::DataLossError(StrCat("job ", row[0].c_str(), " cannot be parsed"));
  HONE_ASSIGN_OR_RETURN(JobDefinition job, FromProto(spec));
  job.id = row[0].c_str();
  job.request_id = row[1].c_str();
  job.created = FromUnixSecs(row[3].as<double>());
  return job;
}

void InsertRounds(pqxx::transaction_base& work, const WriteBatch& batch) {
  for (const auto& [id, plan] : batch.rounds) {
    work.exec_params(
        "INSERT INTO rounds VALUES ($1, $2, $3, $4, $5::bytea, $6, $7) ON CONFLICT (job_id, sequence) DO NOTHING", id,
        plan.sequence, plan.task, plan.round, PgBytes(EncodeCandidates(plan)), plan.search_secs, plan.model_secs);
  }
}

void UpdateJobs(pqxx::transaction_base& work, const WriteBatch& batch) {
  for (const JobChange& change : batch.jobs) {
    std::optional<double> ended;
    if (change.ended != absl::InfiniteFuture()) ended = ToUnixSecs(change.ended);
    work.exec_params("UPDATE jobs SET state = $2, reason = $3, report = $4::bytea, ended = $5 WHERE id = $1",
                     change.job_id, static_cast<int>(change.state), change.reason, PgBytes(change.report),
                     ended ? std::to_string(*ended).c_str() : nullptr);
  }
}

void InsertAudit(pqxx::transaction_base& work, const WriteBatch& batch) {
  for (const AuditEntry& entry : batch.audit) {
    work.exec_params("INSERT INTO audit (at, identity, action, subject, outcome) VALUES ($1, $2, $3, $4, $5)",
                     ToUnixSecs(entry.time), entry.identity, entry.action, entry.subject, entry.outcome);
  }
}

}  // namespace

PostgresStore::PostgresStore(const std::string& url)
    : writer_(url, [this](pqxx::transaction_base& work) { return HoldLead(work); }),
      readers_(url),
      database_(url, ModuleEquality::kStructural, [this](pqxx::transaction_base& work) { return CheckEpoch(work); }) {}

absl::StatusOr<std::unique_ptr<Store>> PostgresStore::Open(const std::string& url) {
  HONE_RETURN_IF_ERROR(MigratePostgres(url));
  return std::unique_ptr<Store>(new PostgresStore(url));
}

absl::Status PostgresStore::CheckEpoch(pqxx::transaction_base& work) const {
  uint64_t epoch = epoch_;
  if (epoch == 0) return absl::OkStatus();
  // The row lock makes a new leader wait for this transaction, and this one see the new leader.
  uint64_t now = work.exec1("SELECT epoch FROM leader FOR SHARE")[0].as<uint64_t>();
  if (now == epoch) return absl::OkStatus();
  return absl::AbortedError(StrCat("another server leads: epoch ", now, ", this one has ", epoch));
}

// On every new session of the writer: the advisory lock went with the old one.
absl::Status PostgresStore::HoldLead(pqxx::transaction_base& work) const {
  if (epoch_ == 0) return absl::OkStatus();
  if (!work.exec1(kTryLock)[0].as<bool>()) return absl::UnavailableError("the leader's lock is not free yet");
  return CheckEpoch(work);
}

absl::StatusOr<uint64_t> PostgresStore::Lead() {
  std::lock_guard lock(mutex_);
  uint64_t epoch = 0;
  HONE_RETURN_IF_ERROR(writer_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    if (!work.exec1(kTryLock)[0].as<bool>()) {
      absl::Status standby = absl::UnavailableError("another hone-server leads on this database");
      standby.SetPayload(ToAbsl(kStandbyPayload), absl::Cord("1"));
      return standby;
    }
    epoch = work.exec1("UPDATE leader SET epoch = epoch + 1 RETURNING epoch")[0].as<uint64_t>();
    return absl::OkStatus();
  }));
  epoch_ = epoch;
  return epoch;
}

absl::Status PostgresStore::StillLeading() {
  std::lock_guard lock(mutex_);
  return writer_.Run([&](pqxx::transaction_base& work) { return CheckEpoch(work); });
}

absl::StatusOr<Inserted> PostgresStore::InsertJob(const JobDefinition& job) {
  Inserted result{job.id, false};
  std::lock_guard lock(mutex_);
  HONE_RETURN_IF_ERROR(writer_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    HONE_RETURN_IF_ERROR(CheckEpoch(work));
    if (!job.request_id.empty()) {
      pqxx::result known =
          work.exec_params("SELECT id FROM jobs WHERE tenant = $1 AND request_id = $2", job.tenant, job.request_id);
      if (!known.empty()) {
        result = {known[0][0].c_str(), true};
        return absl::OkStatus();
      }
    }
    std::vector<Workload> workloads;
    for (const TaskDefinition& task : job.tasks) workloads.push_back(task.workload);
    HONE_RETURN_IF_ERROR(InsertWorkloads(work, workloads));
    work.exec_params(
        "INSERT INTO jobs (id, tenant, request_id, spec, state, created) VALUES ($1, $2, $3, $4::bytea, $5, $6)",
        job.id, job.tenant, job.request_id, PgBytes(ToProto(job).SerializeAsString()),
        static_cast<int>(JobState::kRunning), ToUnixSecs(job.created));
    return absl::OkStatus();
  }));
  return result;
}

absl::Status PostgresStore::Commit(const WriteBatch& batch) {
  std::lock_guard lock(mutex_);
  return writer_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    HONE_RETURN_IF_ERROR(CheckEpoch(work));
    for (const auto& [id, json] : batch.skeletons) {
      work.exec_params("INSERT INTO search_skeletons VALUES ($1::bytea, $2) ON CONFLICT DO NOTHING", PgBytes(id), json);
    }
    InsertRounds(work, batch);
    HONE_RETURN_IF_ERROR(InsertRecords(work, batch.records).status());
    UpdateJobs(work, batch);
    InsertAudit(work, batch);
    return absl::OkStatus();
  });
}

absl::StatusOr<StoredJob> PostgresStore::LoadJob(pqxx::transaction_base& work, const std::string& id) {
  StoredJob job;
  pqxx::row row = work.exec_params1("SELECT id, request_id, spec, created, state, reason FROM jobs WHERE id = $1", id);
  HONE_ASSIGN_OR_RETURN(job.definition, DefinitionOf(row));
  job.state = static_cast<JobState>(row[4].as<int>());
  job.reason = row[5].c_str();
  std::set<Digest> skeletons;
  for (const auto& r : work.exec_params("SELECT sequence, task, round, candidates, search_secs, model_secs FROM rounds "
                                        "WHERE job_id = $1 ORDER BY sequence",
                                        id)) {
    RoundPlan& plan = job.rounds.emplace_back();
    plan.sequence = r[0].as<uint32_t>();
    plan.task = r[1].as<uint32_t>();
    plan.round = r[2].as<uint32_t>();
    HONE_ASSIGN_OR_RETURN(std::string bytes, PgParseBytes(r[3].c_str()));
    HONE_RETURN_IF_ERROR(DecodeCandidates(bytes, plan));
    plan.search_secs = r[4].as<double>();
    plan.model_secs = r[5].as<double>();
    for (const SearchCandidate& candidate : plan.candidates) skeletons.insert(candidate.skeleton_id);
  }
  PgArray ids;
  for (const Digest& skeleton : skeletons) ids.Add(PgBytes(skeleton));
  for (const auto& r :
       work.exec_params("SELECT id, json FROM search_skeletons WHERE id = ANY ($1::bytea[])", ids.text())) {
    HONE_ASSIGN_OR_RETURN(Digest skeleton, PgParseDigest(r[0].c_str()));
    job.skeletons.emplace_back(skeleton, r[1].c_str());
  }
  SharedRows shared;
  const pqxx::result rows = work.exec_params(
      StrCat(kRecordColumns,
             "FROM records r WHERE r.job = (SELECT no FROM job_names WHERE id = $1) AND r.job > 0 ORDER BY r.seq"),
      id);
  HONE_ASSIGN_OR_RETURN(const std::vector<TuningRecord> records, RecordsOf(work, rows, shared));
  for (const TuningRecord& record : records) {
    Outcome outcome{record.run, record.build_time, record.artifact_key, {}};
    job.outcomes.emplace_back(record.slot, std::move(outcome));
  }
  return job;
}

absl::StatusOr<std::vector<StoredJob>> PostgresStore::LoadActiveJobs() {
  std::vector<StoredJob> jobs;
  HONE_RETURN_IF_ERROR(readers_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    jobs.clear();
    for (const auto& row : work.exec("SELECT id FROM jobs WHERE state IN (0, 1) ORDER BY id")) {
      HONE_ASSIGN_OR_RETURN(StoredJob job, LoadJob(work, row[0].c_str()));
      jobs.push_back(std::move(job));
    }
    return absl::OkStatus();
  }));
  return jobs;
}

namespace {

constexpr char kSelectSummary[] = "SELECT id, request_id, spec, created, state, report FROM jobs ";

absl::StatusOr<JobSummary> SummaryOf(const pqxx::row& row) {
  JobSummary summary;
  HONE_ASSIGN_OR_RETURN(summary.definition, DefinitionOf(row));
  summary.state = static_cast<JobState>(row[4].as<int>());
  HONE_ASSIGN_OR_RETURN(summary.report, PgParseBytes(row[5].c_str()));
  return summary;
}

}  // namespace

absl::StatusOr<std::optional<JobSummary>> PostgresStore::FindJob(const std::string& id) {
  std::optional<JobSummary> found;
  HONE_RETURN_IF_ERROR(readers_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    pqxx::result rows = work.exec_params(StrCat(kSelectSummary, "WHERE id = $1"), id);
    if (rows.empty()) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(found, SummaryOf(rows[0]));
    return absl::OkStatus();
  }));
  return found;
}

absl::StatusOr<std::vector<JobSummary>> PostgresStore::ListJobs(const JobListRequest& request) {
  std::vector<JobSummary> jobs;
  HONE_RETURN_IF_ERROR(readers_.Run([&](pqxx::transaction_base& work) -> absl::Status {
    jobs.clear();
    const std::string sql =
        StrCat(kSelectSummary, "WHERE ($1 = '' OR id < $1) ", request.ended ? "" : "AND state IN (0, 1) ",
               request.tenant ? "AND tenant = $3 " : "AND $3 = '' ", "ORDER BY id DESC LIMIT $2");
    for (const auto& row : work.exec_params(sql, request.before, request.limit, request.tenant.value_or(""))) {
      HONE_ASSIGN_OR_RETURN(JobSummary summary, SummaryOf(row));
      jobs.push_back(std::move(summary));
    }
    return absl::OkStatus();
  }));
  return jobs;
}

}  // namespace hone
