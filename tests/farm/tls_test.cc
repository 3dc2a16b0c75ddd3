// TLS, mutual TLS and tokens over real connections.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/support/status_matchers.h"
#include "hone/v1/tuning.grpc.pb.h"
#include "server/database/memory_database.h"
#include "server/service/gate.h"
#include "server/service/server.h"
#include "server/store/memory_store.h"
#include "worker/agent/credentials.h"

namespace hone {
namespace {

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    char folder[] = "/tmp/hone-tls.XXXXXX";
    folder_ = mkdtemp(folder);
    Sh("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem");
    for (const char* name : {"server", "client"}) {
      std::string n = name;
      Sh("openssl req -newkey rsa:2048 -nodes -subj /CN=" + n + " -keyout " + n + ".key -out " + n + ".csr");
      Sh("echo subjectAltName=DNS:localhost,IP:127.0.0.1 >ext; openssl x509 -req -in " + n +
         ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out " + n + ".pem");
    }
    std::ofstream(Path("tokens")) << "";
  }
  ~TlsTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) { return folder_ + "/" + name; }
  std::string Read(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(Path(name)).rdbuf();
    return text.str();
  }
  void Sh(const std::string& command) {
    ASSERT_EQ(std::system(("cd " + folder_ + " && (" + command + ") >/dev/null 2>&1").c_str()), 0) << command;
  }

  std::unique_ptr<Server> Start(bool client_certificates) {
    ServerOptions options;
    options.listen = "0.0.0.0:0";
    options.tls_cert = Path("server.pem");
    options.tls_key = Path("server.key");
    options.token_file = Path("tokens");
    if (client_certificates) options.tls_client_ca = Path("ca.pem");
    auto store = std::make_unique<MemoryStore>("memory", std::make_unique<MemoryDatabase>());
    auto server = Server::Start(std::move(store), options, [](absl::Status) {});
    EXPECT_OK(server.status());
    return *std::move(server);
  }

  // The code of ListWorkers with these credentials.
  grpc::StatusCode Call(const Server& server, std::shared_ptr<grpc::ChannelCredentials> credentials,
                        const std::string& token) {
    std::string port = server.address().substr(server.address().rfind(':'));
    auto channel = grpc::CreateChannel("127.0.0.1" + port, credentials);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    v1::ListWorkersResponse response;
    return v1::TuningService::NewStub(channel)->ListWorkers(&context, {}, &response).error_code();
  }
  std::shared_ptr<grpc::ChannelCredentials> Tls(bool with_certificate) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Read("ca.pem");
    if (with_certificate) {
      options.pem_cert_chain = Read("client.pem");
      options.pem_private_key = Read("client.key");
    }
    return grpc::SslCredentials(options);
  }
  std::string Token(const std::string& roles) {
    absl::StatusOr<NewToken> made = MakeToken("t", "", roles, absl::InfiniteFuture());
    EXPECT_OK(made.status());
    std::ofstream(Path("tokens"), std::ios::app) << made->line << "\n";
    return made->token;
  }

  std::string folder_;
};

TEST_F(TlsTest, OnlyAKnownTokenOverTlsGetsAnAnswer) {
  std::string reader = Token("reader"), worker = Token("worker");
  auto server = Start(/*client_certificates=*/false);
  EXPECT_EQ(Call(*server, Tls(false), reader), grpc::StatusCode::OK);
  EXPECT_EQ(Call(*server, Tls(false), worker), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Call(*server, Tls(false), ""), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Call(*server, grpc::InsecureChannelCredentials(), reader), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, MutualTlsNeedsTheClientsCertificate) {
  std::string reader = Token("reader");
  auto server = Start(/*client_certificates=*/true);
  EXPECT_EQ(Call(*server, Tls(true), reader), grpc::StatusCode::OK);
  EXPECT_EQ(Call(*server, Tls(false), reader), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, AWorkerWithACertificateSendsItsTokenOverTlsOnly) {
  std::string reader = Token("reader");
  auto server = Start(/*client_certificates=*/true);
  auto credentials_of = [](const TlsFiles& files) {
    absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = CredentialsOf(files);
    EXPECT_OK(credentials.status());
    return *credentials;
  };
  const std::string ca = Path("ca.pem"), cert = Path("client.pem"), key = Path("client.key");
  EXPECT_EQ(Call(*server, credentials_of({ca, cert, key}), reader), grpc::StatusCode::OK);
  EXPECT_EQ(Call(*server, credentials_of({ca, "", ""}), reader), grpc::StatusCode::UNAVAILABLE);
  // Without an authority the server's certificate counts for nothing here, and a server of plain text for less.
  EXPECT_EQ(Call(*server, credentials_of({"", cert, key}), reader), grpc::StatusCode::UNAVAILABLE);
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  auto plain = Server::Start(std::make_unique<MemoryStore>("memory", std::make_unique<MemoryDatabase>()), options,
                             [](absl::Status) {});
  ASSERT_OK(plain.status());
  EXPECT_EQ(Call(**plain, credentials_of({"", "", ""}), reader), grpc::StatusCode::OK);
  EXPECT_EQ(Call(**plain, credentials_of({"", cert, key}), reader), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, ACertificateAndItsKeyBelongTogether) {
  EXPECT_STATUS(CredentialsOf({Path("ca.pem"), Path("client.pem"), ""}), absl::StatusCode::kInvalidArgument,
                "without --tls-key");
  EXPECT_STATUS(CredentialsOf({"", "", Path("client.key")}), absl::StatusCode::kInvalidArgument, "without --tls-cert");
  EXPECT_STATUS(CredentialsOf({Path("none.pem"), "", ""}), absl::StatusCode::kNotFound, "none.pem");
}

TEST_F(TlsTest, ATenantSeesItsOwnJobsOnly) {
  auto token_of = [&](const std::string& tenant, const std::string& roles) {
    absl::StatusOr<NewToken> made = MakeToken("t", tenant, roles, absl::InfiniteFuture());
    EXPECT_OK(made.status());
    std::ofstream(Path("tokens"), std::ios::app) << made->line << "\n";
    return made->token;
  };
  std::string mine = token_of("a", "user"), other = token_of("b", "user"), overseer = token_of("ops", "operator");
  auto server = Start(/*client_certificates=*/false);
  std::string port = server->address().substr(server->address().rfind(':'));
  auto stub = v1::TuningService::NewStub(grpc::CreateChannel("127.0.0.1" + port, Tls(false)));
  v1::SubmitJobRequest submit;
  submit.mutable_spec()->set_max_trials(8);
  submit.mutable_spec()->set_target_json(R"({"kind":"llvm"})");
  submit.mutable_spec()->add_tasks()->mutable_workload()->set_script("w");
  v1::SubmitJobResponse job;
  {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + mine);
    ASSERT_TRUE(stub->SubmitJob(&context, submit, &job).ok());
  }
  auto get = [&](const std::string& token) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + token);
    v1::GetJobRequest request;
    request.set_job_id(job.job_id());
    v1::JobReport report;
    return stub->GetJob(&context, request, &report).error_code();
  };
  auto cancel = [&](const std::string& token) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + token);
    v1::JobControlRequest request;
    request.set_job_id(job.job_id());
    v1::JobReport report;
    return stub->CancelJob(&context, request, &report).error_code();
  };
  EXPECT_EQ(get(mine), grpc::StatusCode::OK);
  EXPECT_EQ(get(other), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(get(overseer), grpc::StatusCode::OK);
  EXPECT_EQ(cancel(other), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(cancel(mine), grpc::StatusCode::OK);
}

}  // namespace
}  // namespace hone
