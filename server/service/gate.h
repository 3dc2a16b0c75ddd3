// Who may call what. Every RPC goes through Check before anything else; an RPC that the table does not know is denied.
// Without a token file the gate is open: everybody is "anonymous" with every role (loopback and unix sockets only).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/service/limits.h"

namespace hone {

// What an identity may do; each contains no other.
enum class Role { kReader, kUser, kOperator, kWorker, kCurator };
std::string_view RoleName(Role role);  // "reader", "user", "operator", "worker", "curator".

struct Identity {
  std::string name;  // For the audit log.
  std::string tenant;
  std::set<Role> roles;
  absl::Time expires = absl::InfiniteFuture();
  bool anonymous = false;
  std::vector<std::string> reads = {};  // Pools of others that were granted to the tenant.
};

// Pools whose records the identity may read; empty = all.
std::vector<std::string> PoolsFor(const Identity& who);

// The roles of which one is needed for an RPC ("TuningService/SubmitJob"); empty set: anybody with a valid identity.
// NotFound for an unknown RPC.
absl::StatusOr<std::set<Role>> RolesFor(std::string_view rpc);
// All RPCs of the table; a test compares them with the protos.
std::vector<std::string> KnownRpcs();

// Thread-safe.
class Gate {
 public:
  // Open: nobody needs a token.
  Gate() = default;
  // A file of token hashes, one a line: "<sha256 hex> <name> <tenant> <role,role> <expiry unix secs or ->". Read again
  // when it changes. NotFound, or InvalidArgument with the line.
  static absl::StatusOr<std::unique_ptr<Gate>> FromFile(const std::string& path);

  // The same from the file's text, never read again.
  static absl::StatusOr<std::unique_ptr<Gate>> FromText(std::string_view text);

  bool open() const { return path_.empty(); }
  // A token with the role worker, valid as long as this object.
  absl::StatusOr<std::string> AddWorkerToken();
  // The identity behind `authorization` ("Bearer TOKEN"), when it may call `rpc`. Unauthenticated, PermissionDenied.
  absl::StatusOr<Identity> Valid(std::string_view rpc, std::string_view authorization, absl::Time now);
  // The same for a new call, which counts against its tenant's rate: also ResourceExhausted.
  absl::StatusOr<Identity> Check(std::string_view rpc, std::string_view authorization, absl::Time now);

  // Told of calls that a known identity may not make, no more than its tenant's rate allows. Before the first Check.
  using Refused = std::function<void(const Identity& who, std::string_view rpc)>;
  void SetRefused(Refused refused) { refused_ = std::move(refused); }
  // Before the first Check.
  void SetLimits(Limits limits) { limits_ = std::move(limits); }
  const Limits& limits() const { return limits_; }
  StreamCounter& streams() { return streams_; }

 private:
  absl::Status Load();
  // The identity behind a token, whatever it may do. Unauthenticated.
  absl::StatusOr<Identity> Known(std::string_view authorization, absl::Time now);
  absl::Status CountCall(const Identity& identity, absl::Time now);

  std::string path_;
  Refused refused_;
  Limits limits_;
  RateLimiter rates_;
  StreamCounter streams_;
  absl::Mutex mutex_;
  std::map<std::string, Identity> by_hash_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Identity> own_ ABSL_GUARDED_BY(mutex_);  // Not from the file.
  int64_t loaded_mtime_ns_ ABSL_GUARDED_BY(mutex_) = -1;
  absl::Time checked_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

// A fresh random token (URL-safe, 256 bits) and its line for the file.
struct NewToken {
  std::string token;
  std::string line;
};
absl::StatusOr<NewToken> MakeToken(std::string_view name, std::string_view tenant, std::string_view roles,
                                   absl::Time expires);

}  // namespace hone
