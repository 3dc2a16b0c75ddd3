#include "server/service/gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "hone/v1/records.pb.h"
#include "hone/v1/tuning.pb.h"
#include "hone/v1/worker.pb.h"

namespace hone {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// Every method of every service in the protos.
std::vector<std::string> RpcsOfProtos() {
  std::vector<std::string> names;
  for (const google::protobuf::FileDescriptor* file :
       {v1::JobSpec::descriptor()->file(), v1::Register::descriptor()->file(),
        v1::TuningRecord::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        names.push_back(file->service(s)->name() + "/" + file->service(s)->method(m)->name());
      }
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

class TokenFile {
 public:
  TokenFile() {
    char path[] = "/tmp/hone-tokens.XXXXXX";
    close(mkstemp(path));
    path_ = path;
  }
  ~TokenFile() { std::filesystem::remove(path_); }
  // The Authorization header of a new token.
  std::string Add(const std::string& name, const std::string& roles, absl::Time expires = absl::InfiniteFuture()) {
    absl::StatusOr<NewToken> made = MakeToken(name, "tenant-of-" + name, roles, expires);
    EXPECT_OK(made.status());
    std::ofstream(path_, std::ios::app) << made->line << "\n";
    return "Bearer " + made->token;
  }
  std::string path_;
};

TEST(GateTest, TheTableKnowsEveryRpcOfTheProtosAndNoOther) {
  std::vector<std::string> known = KnownRpcs();
  std::sort(known.begin(), known.end());
  EXPECT_EQ(known, RpcsOfProtos());
}

TEST(GateTest, EveryRoleMayCallExactlyWhatTheTableSays) {
  TokenFile file;
  std::vector<std::pair<Role, std::string>> tokens;
  for (Role role : {Role::kReader, Role::kUser, Role::kOperator, Role::kWorker, Role::kCurator}) {
    tokens.emplace_back(role, file.Add(std::string(RoleName(role)), std::string(RoleName(role))));
  }
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Gate> gate, Gate::FromFile(file.path_));
  for (const std::string& rpc : RpcsOfProtos()) {
    std::set<Role> allowed = *RolesFor(rpc);
    for (const auto& [role, token] : tokens) {
      absl::StatusOr<Identity> identity = gate->Check(rpc, token, kNow);
      bool may = allowed.empty() || allowed.contains(role);
      EXPECT_EQ(identity.status().code(), may ? absl::StatusCode::kOk : absl::StatusCode::kPermissionDenied)
          << rpc << " by " << RoleName(role);
    }
    EXPECT_STATUS(gate->Check(rpc, "", kNow), absl::StatusCode::kUnauthenticated, "token");
    EXPECT_STATUS(gate->Check(rpc, "Bearer wrong", kNow), absl::StatusCode::kUnauthenticated, "not known");
  }
}

TEST(GateTest, AnRpcOutsideTheTableIsDeniedEvenWhenTheGateIsOpen) {
  Gate open;
  EXPECT_STATUS(open.Check("TuningService/New", "", kNow), absl::StatusCode::kPermissionDenied, "nobody");
  EXPECT_OK(open.Check("TuningService/SubmitJob", "", kNow).status());
}

TEST(GateTest, ATokenExpires) {
  TokenFile file;
  std::string token = file.Add("a", "user", kNow);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Gate> gate, Gate::FromFile(file.path_));
  EXPECT_OK(gate->Check("TuningService/SubmitJob", token, kNow - absl::Seconds(1)).status());
  EXPECT_STATUS(gate->Check("TuningService/SubmitJob", token, kNow), absl::StatusCode::kUnauthenticated, "expired");
}

TEST(GateTest, CallsThatAKnownIdentityMayNotMakeAreToldWithinItsRate) {
  TokenFile file;
  const std::string token = file.Add("a", "reader");
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Gate> gate, Gate::FromFile(file.path_));
  ASSERT_OK_AND_ASSIGN(Limits limits, LimitsFromJson(R"({"tenants": {"tenant-of-a": {"calls_per_second": 2}}})"));
  gate->SetLimits(std::move(limits));
  std::vector<std::string> refused;
  gate->SetRefused([&](const Identity& who, std::string_view rpc) { refused.push_back(StrCat(who.name, " ", rpc)); });
  EXPECT_OK(gate->Check("TuningService/GetJob", token, kNow).status());
  EXPECT_STATUS(gate->Check("TuningService/DrainWorker", "Bearer wrong", kNow), absl::StatusCode::kUnauthenticated, "");
  EXPECT_TRUE(refused.empty());
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(gate->Check("TuningService/DrainWorker", token, kNow).ok());
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused[0], "a TuningService/DrainWorker");
  EXPECT_LE(refused.size(), 4);
}

TEST(GateTest, AChangedFileCountsWithoutARestart) {
  TokenFile file;
  file.Add("a", "user");
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Gate> gate, Gate::FromFile(file.path_));
  std::string later = file.Add("b", "user");
  std::filesystem::last_write_time(file.path_, std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_OK(gate->Check("TuningService/SubmitJob", later, kNow).status());
  std::ofstream(file.path_) << "broken\n";  // The last good one stays in force.
  std::filesystem::last_write_time(file.path_, std::filesystem::file_time_type::clock::now() + std::chrono::hours(2));
  EXPECT_OK(gate->Check("TuningService/SubmitJob", later, kNow + absl::Seconds(5)).status());
}

TEST(GateTest, ABadFileIsNamedWithItsLine) {
  TokenFile file;
  file.Add("a", "user");
  std::ofstream(file.path_, std::ios::app) << "nonsense\n";
  EXPECT_STATUS(Gate::FromFile(file.path_).status(), absl::StatusCode::kInvalidArgument, "line 2");
  EXPECT_STATUS(Gate::FromFile("/no/such/file").status(), absl::StatusCode::kNotFound, "/no/such/file");
}

TEST(GateTest, TheFileHoldsNoToken) {
  absl::StatusOr<NewToken> made = MakeToken("a", "", "user,operator", absl::InfiniteFuture());
  ASSERT_OK(made.status());
  EXPECT_EQ(made->line.find(made->token), std::string::npos);
  EXPECT_STATUS(MakeToken("a", "", "king", kNow), absl::StatusCode::kInvalidArgument, "role \"king\"");
  EXPECT_STATUS(MakeToken("a b", "", "user", kNow), absl::StatusCode::kInvalidArgument, "blanks");
}

TEST(GateTest, TheServersOwnWorkerHasATokenOfItsOwn) {
  TokenFile file;
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Gate> gate, Gate::FromFile(file.path_));
  ASSERT_OK_AND_ASSIGN(std::string token, gate->AddWorkerToken());
  EXPECT_OK(gate->Check("WorkerService/Connect", "Bearer " + token, kNow).status());
  EXPECT_STATUS(gate->Check("TuningService/SubmitJob", "Bearer " + token, kNow), absl::StatusCode::kPermissionDenied,
                "no role");
}

}  // namespace
}  // namespace hone
