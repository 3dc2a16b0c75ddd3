#include "server/database/postgres_pool.h"

#include <pqxx/pqxx>
#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// What a retry may mend: connection trouble (08), shutdown and start (57P), no room (53), conflicts (40), and a COPY
// that met a row which another transaction stored just now (23505: a repeat leaves it out).
bool MayPass(std::string_view sqlstate) {
  std::string_view kind = sqlstate.substr(0, 2);
  return kind == "08" || kind == "53" || kind == "40" || sqlstate == "23505" || sqlstate.substr(0, 3) == "57P" ||
         sqlstate == "55P03";
}

std::string FirstLine(std::string_view text) {
  while (!text.empty() && text.front() == '\n') text.remove_prefix(1);
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

const char* const kPostgresLookupSettings = "SET plan_cache_mode = force_generic_plan; SET random_page_cost = 1.1";

absl::Status PostgresAway(std::string_view message) {
  return absl::UnavailableError(StrCat("PostgreSQL: ", FirstLine(message)));
}

absl::Status PostgresError(std::string_view sqlstate, std::string_view message) {
  if (MayPass(sqlstate)) return PostgresAway(message);
  return absl::InternalError(StrCat("PostgreSQL: ", FirstLine(message)));
}

PostgresConnection::PostgresConnection(std::string url, std::function<absl::Status(pqxx::transaction_base&)> on_connect)
    : url_(std::move(url)), on_connect_(std::move(on_connect)) {}
PostgresConnection::~PostgresConnection() = default;

void PostgresConnection::Close() { connection_.reset(); }

absl::Status PostgresConnection::Connect() {
  if (connection_ != nullptr && connection_->is_open()) return absl::OkStatus();
  connection_.reset();
  auto connection = std::make_shared<pqxx::connection>(url_);
  if (!statements_.empty()) pqxx::nontransaction(*connection).exec(kPostgresLookupSettings);
  for (const auto& [name, sql] : statements_) connection->prepare(name, sql);
  if (on_connect_) {
    pqxx::work work(*connection);
    HONE_RETURN_IF_ERROR(on_connect_(work));
    work.commit();
  }
  connection_ = std::move(connection);
  return absl::OkStatus();
}

void PostgresConnection::Prepare(std::string name, std::string sql) {
  statements_.emplace_back(std::move(name), std::move(sql));
}

absl::Status PostgresConnection::Run(const std::function<absl::Status(pqxx::transaction_base&)>& body) {
  return RunAs<pqxx::work>(body);
}

absl::Status PostgresConnection::Read(const std::function<absl::Status(pqxx::transaction_base&)>& body) {
  return RunAs<pqxx::nontransaction>(body);
}

template <typename Transaction>
absl::Status PostgresConnection::RunAs(const std::function<absl::Status(pqxx::transaction_base&)>& body) {
  try {
    HONE_RETURN_IF_ERROR(Connect());
    Transaction work(*connection_);
    HONE_RETURN_IF_ERROR(body(work));
    work.commit();
    return absl::OkStatus();
  } catch (const pqxx::broken_connection& error) {
    connection_.reset();
    return PostgresAway(error.what());
  } catch (const pqxx::in_doubt_error& error) {  // The commit's answer was lost; a repeat finds out.
    connection_.reset();
    return PostgresAway(error.what());
  } catch (const pqxx::sql_error& error) {
    if (MayPass(error.sqlstate())) connection_.reset();
    return PostgresError(error.sqlstate(), error.what());
  } catch (const std::exception& error) {
    connection_.reset();
    return absl::InternalError(StrCat("PostgreSQL: ", FirstLine(error.what())));
  }
}

absl::Status PostgresPool::Run(const std::function<absl::Status(pqxx::transaction_base&)>& body) {
  return RunOn([&](PostgresConnection& connection) { return connection.Run(body); });
}

absl::Status PostgresPool::Read(const std::function<absl::Status(pqxx::transaction_base&)>& body) {
  return RunOn([&](PostgresConnection& connection) { return connection.Read(body); });
}

absl::Status PostgresPool::RunOn(const std::function<absl::Status(PostgresConnection&)>& run) {
  std::unique_ptr<PostgresConnection> connection;
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  bool fresh = connection == nullptr;
  if (fresh) {
    connection = std::make_unique<PostgresConnection>(url_);
    for (const auto& [name, sql] : statements_) connection->Prepare(name, sql);
  }
  absl::Status status = run(*connection);
  // A connection that lay idle over a restart of PostgreSQL is found broken only now: once more with a new one.
  if (absl::IsUnavailable(status) && !fresh) status = run(*connection);
  if (!absl::IsUnavailable(status)) {
    std::lock_guard lock(mutex_);
    if (idle_.size() < 8) idle_.push_back(std::move(connection));
  }
  return status;
}

std::string PgBytes(std::string_view raw) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "\\x";
  text.reserve(2 + raw.size() * 2);
  for (unsigned char c : raw) {
    text += kDigits[c >> 4];
    text += kDigits[c & 15];
  }
  return text;
}

std::string PgBytes(const Digest& digest) { return "\\x" + digest.Hex(); }

absl::StatusOr<std::string> PgParseBytes(std::string_view text) {
  auto nibble = [](char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; };
  if (text.substr(0, 2) != "\\x" || text.size() % 2 != 0) return absl::DataLossError("bytea is not in hex format");
  std::string raw;
  raw.reserve(text.size() / 2);
  for (size_t i = 2; i < text.size(); i += 2) raw += static_cast<char>(nibble(text[i]) << 4 | nibble(text[i + 1]));
  return raw;
}

absl::StatusOr<Digest> PgParseDigest(std::string_view text) {
  Digest digest;
  if (text.size() != 66 || !Digest::FromHex(text.substr(2), digest)) {
    return absl::DataLossError("a stored id is not 32 bytes");
  }
  return digest;
}

void PgArray::Add(std::string_view element) {
  if (text_.size() > 1) text_ += ',';
  text_ += '"';
  for (char c : element) {
    if (c == '"' || c == '\\') text_ += '\\';
    text_ += c;
  }
  text_ += '"';
}

void PgArray::AddNull() { text_ += text_.size() > 1 ? ",NULL" : "NULL"; }

}  // namespace hone
