#include "server/database/postgres_pipeline.h"

#include <endian.h>
#include <postgresql/libpq-fe.h>

#include <cstring>

#include "common/support/check.h"
#include "common/support/status_macros.h"
#include "server/database/postgres_pool.h"

namespace hone {
namespace {

constexpr size_t kMaxIdle = 8;

absl::Status ErrorOf(PGconn* connection) { return PostgresAway(PQerrorMessage(connection)); }

absl::Status ErrorOf(PGconn* connection, const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state == nullptr || PQstatus(connection) == CONNECTION_BAD) return ErrorOf(connection);
  return PostgresError(state, PQresultErrorMessage(result));
}

absl::Status Check(PGconn* connection, PGresult* result, ExecStatusType wanted) {
  const absl::Status status = PQresultStatus(result) == wanted ? absl::OkStatus() : ErrorOf(connection, result);
  PQclear(result);
  return status;
}

absl::Status Send(PGconn* connection, const PgCall& call) {
  std::vector<const char*> values;
  for (const std::string& parameter : call.parameters) values.push_back(parameter.c_str());
  if (PQsendQueryPrepared(connection, call.statement.c_str(), static_cast<int>(values.size()), values.data(), nullptr,
                          nullptr, /*resultFormat=*/1) == 1) {
    return absl::OkStatus();
  }
  return ErrorOf(connection);
}

// The answer to one call, with the null that ends it.
absl::StatusOr<PgRows> Take(PGconn* connection) {
  PGresult* result = PQgetResult(connection);
  PgRows rows(result);
  if (PQresultStatus(result) != PGRES_TUPLES_OK) return ErrorOf(connection, result);
  if (PGresult* more = PQgetResult(connection)) {
    PQclear(more);
    return absl::InternalError("PostgreSQL: more than one answer to a statement");
  }
  return rows;
}

absl::StatusOr<std::vector<PgRows>> AskOn(PGconn* connection, absl::Span<const PgCall> calls) {
  if (PQpipelineStatus(connection) == PQ_PIPELINE_OFF && PQenterPipelineMode(connection) != 1) {
    return ErrorOf(connection);
  }
  for (const PgCall& call : calls) HONE_RETURN_IF_ERROR(Send(connection, call));
  if (PQpipelineSync(connection) != 1) return ErrorOf(connection);
  std::vector<PgRows> answers;
  answers.reserve(calls.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    HONE_ASSIGN_OR_RETURN(PgRows rows, Take(connection));
    answers.push_back(std::move(rows));
  }
  HONE_RETURN_IF_ERROR(Check(connection, PQgetResult(connection), PGRES_PIPELINE_SYNC));
  return answers;
}

}  // namespace

void PgRows::Clear::operator()(PGresult* result) const { PQclear(result); }

PgRows::PgRows(PGresult* result) : result_(result), size_(result == nullptr ? 0 : PQntuples(result)) {}

bool PgRows::IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) == 1; }

std::string_view PgRows::Bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

const char* PgRows::Fixed(int row, int column, int size) const {
  HONE_CHECK(PQgetlength(result_.get(), row, column) == size);
  return PQgetvalue(result_.get(), row, column);
}

int32_t PgRows::Int(int row, int column) const {
  uint32_t value = 0;
  std::memcpy(&value, Fixed(row, column, sizeof(value)), sizeof(value));
  return static_cast<int32_t>(be32toh(value));
}

double PgRows::Double(int row, int column) const {
  uint64_t bits = 0;
  std::memcpy(&bits, Fixed(row, column, sizeof(bits)), sizeof(bits));
  bits = be64toh(bits);
  double value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

void PostgresPipelines::Close::operator()(PGconn* connection) const { PQfinish(connection); }

PostgresPipelines::PostgresPipelines(std::string url, std::vector<std::pair<std::string, std::string>> statements)
    : url_(std::move(url)), statements_(std::move(statements)) {}
PostgresPipelines::~PostgresPipelines() = default;

absl::StatusOr<PostgresPipelines::Connection> PostgresPipelines::Connect() const {
  Connection connection(PQconnectdb(url_.c_str()));
  if (connection == nullptr || PQstatus(connection.get()) != CONNECTION_OK) return ErrorOf(connection.get());
  HONE_RETURN_IF_ERROR(Check(connection.get(), PQexec(connection.get(), kPostgresLookupSettings), PGRES_COMMAND_OK));
  for (const auto& [name, sql] : statements_) {
    HONE_RETURN_IF_ERROR(
        Check(connection.get(), PQprepare(connection.get(), name.c_str(), sql.c_str(), 0, nullptr), PGRES_COMMAND_OK));
  }
  return connection;
}

PostgresPipelines::Connection PostgresPipelines::TakeIdle() {
  std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  Connection connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

absl::StatusOr<std::vector<PgRows>> PostgresPipelines::Ask(absl::Span<const PgCall> calls) {
  Connection connection = TakeIdle();
  const bool fresh = connection == nullptr;
  if (fresh) {
    HONE_ASSIGN_OR_RETURN(connection, Connect());
  }
  absl::StatusOr<std::vector<PgRows>> answers = AskOn(connection.get(), calls);
  if (absl::IsUnavailable(answers.status()) && !fresh) {
    // One that lay idle over a restart of PostgreSQL is found broken only now: once more with a new one.
    HONE_ASSIGN_OR_RETURN(connection, Connect());
    answers = AskOn(connection.get(), calls);
  }
  if (!answers.ok()) return answers;  // The connection may be amid the answers: it goes.
  std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
  return answers;
}

}  // namespace hone
