// The API over a farm: a server and a worker in this process, searches for real, builds and runs by stand-ins.
#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <thread>

#include "client/cpp/connection.h"
#include "client/cpp/tune.h"
#include "client/cpp/tuning_client.h"
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

// The specification of the only job that `server` has.
v1::JobSpec OnlyJob(const std::shared_ptr<Connection>& server) {
  TuningClient jobs(server);
  v1::ListJobsRequest all;
  all.set_all(true);
  auto list = jobs.ListJobs(all);
  EXPECT_OK(list);
  EXPECT_EQ(list->jobs_size(), 1);
  auto report = jobs.GetJob(list->jobs(0).id(), /*with_spec=*/true);
  EXPECT_OK(report);
  return report->spec();
}

TEST(RemoteApiTest, ADurableJobSearchesWithAsManyThreadsAsWereAsked) {
  Farm farm;
  TuneTirOptions options = OnFarm(farm.Connect());
  options.num_tuning_cores = 3;
  options.space = "hone";
  ASSERT_OK(TuneTir(Matmul(), TestTarget(), Folder("threads"), 4, options));
  const v1::JobSpec spec = OnlyJob(farm.Connect());
  EXPECT_EQ(spec.search_threads(), 3);
  EXPECT_EQ(spec.tasks(0).space(), "hone");
}

std::shared_ptr<TuneContext> Task(int n, const std::string& name, std::unique_ptr<SpaceGenerator> space) {
  TuneContextOptions options;
  options.mod = Matmul(n);
  options.target = TestTarget();
  options.space_generator = std::move(space);
  options.search_strategy = *SearchStrategy::Create("replay-trace");
  options.task_name = name;
  options.rand_state = 7;
  options.num_threads = 2;
  auto context = TuneContext::Create(std::move(options));
  EXPECT_OK(context);
  return *std::move(context);
}

TuneTasksOptions TasksOnFarm(const std::shared_ptr<Connection>& server, const std::string& folder) {
  TuneTasksOptions options;
  static_cast<TuneSettings&>(options) = OnFarm(server);
  options.work_dir = Folder(folder);
  options.max_trials_global = 16;
  options.max_trials_per_task = 8;
  return options;
}

TEST(RemoteApiTest, TasksOfStockKindsBecomeOneDurableJob) {
  Farm farm;
  TuneTasksOptions options = TasksOnFarm(farm.Connect(), "tasks");
  options.tasks = {Task(16, "main", *CreateSpaceGenerator()), Task(32, "main", *CreateSpaceGenerator("hone"))};
  options.task_weights = {1, 5};
  auto database = TuneTasks(options);
  ASSERT_OK(database);
  const v1::JobSpec spec = OnlyJob(farm.Connect());
  ASSERT_EQ(spec.tasks_size(), 2);
  EXPECT_EQ(spec.strategy(), "replay-trace");
  EXPECT_EQ(spec.max_trials_per_task(), 8);
  EXPECT_EQ(spec.search_threads(), 2);
  EXPECT_EQ(spec.tasks(0).space(), "post-order-apply");
  EXPECT_EQ(spec.tasks(1).space(), "hone");
  EXPECT_EQ(spec.tasks(0).weight(), 1);
  EXPECT_EQ(spec.tasks(1).weight(), 5);
  EXPECT_EQ(spec.tasks(1).name(), "main-2");  // Names tell tasks apart.
  for (const int n : {16, 32}) {
    auto workload = (*database)->CommitWorkload(Matmul(n));
    ASSERT_OK(workload);
    auto top = (*database)->GetTopK(*workload, 100);
    ASSERT_OK(top);
    EXPECT_GE(top->size(), 2u) << n;  // The stand-in lets some crash.
  }
}

TEST(RemoteApiTest, TasksWithASpaceOfOnesOwnAreSearchedHere) {
  Farm farm;
  TuneTasksOptions options = TasksOnFarm(farm.Connect(), "own_space");
  options.max_trials_global = 1;
  options.tasks = {Task(16, "main", CreateSpaceGenerator([](schedule::Schedule&) { return absl::OkStatus(); }))};
  options.task_weights = {1};
  auto database = TuneTasks(options);
  ASSERT_OK(database);
  EXPECT_EQ(*(*database)->Size(), 1);
  EXPECT_EQ(OnlyJob(farm.Connect()).strategy(), "given-traces");  // The farm only measures.
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
