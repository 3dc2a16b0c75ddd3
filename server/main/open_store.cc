#include "server/main/open_store.h"

#include "common/script/workload_codec.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/database/json_database.h"
#include "server/database/memory_database.h"
#include "server/store/memory_store.h"
#include "server/store/postgres_store.h"

namespace hone {

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& url) {
  auto starts = [&](std::string_view prefix) { return url.compare(0, prefix.size(), prefix) == 0; };
  if (url == "memory:" || url == "memory") {
    return std::make_unique<MemoryStore>("memory", std::make_unique<MemoryDatabase>());
  }
  if (starts("json:")) {
    JsonDatabaseOptions options;
    options.codec = script::GraphCodec();
    HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> database, JsonDatabase::Open(url.substr(5), options));
    for (const std::string& warning : database->warnings()) HONE_LOG(kWarning) << warning;
    HONE_LOG(kWarning) << "records are kept in " << url.substr(5) << ", jobs in memory: they end with this server";
    return std::make_unique<MemoryStore>("json", std::move(database));
  }
  if (starts("postgresql:") || starts("postgres:")) return PostgresStore::Open(url);
  return absl::InvalidArgumentError(
      StrCat("--database \"", url.substr(0, url.find(':')), ":...\": expected postgresql://..., json:DIR or memory:"));
}

}  // namespace hone
