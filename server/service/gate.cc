#include "server/service/gate.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "common/support/sha256.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr std::array<std::string_view, 5> kRoleNames = {"reader", "user", "operator", "worker", "curator"};

std::optional<Role> RoleFromName(std::string_view name) {
  for (size_t i = 0; i < kRoleNames.size(); ++i) {
    if (kRoleNames[i] == name) return static_cast<Role>(i);
  }
  return std::nullopt;
}

struct Rule {
  std::string_view rpc;
  std::set<Role> roles;
};

const std::vector<Rule>& Rules() {
  static const auto& rules = *new std::vector<Rule>{
      {"TuningService/SubmitJob", {Role::kUser}},
      {"TuningService/GetJob", {Role::kReader, Role::kUser, Role::kOperator}},
      {"TuningService/ListJobs", {Role::kReader, Role::kUser, Role::kOperator}},
      {"TuningService/WatchJob", {Role::kReader, Role::kUser, Role::kOperator}},
      {"TuningService/PauseJob", {Role::kUser, Role::kOperator}},
      {"TuningService/ResumeJob", {Role::kUser, Role::kOperator}},
      {"TuningService/CancelJob", {Role::kUser, Role::kOperator}},
      {"TuningService/ListWorkers", {Role::kReader, Role::kUser, Role::kOperator}},
      {"TuningService/DrainWorker", {Role::kOperator}},
      {"TuningService/GetServerInfo", {}},
      {"RecordService/Query", {Role::kReader, Role::kUser, Role::kCurator}},
      {"RecordService/GetRecord", {Role::kReader, Role::kUser, Role::kCurator}},
      {"RecordService/ListRecords", {Role::kReader, Role::kUser, Role::kCurator}},
      {"RecordService/GetWorkload", {Role::kReader, Role::kUser, Role::kCurator}},
      {"RecordService/Commit", {Role::kUser}},
      {"RecordService/Import", {Role::kUser}},
      {"RecordService/Export", {Role::kReader, Role::kUser, Role::kCurator}},
      {"RecordService/Stats", {Role::kReader, Role::kUser, Role::kOperator, Role::kCurator}},
      {"RecordService/Promote", {Role::kCurator}},
      {"WorkerService/Connect", {Role::kWorker}},
      {"WorkerService/ReadBlob", {Role::kWorker}},
      {"WorkerService/WriteBlob", {Role::kWorker}},
  };
  return rules;
}

Identity Anonymous() {
  Identity identity;
  identity.name = "anonymous";
  identity.anonymous = true;
  for (size_t i = 0; i < kRoleNames.size(); ++i) identity.roles.insert(static_cast<Role>(i));
  return identity;
}

absl::StatusOr<std::set<Role>> ParseRoles(std::string_view text) {
  std::set<Role> roles;
  for (absl::string_view name : absl::StrSplit(ToAbsl(text), ',', absl::SkipEmpty())) {
    std::optional<Role> role = RoleFromName(ToStd(name));
    if (!role) {
      return absl::InvalidArgumentError(
          StrCat("role \"", ToStd(name), "\", expected reader, user, operator, worker or curator"));
    }
    roles.insert(*role);
  }
  return roles;
}

absl::StatusOr<std::pair<std::string, Identity>> ParseLine(std::string_view line) {
  std::vector<std::string> fields = absl::StrSplit(ToAbsl(line), ' ', absl::SkipEmpty());
  Digest digest;
  if (fields.size() != 5 || !Digest::FromHex(fields[0], digest)) {
    return absl::InvalidArgumentError("expected \"<sha256> <name> <tenant> <roles> <expiry or ->\"");
  }
  Identity identity;
  identity.name = fields[1];
  identity.tenant = fields[2] == "-" ? "" : fields[2];
  HONE_ASSIGN_OR_RETURN(identity.roles, ParseRoles(fields[3]));
  int64_t expiry = 0;
  if (fields[4] != "-" && !absl::SimpleAtoi(fields[4], &expiry)) {
    return absl::InvalidArgumentError(StrCat("expiry \"", fields[4], "\" is not a number"));
  }
  if (fields[4] != "-") identity.expires = absl::FromUnixSeconds(expiry);
  return std::make_pair(digest.Hex(), identity);
}

int64_t ModifiedNs(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return -1;
  return int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

}  // namespace

std::vector<std::string> PoolsFor(const Identity& who) {
  if (who.anonymous) return {};
  std::vector<std::string> pools = who.reads;
  pools.insert(pools.end(), {who.tenant, "shared"});
  return pools;
}

std::string_view RoleName(Role role) { return kRoleNames[static_cast<int>(role)]; }

absl::StatusOr<std::set<Role>> RolesFor(std::string_view rpc) {
  for (const Rule& rule : Rules()) {
    if (rule.rpc == rpc) return rule.roles;
  }
  return absl::NotFoundError(StrCat("no rule for ", rpc));
}

std::vector<std::string> KnownRpcs() {
  std::vector<std::string> names;
  for (const Rule& rule : Rules()) names.emplace_back(rule.rpc);
  return names;
}

absl::StatusOr<std::unique_ptr<Gate>> Gate::FromFile(const std::string& path) {
  auto gate = std::make_unique<Gate>();
  gate->path_ = path;
  absl::MutexLock lock(&gate->mutex_);
  HONE_RETURN_IF_ERROR(gate->Load());
  return gate;
}

namespace {

// By hash. `where` names the text in errors.
absl::StatusOr<std::map<std::string, Identity>> ParseTokens(std::istream& in, const std::string& where) {
  std::map<std::string, Identity> tokens;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    auto parsed = ParseLine(line);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(StrCat(where, " line ", number, ": ", ToStd(parsed.status().message())));
    }
    tokens.insert(*std::move(parsed));
  }
  return tokens;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Gate>> Gate::FromText(std::string_view text) {
  auto gate = std::make_unique<Gate>();
  std::istringstream in{std::string(text)};
  absl::MutexLock lock(&gate->mutex_);
  HONE_ASSIGN_OR_RETURN(gate->by_hash_, ParseTokens(in, "tokens"));
  return gate;
}

absl::Status Gate::Load() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  int64_t modified = ModifiedNs(path_);
  std::ifstream in(path_);
  if (!in) return absl::NotFoundError(StrCat("cannot read the token file ", path_));
  HONE_ASSIGN_OR_RETURN(by_hash_, ParseTokens(in, path_));
  loaded_mtime_ns_ = modified;
  return absl::OkStatus();
}

absl::StatusOr<std::string> Gate::AddWorkerToken() {
  HONE_ASSIGN_OR_RETURN(NewToken made, MakeToken("server-worker", "-", "worker", absl::InfiniteFuture()));
  HONE_ASSIGN_OR_RETURN(auto parsed, ParseLine(made.line));
  absl::MutexLock lock(&mutex_);
  own_.insert(std::move(parsed));
  return made.token;
}

namespace {

absl::StatusOr<std::set<Role>> Wanted(std::string_view rpc) {
  absl::StatusOr<std::set<Role>> wanted = RolesFor(rpc);
  if (!wanted.ok()) return absl::PermissionDeniedError(StrCat(rpc, " is allowed to nobody"));
  return wanted;
}

absl::Status Allowed(const Identity& identity, const std::set<Role>& wanted, std::string_view rpc) {
  bool allowed = wanted.empty();
  for (Role role : wanted) allowed = allowed || identity.roles.contains(role);
  if (allowed) return absl::OkStatus();
  return absl::PermissionDeniedError(StrCat(identity.name, " has no role that allows ", rpc));
}

}  // namespace

absl::StatusOr<Identity> Gate::Known(std::string_view authorization, absl::Time now) {
  constexpr std::string_view kBearer = "Bearer ";
  if (authorization.substr(0, kBearer.size()) != kBearer) {
    return absl::UnauthenticatedError("a token is needed (HONE_TOKEN or --token)");
  }
  std::string hash = Sha256(authorization.substr(kBearer.size())).Hex();
  absl::MutexLock lock(&mutex_);
  if (now - checked_at_ > absl::Seconds(1)) {
    checked_at_ = now;
    // A file that cannot be read or parsed now leaves the last good one in force.
    if (ModifiedNs(path_) != loaded_mtime_ns_) (void)Load();
  }
  auto it = by_hash_.find(hash);
  auto own = own_.find(hash);
  if (it == by_hash_.end() && own == own_.end()) return absl::UnauthenticatedError("the token is not known");
  Identity identity = own != own_.end() ? own->second : it->second;
  identity.reads = limits_.Of(identity.tenant).reads;
  if (identity.expires <= now)
    return absl::UnauthenticatedError(StrCat("the token of ", identity.name, " has expired"));
  return identity;
}

absl::StatusOr<Identity> Gate::Valid(std::string_view rpc, std::string_view authorization, absl::Time now) {
  HONE_ASSIGN_OR_RETURN(const std::set<Role> wanted, Wanted(rpc));
  if (open()) return Anonymous();
  HONE_ASSIGN_OR_RETURN(Identity identity, Known(authorization, now));
  HONE_RETURN_IF_ERROR(Allowed(identity, wanted, rpc));
  return identity;
}

absl::StatusOr<Identity> Gate::Check(std::string_view rpc, std::string_view authorization, absl::Time now) {
  HONE_ASSIGN_OR_RETURN(const std::set<Role> wanted, Wanted(rpc));
  if (open()) return Anonymous();
  HONE_ASSIGN_OR_RETURN(Identity identity, Known(authorization, now));
  if (absl::Status allowed = Allowed(identity, wanted, rpc); !allowed.ok()) {
    HONE_RETURN_IF_ERROR(CountCall(identity, now));
    if (refused_ != nullptr) refused_(identity, rpc);
    return allowed;
  }
  if (rpc.substr(0, 14) != "WorkerService/") HONE_RETURN_IF_ERROR(CountCall(identity, now));
  return identity;
}

absl::Status Gate::CountCall(const Identity& identity, absl::Time now) {
  return rates_.Take(identity.tenant, limits_.Of(identity.tenant).calls_per_second, now);
}

absl::StatusOr<NewToken> MakeToken(std::string_view name, std::string_view tenant, std::string_view roles,
                                   absl::Time expires) {
  HONE_ASSIGN_OR_RETURN(std::set<Role> parsed, ParseRoles(roles));
  if (parsed.empty()) return absl::InvalidArgumentError("a token needs a role");
  if (name.empty() || name.find(' ') != std::string_view::npos || tenant.find(' ') != std::string_view::npos) {
    return absl::InvalidArgumentError("name and tenant are words without blanks");
  }
  unsigned char bytes[32];
  if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) return absl::InternalError("no random numbers");
  std::string raw(reinterpret_cast<const char*>(bytes), sizeof(bytes));
  NewToken made;
  made.token = absl::WebSafeBase64Escape(raw);
  std::string expiry = expires == absl::InfiniteFuture() ? "-" : StrCat(absl::ToUnixSeconds(expires));
  made.line = StrCat(Sha256(made.token).Hex(), " ", name, " ", tenant.empty() ? "-" : tenant, " ", roles, " ", expiry);
  return made;
}

}  // namespace hone
