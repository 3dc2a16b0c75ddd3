// What strangers, greedy tenants and hostile peers get: a typed refusal, while others are served.
#include <arpa/inet.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "common/support/status_matchers.h"
#include "common/wire/records_wire.h"
#include "hone/v1/records.grpc.pb.h"
#include "hone/v1/tuning.grpc.pb.h"
#include "hone/v1/worker.grpc.pb.h"
#include "server/database/memory_database.h"
#include "server/service/gate.h"
#include "server/service/server.h"
#include "server/store/memory_store.h"

namespace hone {
namespace {

using grpc::StatusCode;

// A memory store that keeps the audit log.
class AuditingStore final : public Store {
 public:
  std::string kind() const override { return "memory"; }
  Database& records() override { return store_.records(); }
  absl::StatusOr<uint64_t> Lead() override { return store_.Lead(); }
  absl::Status StillLeading() override { return absl::OkStatus(); }
  absl::StatusOr<Inserted> InsertJob(const JobDefinition& job) override { return store_.InsertJob(job); }
  absl::Status Commit(const WriteBatch& batch) override {
    std::lock_guard lock(mutex_);
    for (const AuditEntry& entry : batch.audit) {
      lines_.push_back(entry.identity + " " + entry.action + " " + entry.outcome);
    }
    return store_.Commit(batch);
  }
  absl::StatusOr<std::vector<StoredJob>> LoadActiveJobs() override { return store_.LoadActiveJobs(); }
  absl::StatusOr<std::optional<JobSummary>> FindJob(const std::string& id) override { return store_.FindJob(id); }
  absl::StatusOr<std::vector<JobSummary>> ListJobs(const JobListRequest& request) override {
    return store_.ListJobs(request);
  }
  bool Has(const std::string& line) {
    std::lock_guard lock(mutex_);
    return std::find(lines_.begin(), lines_.end(), line) != lines_.end();
  }

 private:
  MemoryStore store_{"memory", std::make_unique<MemoryDatabase>()};
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

class SecurityTest : public ::testing::Test {
 protected:
  SecurityTest() {
    char path[] = "/tmp/hone-security.XXXXXX";
    close(mkstemp(path));
    tokens_ = path;
  }
  ~SecurityTest() override {
    server_.reset();
    std::filesystem::remove(tokens_);
  }

  std::string Token(const std::string& name, const std::string& tenant, const std::string& roles) {
    absl::StatusOr<NewToken> made = MakeToken(name, tenant, roles, absl::InfiniteFuture());
    EXPECT_OK(made.status());
    std::ofstream(tokens_, std::ios::app) << made->line << "\n";
    return made->token;
  }
  void Start(Limits limits = {}, absl::Duration export_stall = absl::Seconds(30)) {
    ServerOptions options;
    options.export_stall = export_stall;
    options.token_file = tokens_;
    options.driver.revisions.protocol = 2;
    options.driver.limits = std::move(limits);
    options.check_tokens = absl::Milliseconds(50);
    auto store = std::make_unique<AuditingStore>();
    store_ = store.get();
    auto server = Server::Start(std::move(store), options, [](absl::Status status) { FAIL() << status.ToString(); });
    ASSERT_OK(server.status());
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    tuning_ = v1::TuningService::NewStub(channel_);
  }

  static void Use(grpc::ClientContext& context, const std::string& token) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  }
  v1::SubmitJobRequest Job(const std::string& script = "w") {
    v1::SubmitJobRequest request;
    request.mutable_spec()->set_max_trials(100);
    request.mutable_spec()->set_target_json(R"({"kind":"llvm"})");
    *request.mutable_spec()->add_tasks()->mutable_workload() = ToProto(WorkloadFromScript(script));
    return request;
  }
  grpc::Status Submit(const std::string& token, const v1::SubmitJobRequest& request, std::string* id = nullptr) {
    grpc::ClientContext context;
    Use(context, token);
    v1::SubmitJobResponse response;
    grpc::Status status = tuning_->SubmitJob(&context, request, &response);
    if (id != nullptr) *id = response.job_id();
    return status;
  }
  grpc::Status List(const std::string& token) {
    grpc::ClientContext context;
    Use(context, token);
    v1::ListJobsResponse response;
    return tuning_->ListJobs(&context, {}, &response);
  }

  // A call with a body of any bytes.
  grpc::Status Raw(const std::string& method, const std::string& token, const std::string& body) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    Use(context, token);
    grpc::CompletionQueue queue;
    grpc::Slice slice(body);
    grpc::ByteBuffer request(&slice, 1), response;
    grpc::Status status;
    auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
    call->StartCall();
    call->Finish(&response, &status, nullptr);
    void* tag;
    bool ok;
    queue.Next(&tag, &ok);
    return status;
  }

  std::string tokens_;
  AuditingStore* store_ = nullptr;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::TuningService::Stub> tuning_;
};

TEST_F(SecurityTest, ATenantHasAQuotaOfJobsAndTrials) {
  std::string greedy = Token("g", "greedy", "user"), other = Token("o", "other", "user");
  Limits limits;
  limits.otherwise.jobs = 2;
  limits.tenants["other"] = limits.otherwise;
  limits.tenants["other"].open_trials = 150;
  Start(limits);
  EXPECT_TRUE(Submit(greedy, Job()).ok());
  std::string second;
  EXPECT_TRUE(Submit(greedy, Job(), &second).ok());
  grpc::Status third = Submit(greedy, Job());
  EXPECT_EQ(third.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(third.error_message().find("2 jobs"), std::string::npos) << third.error_message();
  grpc::ClientContext context;
  Use(context, greedy);
  v1::JobControlRequest cancel;
  cancel.set_job_id(second);
  v1::JobReport report;
  EXPECT_TRUE(tuning_->CancelJob(&context, cancel, &report).ok());
  EXPECT_TRUE(Submit(greedy, Job()).ok());  // Room again.
  EXPECT_TRUE(Submit(other, Job()).ok());
  EXPECT_EQ(Submit(other, Job()).error_code(), StatusCode::RESOURCE_EXHAUSTED);  // 200 trials.
}

TEST_F(SecurityTest, ATenantThatCallsTooOftenIsToldWhenToComeBackAndOthersAreServed) {
  std::string greedy = Token("g", "greedy", "reader"), other = Token("o", "other", "reader");
  Limits limits;
  limits.tenants["greedy"].calls_per_second = 2;
  Start(limits);
  grpc::Status status;
  std::string retry_after;
  for (int i = 0; i < 50 && status.ok(); ++i) {
    grpc::ClientContext context;
    Use(context, greedy);
    v1::ListJobsResponse response;
    status = tuning_->ListJobs(&context, {}, &response);
    auto it = context.GetServerTrailingMetadata().find("retry-after-ms");
    if (it != context.GetServerTrailingMetadata().end()) retry_after.assign(it->second.data(), it->second.size());
  }
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_GT(std::atoi(retry_after.c_str()), 0);
  EXPECT_TRUE(List(other).ok());
}

TEST_F(SecurityTest, ATenantHasSoManyStreamsAndNoMore) {
  std::string token = Token("a", "a", "user");
  Limits limits;
  limits.otherwise.streams = 1;
  Start(limits);
  std::string id;
  ASSERT_TRUE(Submit(token, Job(), &id).ok());
  v1::WatchJobRequest request;
  request.set_job_id(id);
  grpc::ClientContext first, second;
  Use(first, token);
  Use(second, token);
  v1::JobEvent event;
  auto stream = tuning_->WatchJob(&first, request);
  ASSERT_TRUE(stream->Read(&event));
  auto refused = tuning_->WatchJob(&second, request);
  EXPECT_FALSE(refused->Read(&event));
  EXPECT_EQ(refused->Finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  first.TryCancel();
  while (stream->Read(&event)) {
  }
  (void)stream->Finish();
}

TEST_F(SecurityTest, ATokenThatIsTakenBackLosesItsOpenStreams) {
  std::string token = Token("a", "a", "user"), worker = Token("w", "", "worker");
  Start();
  std::string id;
  ASSERT_TRUE(Submit(token, Job(), &id).ok());
  grpc::ClientContext watching, working;
  Use(watching, token);
  Use(working, worker);
  v1::WatchJobRequest request;
  request.set_job_id(id);
  auto watch = tuning_->WatchJob(&watching, request);
  v1::JobEvent event;
  ASSERT_TRUE(watch->Read(&event));
  auto workers = v1::WorkerService::NewStub(channel_);
  auto connect = workers->Connect(&working);
  v1::WorkerMessage hello;
  hello.mutable_register_()->set_name("w");
  hello.mutable_register_()->add_roles(v1::ROLE_RUN);
  hello.mutable_register_()->mutable_revisions()->set_protocol(2);
  ASSERT_TRUE(connect->Write(hello));
  v1::ServerMessage answer;
  ASSERT_TRUE(connect->Read(&answer));
  { std::ofstream(tokens_, std::ios::trunc) << "# nobody\n"; }
  std::filesystem::last_write_time(tokens_, std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  while (watch->Read(&event)) {
  }
  EXPECT_EQ(watch->Finish().error_code(), StatusCode::UNAUTHENTICATED);
  while (connect->Read(&answer)) {
  }
  EXPECT_EQ(connect->Finish().error_code(), StatusCode::UNAUTHENTICATED);
}

TEST_F(SecurityTest, ATenantDoesNotSeeWhatWorkersDoForOthers) {
  std::string mine = Token("m", "mine", "user"), other = Token("o", "other", "user"), worker = Token("w", "", "worker");
  Start();
  auto workers = v1::WorkerService::NewStub(channel_);
  grpc::ClientContext context;
  Use(context, worker);
  auto stream = workers->Connect(&context);
  v1::WorkerMessage hello;
  hello.mutable_register_()->set_name("s");
  hello.mutable_register_()->add_roles(v1::ROLE_SEARCH);
  hello.mutable_register_()->mutable_revisions()->set_protocol(2);
  ASSERT_TRUE(stream->Write(hello));
  v1::ServerMessage message;
  ASSERT_TRUE(stream->Read(&message));
  std::string id;
  ASSERT_TRUE(Submit(mine, Job(), &id).ok());
  while (!message.has_search()) ASSERT_TRUE(stream->Read(&message));
  auto doing = [&](const std::string& token) {
    grpc::ClientContext list;
    Use(list, token);
    v1::ListWorkersResponse response;
    EXPECT_TRUE(tuning_->ListWorkers(&list, {}, &response).ok());
    return response.workers(0).doing_size() == 1 ? response.workers(0).doing(0) : std::string("?");
  };
  EXPECT_NE(doing(mine).find(id), std::string::npos);
  EXPECT_EQ(doing(other), "other work");
  context.TryCancel();
  while (stream->Read(&message)) {
  }
  (void)stream->Finish();
}

TEST_F(SecurityTest, WhatIsDoneAndWhatIsRefusedStandsInTheAuditLog) {
  std::string token = Token("alice", "a", "user");
  Start();
  std::string id;
  ASSERT_TRUE(Submit(token, Job(), &id).ok());
  grpc::ClientContext context;
  Use(context, token);
  v1::JobControlRequest request;
  request.set_job_id("nope");
  v1::JobReport report;
  EXPECT_EQ(tuning_->PauseJob(&context, request, &report).error_code(), StatusCode::NOT_FOUND);
  server_->Stop();
  EXPECT_TRUE(store_->Has("alice SubmitJob ok"));
  EXPECT_TRUE(store_->Has("alice PauseJob NOT_FOUND"));
}

// The permission matrix over the wire: every RPC of the table by every role, and by nobody.
TEST_F(SecurityTest, EveryRpcAnswersByRole) {
  std::vector<std::pair<Role, std::string>> tokens;
  for (Role role : {Role::kReader, Role::kUser, Role::kOperator, Role::kWorker, Role::kCurator}) {
    tokens.emplace_back(role, Token(std::string(RoleName(role)), "t", std::string(RoleName(role))));
  }
  Start();
  int allowed = 0, denied = 0;
  for (const std::string& rpc : KnownRpcs()) {
    std::string method = "/hone.v1." + rpc;
    EXPECT_EQ(Raw(method, "", "").error_code(), StatusCode::UNAUTHENTICATED) << rpc;
    EXPECT_EQ(Raw(method, "wrong", "").error_code(), StatusCode::UNAUTHENTICATED) << rpc;
    std::set<Role> roles = *RolesFor(rpc);
    for (const auto& [role, token] : tokens) {
      StatusCode code = Raw(method, token, "").error_code();
      bool may = roles.empty() || roles.contains(role);
      EXPECT_EQ(code == StatusCode::PERMISSION_DENIED, !may) << rpc << " by " << RoleName(role) << ": " << code;
      EXPECT_NE(code, StatusCode::UNAUTHENTICATED) << rpc << " by " << RoleName(role);
      ++(may ? allowed : denied);
    }
  }
  printf("%zu RPCs, %d allowed and %d denied\n", KnownRpcs().size(), allowed, denied);
}

// A client that calls all the time; its calls must not fail while others misbehave.
class HealthyClient {
 public:
  HealthyClient(v1::TuningService::Stub& stub, std::string token)
      : thread_([this, &stub, token] {
          while (!stop_) {
            grpc::ClientContext context;
            context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
            context.AddMetadata("authorization", "Bearer " + token);
            v1::ListJobsResponse response;
            grpc::Status status = stub.ListJobs(&context, {}, &response);
            ++(status.ok() ? served_ : failed_);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
          }
        }) {}
  ~HealthyClient() {
    stop_ = true;
    thread_.join();
    EXPECT_GT(served_, 0);
    EXPECT_EQ(failed_, 0);
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> served_{0}, failed_{0};
  std::thread thread_;
};

TEST_F(SecurityTest, HostileMessagesGetTypedErrorsAndHealthyClientsAreServed) {
  std::string user = Token("u", "a", "user"), worker = Token("w", "", "worker");
  Start();
  HealthyClient healthy(*tuning_, user);
  {  // 100 MB.
    v1::SubmitJobRequest request = Job();
    request.mutable_spec()->set_name(std::string(100u << 20, 'x'));
    EXPECT_EQ(Submit(user, request).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  }
  {  // 10,000 deep, where JSON is expected.
    v1::SubmitJobRequest request = Job();
    request.mutable_spec()->set_target_json(std::string(10'000, '[') + std::string(10'000, ']'));
    EXPECT_EQ(Submit(user, request).error_code(), StatusCode::INVALID_ARGUMENT);
    request = Job();
    request.mutable_spec()->set_strategy_params_json(std::string(10'000, '{'));
    EXPECT_EQ(Submit(user, request).error_code(), StatusCode::INVALID_ARGUMENT);
  }
  {  // 10,000 deep as a message: groups in groups in a field that nobody knows.
    std::string deep;
    for (int i = 0; i < 10'000; ++i) deep += "\xfb\x3f";
    for (int i = 0; i < 10'000; ++i) deep += "\xfc\x3f";
    EXPECT_NE(Raw("/hone.v1.TuningService/SubmitJob", user, deep).error_code(), StatusCode::OK);
  }
  // Not a message of ours at all, a method that does not exist, no token.
  EXPECT_NE(Raw("/hone.v1.TuningService/SubmitJob", user, "\xff\xff\xff\xff nonsense").error_code(), StatusCode::OK);
  EXPECT_EQ(Raw("/hone.v1.TuningService/DropTables", user, "").error_code(), StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(Raw("/hone.v1.RecordService/Query", "", "").error_code(), StatusCode::UNAUTHENTICATED);
  {  // A worker that sends an outcome before it registers.
    auto workers = v1::WorkerService::NewStub(channel_);
    grpc::ClientContext context;
    Use(context, worker);
    auto stream = workers->Connect(&context);
    v1::WorkerMessage message;
    message.mutable_run_done();
    stream->Write(message);
    v1::ServerMessage answer;
    EXPECT_FALSE(stream->Read(&answer));
    EXPECT_EQ(stream->Finish().error_code(), StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_TRUE(Submit(user, Job()).ok());
}

// Fills the tenant's pool with so many records that no window of a connection holds them.
void Fill(v1::RecordService::Stub& records, const std::function<void(grpc::ClientContext&)>& use) {
  grpc::ClientContext context;
  use(context);
  v1::ImportResponse total;
  auto stream = records.Import(&context, &total);
  for (int c = 0; c < 40; ++c) {
    v1::ImportChunk chunk;
    const Workload workload = WorkloadFromScript("w" + std::to_string(c) + std::string(200'000, ' '));
    *chunk.add_workloads() = ToProto(workload);
    ASSERT_TRUE(stream->Write(chunk));
  }
  stream->WritesDone();
  ASSERT_TRUE(stream->Finish().ok());
}

TEST_F(SecurityTest, ReadersThatTakeNothingOfAnExportLoseItAndKeepNobodyWaiting) {
  std::string user = Token("u", "a", "user,reader,curator");
  Limits limits;
  limits.otherwise.streams = 3;
  Start(limits, /*export_stall=*/absl::Seconds(1));
  auto records = v1::RecordService::NewStub(channel_);
  Fill(*records, [&](grpc::ClientContext& context) { Use(context, user); });
  struct Reader {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::ExportChunk>> stream;
  };
  std::vector<std::unique_ptr<Reader>> readers;
  v1::ExportRequest everything;
  everything.set_only_workloads(true);
  for (int i = 0; i < 3; ++i) {
    auto& reader = *readers.emplace_back(std::make_unique<Reader>());
    Use(reader.context, user);
    reader.stream = records->Export(&reader.context, everything);
  }
  bool refused = false;
  for (int i = 0; i < 10 && !refused; ++i) {  // As soon as the server has seen those three.
    grpc::ClientContext context;
    Use(context, user);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
    auto stream = records->Export(&context, everything);
    v1::ExportChunk chunk;
    while (stream->Read(&chunk)) {
    }
    refused = stream->Finish().error_code() == StatusCode::RESOURCE_EXHAUSTED;
  }
  EXPECT_TRUE(refused);
  for (int i = 0; i < 20; ++i) {  // All of them stand still, and everybody else is served.
    grpc::ClientContext context;
    Use(context, user);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(900));
    v1::StatsResponse stats;
    EXPECT_TRUE(records->Stats(&context, {}, &stats).ok());
  }
  std::this_thread::sleep_for(std::chrono::seconds(3));  // Two at a time, a second each.
  for (auto& reader : readers) {
    v1::ExportChunk chunk;
    while (reader->stream->Read(&chunk)) {
    }
    EXPECT_FALSE(reader->stream->Finish().ok());
  }
  grpc::ClientContext context;
  Use(context, user);
  auto whole = records->Export(&context, everything);
  v1::ExportChunk chunk;
  int workloads = 0;
  while (whole->Read(&chunk)) workloads += chunk.workloads_size();
  EXPECT_TRUE(whole->Finish().ok());
  EXPECT_EQ(workloads, 40);
}

TEST_F(SecurityTest, ConnectionsThatSayNonsenseOrAlmostNothingDoNoHarm) {
  std::string user = Token("u", "a", "user");
  Start();
  HealthyClient healthy(*tuning_, user);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::string where = server_->address();
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(where.substr(where.rfind(':') + 1))));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  std::vector<int> sockets;
  for (int i = 0; i < 200; ++i) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    sockets.push_back(fd);
  }
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (int second = 0; second < 3; ++second) {  // One byte a second each; half of them speak HTTP/1.
    for (size_t i = 0; i < sockets.size(); ++i) {
      char byte = i % 2 ? preface[second] : "GET"[second];
      (void)!send(sockets[i], &byte, 1, MSG_NOSIGNAL);
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  EXPECT_TRUE(Submit(user, Job()).ok());
  for (int fd : sockets) close(fd);
}

}  // namespace
}  // namespace hone
