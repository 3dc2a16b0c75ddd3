// Connections to one PostgreSQL database, and transactions on them with errors as statuses. Only files named postgres*
// know SQL.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/support/sha256.h"

namespace pqxx {
class connection_base;
class transaction_base;
}  // namespace pqxx

namespace hone {

// One connection that is made again when it broke. Not thread-safe.
class PostgresConnection {
 public:
  PostgresConnection(std::string url, std::function<absl::Status(pqxx::transaction_base&)> on_connect = nullptr);
  ~PostgresConnection();

  // Runs `body` in a transaction and commits it if it returned OK. Unavailable: the connection broke, the server is
  // starting, stopping or out of room: nothing or everything was stored, the same call may be repeated. Other errors of
  // the database are Internal with its message. `on_connect` runs first on every new connection; its error is returned.
  absl::Status Run(const std::function<absl::Status(pqxx::transaction_base&)>& body);
  // For one statement that only reads: without the two round trips of a transaction.
  absl::Status Read(const std::function<absl::Status(pqxx::transaction_base&)>& body);
  // A statement to be prepared on every connection, by its first use; before the first Run or Read.
  void Prepare(std::string name, std::string sql);
  void Close();

 private:
  absl::Status Connect();
  template <typename Transaction>
  absl::Status RunAs(const std::function<absl::Status(pqxx::transaction_base&)>& body);

  const std::string url_;
  const std::function<absl::Status(pqxx::transaction_base&)> on_connect_;
  std::vector<std::pair<std::string, std::string>> statements_;
  // Shared so that the deleter knows the real class: the base has no virtual destructor.
  std::shared_ptr<pqxx::connection_base> connection_;
};

// A few of them. Thread-safe.
class PostgresPool {
 public:
  explicit PostgresPool(std::string url) : url_(std::move(url)) {}
  // As those of PostgresConnection.
  absl::Status Run(const std::function<absl::Status(pqxx::transaction_base&)>& body);
  absl::Status Read(const std::function<absl::Status(pqxx::transaction_base&)>& body);
  // Before the first Run or Read.
  void Prepare(std::string name, std::string sql) { statements_.emplace_back(std::move(name), std::move(sql)); }

 private:
  absl::Status RunOn(const std::function<absl::Status(PostgresConnection&)>& run);

  const std::string url_;
  std::vector<std::pair<std::string, std::string>> statements_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<PostgresConnection>> idle_;
};

// What is prepared asks by keys whose rows are few, whatever they are: one plan serves all, made once; and indexes
// serve it best, those of small tables too, as all that they touch lies in memory.
extern const char* const kPostgresLookupSettings;

// The status for an error that PostgreSQL names, and for a connection that broke.
absl::Status PostgresError(std::string_view sqlstate, std::string_view message);
absl::Status PostgresAway(std::string_view message);

// bytea as PostgreSQL writes it: \x and hexadecimal digits.
std::string PgBytes(std::string_view raw);
std::string PgBytes(const Digest& digest);
absl::StatusOr<std::string> PgParseBytes(std::string_view text);
absl::StatusOr<Digest> PgParseDigest(std::string_view text);

// An array literal for `$1::type[]`; elements are quoted.
class PgArray {
 public:
  void Add(std::string_view element);
  void AddNull();
  std::string text() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

}  // namespace hone
