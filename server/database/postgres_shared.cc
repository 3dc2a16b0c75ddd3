#include "server/database/postgres_shared.h"

#include <algorithm>
#include <pqxx/pqxx>
#include <set>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/database/postgres_pool.h"

namespace hone {
namespace {

struct TableOf {
  const char* name;
  const char* column;
  bool bytes;
  size_t max_bytes;  // Kept in memory.
};
constexpr TableOf kTableOf[SharedRows::kTables] = {{"workloads", "id", true, size_t{16} << 20},
                                                   {"skeletons", "json", false, size_t{64} << 20},
                                                   {"contexts", "detail", true, size_t{64} << 20},
                                                   {"job_names", "id", false, size_t{16} << 20}};
constexpr size_t kRowBytes = 100;  // What a row takes besides its value, about.

const SharedRows::Value& EmptyValue() {
  static const auto& empty = *new SharedRows::Value(std::make_shared<const std::string>());
  return empty;
}

absl::StatusOr<std::unordered_map<int, SharedRows::Value>> ReadRows(pqxx::transaction_base& work, const TableOf& table,
                                                                    const std::set<int>& numbers) {
  PgArray array;
  for (int number : numbers) array.Add(StrCat(number));
  std::unordered_map<int, SharedRows::Value> read;
  for (const auto& row : work.exec_params(
           StrCat("SELECT no, ", table.column, " FROM ", table.name, " WHERE no = ANY ($1::int[])"), array.text())) {
    std::string value(row[1].c_str(), row[1].size());
    if (table.bytes) {
      HONE_ASSIGN_OR_RETURN(value, PgParseBytes(value));
    }
    read.emplace(row[0].as<int>(), std::make_shared<const std::string>(std::move(value)));
  }
  return read;
}

}  // namespace

std::vector<SharedRows::Value> SharedRows::FromMemory(Table table, const std::vector<int>& numbers) {
  std::vector<Value> values;
  values.reserve(numbers.size());
  std::lock_guard lock(mutex_);
  for (int number : numbers) {
    auto it = kept_[table].values.find(number);
    values.push_back(number == 0 ? EmptyValue() : it == kept_[table].values.end() ? nullptr : it->second);
  }
  return values;
}

void SharedRows::Keep(Table table, const std::unordered_map<int, Value>& read) {
  std::lock_guard lock(mutex_);
  Kept& kept = kept_[table];
  if (kept.bytes > kTableOf[table].max_bytes) kept = Kept();
  for (const auto& [number, value] : read) {
    if (kept.values.emplace(number, value).second) kept.bytes += value->size() + kRowBytes;
  }
}

std::optional<std::vector<SharedRows::Value>> SharedRows::GetKept(Table table, const std::vector<int>& numbers) {
  std::vector<Value> values = FromMemory(table, numbers);
  if (std::find(values.begin(), values.end(), nullptr) != values.end()) return std::nullopt;
  return values;
}

absl::StatusOr<std::vector<SharedRows::Value>> SharedRows::Get(pqxx::transaction_base& work, Table table,
                                                               const std::vector<int>& numbers) {
  std::vector<Value> values = FromMemory(table, numbers);
  std::set<int> missing;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (values[i] == nullptr) missing.insert(numbers[i]);
  }
  if (missing.empty()) return values;
  HONE_ASSIGN_OR_RETURN(auto read, ReadRows(work, kTableOf[table], missing));
  Keep(table, read);
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (values[i] != nullptr) continue;
    auto it = read.find(numbers[i]);
    if (it == read.end()) {
      return absl::DataLossError(StrCat("table ", kTableOf[table].name, " has no row ", numbers[i]));
    }
    values[i] = it->second;
  }
  return values;
}

}  // namespace hone
