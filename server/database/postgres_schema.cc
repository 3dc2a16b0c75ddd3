#include "server/database/postgres_schema.h"

#include <pqxx/pqxx>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/database/postgres_pool.h"
#include "server/database/postgres_records.h"

namespace hone {
namespace {

constexpr char kFirst[] = R"sql(
CREATE TABLE leader (one boolean PRIMARY KEY DEFAULT true CHECK (one), epoch bigint NOT NULL);
INSERT INTO leader (epoch) VALUES (0);

CREATE TABLE workloads (
  no serial PRIMARY KEY,
  id bytea NOT NULL UNIQUE,
  script text NOT NULL,
  key_structural bytea NOT NULL,
  key_ignore_ndarray bytea NOT NULL,
  key_anchor_block bytea NOT NULL,
  name text NOT NULL,
  flops double precision NOT NULL);
CREATE INDEX workloads_structural ON workloads (key_structural);
CREATE INDEX workloads_ignore_ndarray ON workloads (key_ignore_ndarray);
CREATE INDEX workloads_anchor_block ON workloads (key_anchor_block);

-- Trace JSON without decisions; `id` is of the text, a search may know it by another.
CREATE TABLE skeletons (no serial PRIMARY KEY, id bytea NOT NULL UNIQUE, json text NOT NULL);

CREATE TABLE jobs (
  id text PRIMARY KEY,
  tenant text NOT NULL,
  request_id text NOT NULL,
  spec bytea NOT NULL,
  state smallint NOT NULL,
  reason text NOT NULL DEFAULT '',
  report bytea NOT NULL DEFAULT '',
  created double precision NOT NULL,
  ended double precision);
CREATE UNIQUE INDEX jobs_request ON jobs (tenant, request_id) WHERE request_id <> '';
CREATE INDEX jobs_active ON jobs (id) WHERE state IN (0, 1);

CREATE TABLE rounds (
  job_id text NOT NULL REFERENCES jobs (id),
  sequence integer NOT NULL,
  task integer NOT NULL,
  round integer NOT NULL,
  candidates bytea NOT NULL,
  search_secs double precision NOT NULL,
  model_secs double precision NOT NULL,
  PRIMARY KEY (job_id, sequence));

-- Skeletons by the ids that searches gave them, for the candidates of rounds.
CREATE TABLE search_skeletons (id bytea PRIMARY KEY, json text NOT NULL);

-- Insert-only. `detail` is a hone.v1.TuningRecord without what the columns hold.
CREATE TABLE records (
  seq bigserial PRIMARY KEY,
  id bytea NOT NULL UNIQUE,
  workload integer NOT NULL REFERENCES workloads (no),
  skeleton integer NOT NULL REFERENCES skeletons (no),
  job_id text,
  trust smallint NOT NULL,
  metric smallint NOT NULL,
  median double precision,          -- Of a usable time; else null.
  mean double precision NOT NULL,   -- TVM's sort key.
  valid boolean NOT NULL,           -- TVM's is_valid.
  failure smallint,
  device_class text NOT NULL,
  pool text NOT NULL,
  created double precision NOT NULL,
  detail bytea NOT NULL);
CREATE INDEX records_best ON records (workload, metric, median, seq) WHERE median IS NOT NULL;
CREATE INDEX records_best_of_device ON records (workload, metric, device_class, median, seq)
  WHERE median IS NOT NULL;
CREATE INDEX records_top ON records (workload, mean, seq) WHERE valid;
CREATE INDEX records_job ON records (job_id, seq) WHERE job_id IS NOT NULL;

CREATE TABLE audit (
  seq bigserial PRIMARY KEY,
  at double precision NOT NULL,
  identity text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  outcome text NOT NULL);
)sql";

// Records packed: what many share is stored once, and look-ups go by two numbers.
//   group   Workloads of one structural key; the number of the first of them.
//   shelf   Where, for what, how and for whom a record was measured. Few thousand at most.
// The best of (group, shelf) are one stretch of records_best.
constexpr char kPacked[] = R"sql(
ALTER TABLE workloads ADD COLUMN group_no integer;
UPDATE workloads w SET group_no = (SELECT min(no) FROM workloads g WHERE g.key_structural = w.key_structural);
ALTER TABLE workloads ALTER COLUMN group_no SET NOT NULL;

CREATE TABLE contexts (no serial PRIMARY KEY, id bytea NOT NULL UNIQUE, detail bytea NOT NULL);
CREATE TABLE job_names (no serial PRIMARY KEY, id text NOT NULL UNIQUE);
CREATE TABLE shelves (
  no serial PRIMARY KEY,
  id bytea NOT NULL UNIQUE,   -- SHA-256 of the others.
  device_class text NOT NULL,
  target text NOT NULL,
  metric smallint NOT NULL,
  trust smallint NOT NULL,
  pool text NOT NULL);
CREATE INDEX shelves_device ON shelves (device_class, metric, trust);

-- A workload is seen in the pools of its records, and where it was added.
CREATE TABLE workload_pools (
  workload integer NOT NULL REFERENCES workloads (no),
  pool text NOT NULL,
  PRIMARY KEY (workload, pool));
CREATE INDEX workload_pools_pool ON workload_pools (pool, workload);

-- Counts of records by shelf and failure: one row a batch, summed up now and then. Never updated.
CREATE TABLE record_counts (shelf integer NOT NULL, failure smallint NOT NULL, records bigint NOT NULL);

ALTER TABLE records RENAME TO unpacked_records;
ALTER TABLE unpacked_records DROP CONSTRAINT records_pkey;
ALTER TABLE unpacked_records DROP CONSTRAINT records_id_key;
DROP INDEX records_best, records_best_of_device, records_top, records_job;

-- Rows of the small tables are never deleted and are looked up in the writing transaction: foreign keys would only lock
-- them once a record. No column but median is ever null, so that rows need no bitmap of nulls.
CREATE TABLE records (
  seq bigint NOT NULL DEFAULT nextval('records_seq_seq') PRIMARY KEY,
  median double precision,           -- Of a usable time; else null.
  mean double precision NOT NULL,    -- TVM's sort key.
  created double precision NOT NULL,
  workload integer NOT NULL,
  group_no integer NOT NULL,
  shelf integer NOT NULL,
  skeleton integer NOT NULL,
  context integer NOT NULL,
  job integer NOT NULL,              -- 0: of no job.
  failure smallint NOT NULL,         -- -1: none.
  valid boolean NOT NULL,            -- TVM's is_valid.
  id bytea NOT NULL,
  detail bytea NOT NULL);
ALTER SEQUENCE records_seq_seq OWNED BY records.seq;
CREATE UNIQUE INDEX records_id ON records (substr(id, 1, 16));  -- 128 bits are enough to tell records apart.
CREATE INDEX records_best ON records (group_no, shelf, median) WHERE median IS NOT NULL;
CREATE INDEX records_top ON records (group_no, mean);
CREATE INDEX records_job ON records (job, seq) WHERE job > 0;
CREATE INDEX records_failed ON records (workload, seq) WHERE failure >= 0;
)sql";

// Reads the rows of the first step's table in the order of insertion and stores them packed.
absl::Status MovePacked(pqxx::transaction_base& work) {
  int64_t after = 0;
  while (true) {
    pqxx::result rows = work.exec_params(
        "SELECT r.seq, r.id, w.id, s.json, r.detail FROM unpacked_records r JOIN workloads w ON w.no = r.workload "
        "JOIN skeletons s ON s.no = r.skeleton WHERE r.seq > $1 ORDER BY r.seq LIMIT 1000",
        after);
    if (rows.empty()) break;
    std::vector<TuningRecord> records;
    for (const auto& row : rows) {
      HONE_ASSIGN_OR_RETURN(std::string detail, PgParseBytes(row[4].c_str()));
      v1::TuningRecord proto;
      if (!proto.ParseFromString(detail)) return absl::DataLossError("a stored record cannot be parsed");
      HONE_ASSIGN_OR_RETURN(TuningRecord record, FromProto(proto));
      HONE_ASSIGN_OR_RETURN(record.id, PgParseDigest(row[1].c_str()));
      HONE_ASSIGN_OR_RETURN(record.workload_id, PgParseDigest(row[2].c_str()));
      std::string skeleton = row[3].c_str();
      absl::StatusOr<std::string> trace = JoinSkeleton(skeleton, proto.decisions_json());
      record.trace_json = trace.ok() ? *std::move(trace) : skeleton;
      records.push_back(std::move(record));
    }
    after = rows[rows.size() - 1][0].as<int64_t>();
    HONE_RETURN_IF_ERROR(InsertRecords(work, records).status());
  }
  work.exec("DROP TABLE unpacked_records");
  return absl::OkStatus();
}

}  // namespace

const std::vector<SchemaStep>& SchemaSteps() {
  static const auto& steps = *new std::vector<SchemaStep>{{kFirst, nullptr}, {kPacked, MovePacked}};
  return steps;
}

}  // namespace hone
