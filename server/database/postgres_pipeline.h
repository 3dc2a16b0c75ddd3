// Several prepared statements that read, asked in one round trip each way, with answers in PostgreSQL's binary form:
// for look-ups, whose cost is mostly that of going back and forth and of reading text.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

struct pg_conn;
struct pg_result;

namespace hone {

struct PgCall {
  std::string statement;                // Prepared.
  std::vector<std::string> parameters;  // As text, without zero bytes.
};

// The rows of one answer. Columns are read as what they are in the statement: a wrong kind is a bug of the caller.
class PgRows {
 public:
  explicit PgRows(pg_result* result);
  int size() const { return size_; }
  bool IsNull(int row, int column) const;
  int32_t Int(int row, int column) const;
  double Double(int row, int column) const;
  std::string_view Bytes(int row, int column) const;  // bytea or text; as long as this lives.

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  const char* Fixed(int row, int column, int size) const;

  std::unique_ptr<pg_result, Clear> result_;
  int size_ = 0;
};

// A few connections. Thread-safe.
class PostgresPipelines {
 public:
  // The statements are (name, SQL).
  PostgresPipelines(std::string url, std::vector<std::pair<std::string, std::string>> statements);
  ~PostgresPipelines();

  // One answer a call, in order. All or none: Unavailable as PostgresConnection::Run has it, Internal with the message
  // for what PostgreSQL says of one of the calls.
  absl::StatusOr<std::vector<PgRows>> Ask(absl::Span<const PgCall> calls);

 private:
  struct Close {
    void operator()(pg_conn* connection) const;
  };
  using Connection = std::unique_ptr<pg_conn, Close>;
  absl::StatusOr<Connection> Connect() const;
  Connection TakeIdle();

  const std::string url_;
  const std::vector<std::pair<std::string, std::string>> statements_;
  std::mutex mutex_;
  std::vector<Connection> idle_;
};

}  // namespace hone
