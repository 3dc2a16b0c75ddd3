// The API over a farm: a server and a worker in this process, searches for real, builds and runs by stand-ins.
#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <thread>

#include "client/cpp/connection.h"
#include "client/cpp/tune.h"
#include "server/database/memory_database.h"
#include "server/search/search_service.h"
#include "server/service/server.h"
#include "server/store/memory_store.h"
#include "server/tuning/testing/fakes.h"
#include "tests/api/workload.h"
#include "worker/agent/agent.h"

namespace hone::meta_schedule {
namespace {

class Farm {
 public:
  Farm() {
    ServerOptions options;
    options.driver.revisions.protocol = 1;
    auto store = std::make_unique<MemoryStore>("memory", std::make_unique<MemoryDatabase>());
    auto server = Server::Start(std::move(store), std::move(options),
                                [](absl::Status status) { ADD_FAILURE() << status.ToString(); });
    EXPECT_OK(server);
    server_ = *std::move(server);
    AgentOptions agent;
    agent.name = "worker";
    agent.target_json = R"({"kind":"llvm"})";
    agent.device = {"fake", "{}"};
    agent.revisions.protocol = 1;
    agent.build_threads = 2;
    AgentRoles roles;
    roles.search = &search_;
    roles.builder = &builder_;
    roles.runner = &runner_;
    agent_ = std::make_unique<Agent>(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()), agent,
                                     roles);
    thread_ = std::thread([this] { (void)agent_->Run(); });
  }
  ~Farm() {
    agent_->Stop();
    agent_->Stop();
    thread_.join();
  }
  std::shared_ptr<Connection> Connect() {
    ConnectionOptions options;
    options.server = server_->address();
    auto connection = Connection::Open(options);
    EXPECT_OK(connection);
    return *connection;
  }

 private:
  std::unique_ptr<Server> server_;
  DirectSearchRunner search_{OpenSearchSession};
  testing::FakeBuilder builder_;
  testing::FakeRunner runner_;
  std::unique_ptr<Agent> agent_;
  std::thread thread_;
};

std::string Folder(const std::string& name) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
  std::filesystem::create_directories(path);
  return path;
}

TuneTirOptions OnFarm(const std::shared_ptr<Connection>& server) {
  TuneTirOptions options;
  options.num_trials_per_iter = 4;
  options.builder = "remote";
  options.runner = "rpc";
  options.database = "memory";
  options.strategy = "replay-trace";
  options.cost_model = "random";
  options.seed = 3;
  options.server = server;
  return options;
}

TEST(RemoteApiTest, CandidatesOfThisProcessAreMeasuredOnTheFarm) {
  Farm farm;
  TuneTirOptions options = OnFarm(farm.Connect());
  // An object of one's own keeps the search here.
  options.task_scheduler = std::shared_ptr<TaskScheduler>(*TaskScheduler::Create("round-robin"));
  auto database = TuneTir(Matmul(), TestTarget(), Folder("here"), 8, options);
  ASSERT_OK(database);
  EXPECT_EQ(*(*database)->Size(), 8);
  Database::Options remote;
  remote.server = farm.Connect();
  auto records = Database::Create("remote", remote);
  ASSERT_OK(records);
  EXPECT_EQ(*(*records)->Size(), 8);  // The server has them, too.
  auto workload = (*records)->CommitWorkload(Matmul());
  ASSERT_OK(workload);
  auto top = (*records)->GetTopK(*workload, 3);
  ASSERT_OK(top);
  EXPECT_EQ(top->size(), 3u);
}

TEST(RemoteApiTest, KindsOnlyBecomeADurableJob) {
  Farm farm;
  const TuneTirOptions options = OnFarm(farm.Connect());
  auto database = TuneTir(Matmul(), TestTarget(), Folder("job"), 8, options);
  ASSERT_OK(database);
  auto workload = (*database)->CommitWorkload(Matmul());
  ASSERT_OK(workload);
  auto top = (*database)->GetTopK(*workload, 100);
  ASSERT_OK(top);
  EXPECT_GE(top->size(), 4u);  // The stand-in lets some crash.
  EXPECT_GE(*(*database)->Size(), 8);
  EXPECT_FALSE((*top)[0].stored->slot.job_id.empty());
}

TEST(RemoteApiTest, RemoteDatabaseKeepsImports) {
  Farm farm;
  Database::Options options;
  options.server = farm.Connect();
  auto made = Database::Create("remote", options);
  ASSERT_OK(made);
  Database& database = **made;
  EXPECT_FALSE(*database.HasWorkload(Matmul(16)));
  auto workload = database.CommitWorkload(Matmul(16));
  ASSERT_OK(workload);
  TuningRecord record;
  record.trace_json = R"([[["GetBlock",[],["C","main"],["b0"]]],[]])";
  record.workload = *workload;
  record.target = TestTarget();
  for (const double secs : {3e-3, 1e-3, 2e-3}) {
    record.run_secs = std::vector<double>{secs};
    ASSERT_OK(database.CommitTuningRecord(record));
  }
  auto top = database.GetTopK(*workload, 2);
  ASSERT_OK(top);
  ASSERT_EQ(top->size(), 2u);
  EXPECT_EQ((*top)[0].run_secs, std::vector<double>{1e-3});
  EXPECT_EQ((*top)[1].run_secs, std::vector<double>{2e-3});
  EXPECT_EQ((*top)[0].stored->trust, Trust::kImported);
  EXPECT_STATUS(database.GetTopK(*workload, -1), absl::StatusCode::kInvalidArgument, "non-negative");
}

}  // namespace
}  // namespace hone::meta_schedule
