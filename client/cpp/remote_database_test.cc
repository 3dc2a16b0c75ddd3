// The suite of all databases for the kind "remote": a server in this process, asked over a connection.
#include "client/cpp/remote_database.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"
#include "server/database/memory_database.h"
#include "server/database/testing/database_suite.h"
#include "server/service/server.h"
#include "server/store/memory_store.h"

namespace hone::testing {
namespace {

OpenedDatabase OpenRemote(const std::string&, ModuleEquality equality) {
  auto store = std::make_unique<MemoryStore>("memory", std::make_unique<MemoryDatabase>());
  auto server = Server::Start(std::move(store), {}, [](absl::Status status) { ADD_FAILURE() << status.ToString(); });
  EXPECT_OK(server.status());
  ConnectionOptions options;
  options.server = (*server)->address();
  auto connection = Connection::Open(options);
  EXPECT_OK(connection.status());
  OpenedDatabase opened;
  opened.store = &(*server)->store().records();
  opened.behind = *std::move(server);
  opened.database = std::make_unique<RemoteDatabase>(*connection, equality);
  return opened;
}

// Nobody vouches for what a client commits, and it is of no job of the server's.
TuningRecord AsImported(TuningRecord record) {
  if (record.trust == Trust::kVerified) record.trust = Trust::kImported;
  record.slot = Slot{};
  record.tenant.clear();
  record.pool.clear();
  record.created_by = "anonymous";
  record.id = RecordId(record);
  return record;
}

INSTANTIATE_TEST_SUITE_P(Kinds, DatabaseSuite, ::testing::Values(DatabaseKind{"remote", OpenRemote, AsImported}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace hone::testing
