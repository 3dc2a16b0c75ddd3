#include "server/database/postgres_migrations.h"

#include <iterator>
#include <pqxx/pqxx>

#include "common/support/strings.h"
#include "server/database/postgres_pool.h"

namespace hone {
namespace {

// A step is never changed once it was released; what is wrong is mended by another.
constexpr const char* kSteps[] = {
    R"sql(
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
)sql",
};

constexpr int kNewest = static_cast<int>(std::size(kSteps));

}  // namespace

absl::Status MigratePostgres(const std::string& url) {
  PostgresConnection connection(url);
  return connection.Run([](pqxx::transaction_base& work) -> absl::Status {
    work.exec("SELECT pg_advisory_xact_lock(7237001)");  // One server migrates at a time.
    work.exec(
        "CREATE TABLE IF NOT EXISTS migrations (step integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())");
    int step = work.exec1("SELECT coalesce(max(step), 0) FROM migrations")[0].as<int>();
    if (step > kNewest) {
      return absl::FailedPreconditionError(
          StrCat("the database is at step ", step, ", this program knows ", kNewest, ": use the newer hone-server"));
    }
    for (; step < kNewest; ++step) {
      work.exec(kSteps[step]);
      work.exec_params("INSERT INTO migrations (step) VALUES ($1)", step + 1);
    }
    return absl::OkStatus();
  });
}

}  // namespace hone
