#include "server/tuning/search_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/measure/timing_lock.h"
#include "common/support/check.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/tuning/search_answer.h"

namespace hone {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxFrameBytes = uint64_t{256} << 20;  // Some thousand candidates are a megabyte.

// A frame is its size in 8 bytes (this machine's order) and JSON text.
bool ReadExactly(int fd, char* data, size_t size) {
  while (size > 0) {
    ssize_t n = read(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

bool ReadFrame(int fd, std::string& frame) {
  uint64_t size = 0;
  if (!ReadExactly(fd, reinterpret_cast<char*>(&size), sizeof(size)) || size > kMaxFrameBytes) return false;
  frame.resize(size);
  return ReadExactly(fd, frame.data(), size);
}

bool WriteFrame(int fd, const std::string& frame) {
  uint64_t size = frame.size();
  std::string all(reinterpret_cast<const char*>(&size), sizeof(size));
  all += frame;
  for (size_t done = 0; done < all.size();) {
    ssize_t n = send(fd, all.data() + done, all.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json WarmStartsToJson(const std::vector<WarmStart>& warm_starts) {
  Json list = Json::array();
  for (const WarmStart& warm : warm_starts) list.push_back({warm.trace_json, warm.median_secs});
  return list;
}

Json SpecToJson(const SearchTaskSpec& spec) {
  return {{"task_name", spec.task_name},
          {"script", spec.workload_script},
          {"target", spec.target_json},
          {"strategy", spec.strategy},
          {"cost_model", spec.cost_model},
          {"space", spec.space},
          {"params", spec.strategy_params_json},
          {"max_trials", spec.max_trials},
          {"per_round", spec.trials_per_round},
          {"seed", spec.seed},
          {"task", spec.task_index},
          {"threads", spec.num_threads},
          {"plugins", spec.plugins},
          {"warm_starts", WarmStartsToJson(spec.warm_starts)}};
}

SearchTaskSpec SpecFromJson(const Json& json) {
  SearchTaskSpec spec;
  spec.task_name = json.at("task_name");
  spec.workload_script = json.at("script");
  spec.target_json = json.at("target");
  spec.strategy = json.at("strategy");
  spec.cost_model = json.at("cost_model");
  spec.space = json.at("space");
  spec.strategy_params_json = json.at("params");
  spec.max_trials = json.at("max_trials");
  spec.trials_per_round = json.at("per_round");
  spec.seed = json.at("seed");
  spec.task_index = json.at("task");
  spec.num_threads = json.at("threads");
  spec.plugins = json.at("plugins").get<std::vector<std::string>>();
  for (const Json& warm : json.at("warm_starts")) spec.warm_starts.push_back({warm.at(0), warm.at(1)});
  return spec;
}

Json ResultsToJson(const std::vector<std::vector<SearchResult>>& results) {
  Json rounds = Json::array();
  for (const auto& round : results) {
    Json& list = rounds.emplace_back(Json::array());
    for (const SearchResult& result : round) {
      if (result.failure) {
        list.push_back({std::string(FailureKindName(result.failure->kind)), result.failure->message});
      } else {
        list.push_back(result.median_secs);
      }
    }
  }
  return rounds;
}

std::vector<std::vector<SearchResult>> ResultsFromJson(const Json& json) {
  std::vector<std::vector<SearchResult>> rounds;
  for (const Json& list : json) {
    auto& round = rounds.emplace_back();
    for (const Json& item : list) {
      SearchResult& result = round.emplace_back();
      if (item.is_array()) {
        FailureKind kind = FailureKindFromName(item.at(0).get<std::string>()).value_or(FailureKind::kRun);
        result.failure = Failure{kind, item.at(1)};
      } else {
        result.median_secs = item;
      }
    }
  }
  return rounds;
}

std::string Answer(DirectSearchRunner& runner, const std::string& request) {
  Json json = Json::parse(request);
  if (json.contains("close")) {
    runner.Close(json["close"]);
    return "{}";
  }
  absl::StatusOr<FoundRound> found = runner.Search(json.at("key"), SpecFromJson(json.at("spec")), json.at("round"),
                                                   ResultsFromJson(json.at("results")));
  return found.ok() ? EncodeFoundRound(*found) : EncodeSearchError(found.status());
}

// Never returns. `busy` is shared with the spare process: true while a request has no answer.
[[noreturn]] void SearchChild(int fd, const OpenSession& open, std::atomic<bool>* busy) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  DirectSearchRunner runner(open);
  std::string request;
  while (ReadFrame(fd, request)) {
    busy->store(true);
    if (!WriteFrame(fd, Answer(runner, request))) break;
    busy->store(false);
  }
  _exit(0);
}

// Never returns: keeps one child, and answers for it when it dies over a request.
[[noreturn]] void Spare(int fd, const OpenSession& open) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGINT, SIG_IGN);
  void* page = mmap(nullptr, sizeof(std::atomic<bool>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) _exit(1);
  auto* busy = new (page) std::atomic<bool>(false);
  while (true) {
    pid_t child = fork();
    if (child < 0) _exit(1);
    if (child == 0) SearchChild(fd, open, busy);
    // The child may have asked to be paused while kernels are timed.
    const int status = TimingLock::WaitForEnd(TimingLock::Host(), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) _exit(0);
    std::string how = WIFSIGNALED(status) ? StrCat("was killed by signal ", WTERMSIG(status))
                                          : StrCat("exited with ", WEXITSTATUS(status));
    if (busy->exchange(false) &&
        !WriteFrame(fd, EncodeSearchError(absl::UnavailableError(StrCat("the search process ", how))))) {
      _exit(0);
    }
  }
}

}  // namespace

SearchProcess::SearchProcess(OpenSession open) {
  int sockets[2];
  HONE_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0) << std::strerror(errno);
  spare_ = fork();
  HONE_CHECK(spare_ >= 0) << std::strerror(errno);
  if (spare_ == 0) {
    close(sockets[0]);
    setpgid(0, 0);
    Spare(sockets[1], open);
  }
  setpgid(spare_, spare_);
  close(sockets[1]);
  socket_ = sockets[0];
}

SearchProcess::~SearchProcess() {
  kill(-spare_, SIGKILL);
  close(socket_);
  waitpid(spare_, nullptr, 0);
}

void SearchProcess::Interrupt() {
  interrupted_ = true;
  shutdown(socket_, SHUT_RDWR);
}

absl::Status SearchProcess::Exchange(const std::string& request, std::string& reply) {
  if (!interrupted_ && WriteFrame(socket_, request) && ReadFrame(socket_, reply)) return absl::OkStatus();
  if (interrupted_) return absl::CancelledError("the search was interrupted");
  return absl::UnavailableError("the search process is gone");
}

absl::StatusOr<FoundRound> SearchProcess::Search(const std::string& key, const SearchTaskSpec& spec, uint32_t round,
                                                 const std::vector<std::vector<SearchResult>>& results) {
  Json request = {{"key", key}, {"spec", SpecToJson(spec)}, {"round", round}, {"results", ResultsToJson(results)}};
  std::string reply;
  HONE_RETURN_IF_ERROR(Exchange(Dump(request), reply));
  return DecodeSearchAnswer(reply);
}

void SearchProcess::Close(const std::string& key) {
  std::string reply;
  (void)Exchange(Dump({{"close", key}}), reply);
}

}  // namespace hone
