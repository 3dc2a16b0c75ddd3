#include "server/database/postgres_records.h"

#include <map>
#include <pqxx/pqxx>
#include <set>
#include <utility>

#include "common/record/json_scan.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/database/postgres_pool.h"

namespace hone {
namespace {

// Skeleton and decisions; a text that is no trace is kept whole as a skeleton.
SplitTrace SplitOrKeep(const std::string& trace_json) {
  absl::StatusOr<SplitTrace> split = SplitTraceJson(trace_json);
  return split.ok() ? *std::move(split) : SplitTrace{trace_json, ""};
}

bool Usable(const TuningRecord& record) {
  return !record.run.failure && !record.run.samples.empty() && !record.run.abandoned && IsValid(record);
}

std::string DetailOf(const TuningRecord& record, const std::string& decisions) {
  v1::TuningRecord proto = ToProto(record);
  proto.clear_id();
  proto.clear_workload_id();
  proto.clear_trace_json();
  proto.set_decisions_json(decisions);
  return proto.SerializeAsString();
}

std::string Number(double value) { return TvmJsonNumber(value) == "inf" ? "Infinity" : TvmJsonNumber(value); }

struct Columns {
  PgArray id, workload, skeleton, job, trust, metric, median, mean, valid, failure, device, pool, created, detail;
};

void AddRow(const TuningRecord& record, const Digest& skeleton, const std::string& decisions, Columns& c) {
  c.id.Add(PgBytes(record.id));
  c.workload.Add(PgBytes(record.workload_id));
  c.skeleton.Add(PgBytes(skeleton));
  record.slot.job_id.empty() ? c.job.AddNull() : c.job.Add(record.slot.job_id);
  c.trust.Add(StrCat(static_cast<int>(record.trust)));
  c.metric.Add(StrCat(static_cast<int>(record.run.metric)));
  Usable(record) ? c.median.Add(Number(record.run.median)) : c.median.AddNull();
  c.mean.Add(Number(SortKey(record)));
  c.valid.Add(IsValid(record) ? "t" : "f");
  record.run.failure ? c.failure.Add(StrCat(static_cast<int>(record.run.failure->kind))) : c.failure.AddNull();
  c.device.Add(record.device.device_class);
  c.pool.Add(record.pool);
  c.created.Add(Number(ToUnixSecs(record.created)));
  c.detail.Add(PgBytes(DetailOf(record, decisions)));
}

absl::Status InsertSkeletons(pqxx::transaction_base& work, const std::map<Digest, std::string>& skeletons) {
  PgArray ids, texts;
  for (const auto& [id, json] : skeletons) {
    ids.Add(PgBytes(id));
    texts.Add(json);
  }
  work.exec_params(
      "INSERT INTO skeletons (id, json) SELECT * FROM unnest($1::bytea[], $2::text[]) AS n (id, json) "
      "WHERE NOT EXISTS (SELECT FROM skeletons s WHERE s.id = n.id) ON CONFLICT DO NOTHING",
      ids.text(), texts.text());
  return absl::OkStatus();
}

absl::Status CheckWorkloads(pqxx::transaction_base& work, absl::Span<const TuningRecord> records) {
  std::set<Digest> wanted;
  for (const TuningRecord& record : records) wanted.insert(record.workload_id);
  PgArray ids;
  for (const Digest& id : wanted) ids.Add(PgBytes(id));
  pqxx::result found = work.exec_params("SELECT id FROM workloads WHERE id = ANY ($1::bytea[])", ids.text());
  for (const auto& row : found) {
    HONE_ASSIGN_OR_RETURN(Digest id, PgParseDigest(row[0].c_str()));
    wanted.erase(id);
  }
  if (wanted.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat("the record's workload ", wanted.begin()->Hex(), " was not committed to this database"));
}

}  // namespace

absl::Status InsertWorkloads(pqxx::transaction_base& work, absl::Span<const Workload> workloads) {
  for (const Workload& w : workloads) {
    work.exec_params(
        "INSERT INTO workloads (id, script, key_structural, key_ignore_ndarray, key_anchor_block, name, flops) "
        "SELECT $1::bytea, $2::text, $3::bytea, $4::bytea, $5::bytea, $6::text, $7::float8 "
        "WHERE NOT EXISTS (SELECT FROM workloads WHERE id = $1::bytea) ON CONFLICT DO NOTHING",
        PgBytes(w.id), w.script, PgBytes(w.keys[0]), PgBytes(w.keys[1]), PgBytes(w.keys[2]), w.name, w.flops);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> InsertRecords(pqxx::transaction_base& work, absl::Span<const TuningRecord> records) {
  if (records.empty()) return 0;
  HONE_RETURN_IF_ERROR(CheckWorkloads(work, records));
  Columns columns;
  std::map<Digest, std::string> skeletons;
  std::set<Digest> ids;
  for (const TuningRecord& given : records) {
    TuningRecord record = given;
    if (record.id == Digest{}) record.id = RecordId(record);
    if (!ids.insert(record.id).second) continue;
    SplitTrace split = SplitOrKeep(record.trace_json);
    Digest skeleton = SkeletonId(split.skeleton_json);
    skeletons[skeleton] = split.skeleton_json;
    AddRow(record, skeleton, split.decisions_json, columns);
  }
  HONE_RETURN_IF_ERROR(InsertSkeletons(work, skeletons));
  Columns& c = columns;
  pqxx::result inserted = work.exec_params(
      "INSERT INTO records (id, workload, skeleton, job_id, trust, metric, median, mean, valid, failure, device_class, "
      "pool, created, detail) SELECT n.id, w.no, s.no, job, trust, metric, median, mean, valid, failure, device, pool, "
      "created, detail FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], $5::smallint[], $6::smallint[], "
      "$7::float8[], $8::float8[], $9::boolean[], $10::smallint[], $11::text[], $12::text[], $13::float8[], "
      "$14::bytea[]) WITH ORDINALITY AS n (id, workload, skeleton, job, trust, metric, median, mean, valid, failure, "
      "device, pool, created, detail, place) JOIN workloads w ON w.id = n.workload JOIN skeletons s ON s.id = "
      "n.skeleton "
      "ORDER BY place ON CONFLICT (id) DO NOTHING",
      c.id.text(), c.workload.text(), c.skeleton.text(), c.job.text(), c.trust.text(), c.metric.text(), c.median.text(),
      c.mean.text(), c.valid.text(), c.failure.text(), c.device.text(), c.pool.text(), c.created.text(),
      c.detail.text());
  return static_cast<int64_t>(inserted.affected_rows());
}

const char* const kSelectRecord =
    "SELECT r.id, w.id, s.json, r.detail, r.seq FROM records r JOIN workloads w ON w.no = r.workload "
    "JOIN skeletons s ON s.no = r.skeleton ";

absl::StatusOr<TuningRecord> RecordOf(const pqxx::row& row) {
  HONE_ASSIGN_OR_RETURN(std::string detail, PgParseBytes(row[3].c_str()));
  v1::TuningRecord proto;
  if (!proto.ParseFromString(detail)) return absl::DataLossError("a stored record cannot be parsed");
  HONE_ASSIGN_OR_RETURN(TuningRecord record, FromProto(proto));
  HONE_ASSIGN_OR_RETURN(record.id, PgParseDigest(row[0].c_str()));
  HONE_ASSIGN_OR_RETURN(record.workload_id, PgParseDigest(row[1].c_str()));
  std::string skeleton = row[2].c_str();
  absl::StatusOr<std::string> trace = JoinSkeleton(skeleton, proto.decisions_json());
  record.trace_json = trace.ok() ? *std::move(trace) : skeleton;
  return record;
}

const char* const kSelectWorkload =
    "SELECT id, script, key_structural, key_ignore_ndarray, key_anchor_block, name, flops FROM workloads ";

absl::StatusOr<Workload> WorkloadOf(const pqxx::row& row) {
  Workload workload;
  HONE_ASSIGN_OR_RETURN(workload.id, PgParseDigest(row[0].c_str()));
  workload.script = row[1].c_str();
  for (int i = 0; i < 3; ++i) {
    HONE_ASSIGN_OR_RETURN(workload.keys[i], PgParseDigest(row[2 + i].c_str()));
  }
  workload.name = row[5].c_str();
  workload.flops = row[6].as<double>();
  return workload;
}

}  // namespace hone
