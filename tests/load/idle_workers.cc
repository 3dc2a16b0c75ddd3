// Many idle workers with heartbeats, each on a TCP connection of its own with mutual TLS, against a hone-server
// process: its memory, and how long until all are back after it was killed and started again.
//   usage: idle_workers [--workers 10000] [--seconds 20] [--json FILE]
// Server and generator share this machine. Needs openssl, and a file descriptor a worker on both sides.
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/support/check.h"
#include "common/support/strings.h"
#include "tests/chaos/processes.h"
#include "tests/load/load_worker.h"
#include "tests/load/tls_worker.h"

namespace hone::load {
namespace {

using SteadyClock = std::chrono::steady_clock;
using testing::BuiltBinary;
using testing::Process;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

void RaiseFileLimit() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Certificates of one authority, in a folder that goes with the object.
class Certificates {
 public:
  Certificates() {
    char folder[] = "/tmp/hone-idle.XXXXXX";
    folder_ = mkdtemp(folder);
    Sh("openssl ecparam -genkey -name prime256v1 -out ca.key && openssl req -x509 -new -key ca.key -days 2 -subj "
       "/CN=ca "
       "-out ca.pem");
    for (std::string name : {"server", "worker"}) {
      Sh("openssl ecparam -genkey -name prime256v1 -out " + name + ".key && openssl req -new -key " + name +
         ".key -subj /CN=" + name + " -out " + name +
         ".csr && echo subjectAltName=DNS:localhost,IP:127.0.0.1 >ext && " + "openssl x509 -req -in " + name +
         ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out " + name + ".pem");
    }
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  void Sh(const std::string& command) {
    HONE_CHECK(std::system(("cd " + folder_ + " && (" + command + ") >/dev/null 2>&1").c_str()) == 0) << command;
  }
  std::string folder_;
};

// What all connections share; the session is a fresh one each time, as after a restart.
class ClientContext {
 public:
  explicit ClientContext(const Certificates& certificates) : context_(SSL_CTX_new(TLS_client_method())) {
    HONE_CHECK(SSL_CTX_load_verify_locations(context_, certificates.Path("ca.pem").c_str(), nullptr) == 1);
    HONE_CHECK(SSL_CTX_use_certificate_chain_file(context_, certificates.Path("worker.pem").c_str()) == 1);
    HONE_CHECK(SSL_CTX_use_PrivateKey_file(context_, certificates.Path("worker.key").c_str(), SSL_FILETYPE_PEM) == 1);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
    constexpr unsigned char kProtocols[] = "\x02h2";
    SSL_CTX_set_alpn_protos(context_, kProtocols, 3);
  }
  ~ClientContext() { SSL_CTX_free(context_); }
  ClientContext(const ClientContext&) = delete;
  SSL_CTX* get() const { return context_; }

 private:
  SSL_CTX* const context_;
};

// One worker, and when it is due for a heartbeat or, closed, for a connection.
struct IdleWorker {
  std::unique_ptr<TlsWorker> link;
  SteadyClock::time_point due;
  std::chrono::milliseconds backoff{0};
};

// All workers on one thread of their own. They come back as hone-worker does: after half to all of a time that doubles
// from 100 ms to 5 s.
class Fleet {
 public:
  Fleet(int size, int port, const Certificates& certificates)
      : context_(certificates), workers_(size), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (int i = 0; i < size; ++i) {
      std::string hello = Hello(StrCat("idle", i), v1::ROLE_RUN, 1).SerializeAsString();
      workers_[i].link = std::make_unique<TlsWorker>(context_.get(), port, std::move(hello));
    }
    thread_ = std::thread([this] {
      while (!stopping_) Turn();
    });
  }
  ~Fleet() {
    stopping_ = true;
    thread_.join();
    close(epoll_);
  }

  int registered() const { return registered_; }
  int64_t heartbeats() const { return heartbeats_; }
  int64_t attempts() const { return attempts_; }
  // Seconds until all are registered; negative when that takes longer than `limit_secs`.
  double UntilAll(double limit_secs) {
    auto start = SteadyClock::now();
    while (registered_ < static_cast<int>(workers_.size())) {
      if (SecondsSince(start) > limit_secs) return -1;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return SecondsSince(start);
  }

 private:
  void Turn() {
    epoll_event events[256];
    int count = epoll_wait(epoll_, events, 256, 10);
    for (int i = 0; i < count; ++i) {
      IdleWorker& worker = workers_[events[i].data.u64];
      bool was = worker.link->state() == TlsWorker::State::kRegistered;
      worker.link->Proceed(epoll_, events[i].data.u64);
      Note(worker, was);
    }
    auto now = SteadyClock::now();
    if (now < next_round_) return;
    next_round_ = now + std::chrono::milliseconds(20);
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (now >= workers_[i].due) Attend(i, now);
    }
  }

  void Note(IdleWorker& worker, bool was) {
    bool is = worker.link->state() == TlsWorker::State::kRegistered;
    registered_ += is - was;
    if (is && !was) {
      worker.backoff = std::chrono::milliseconds(0);
      worker.due = SteadyClock::now() + std::chrono::milliseconds(random_() % 5000);
    }
    if (worker.link->state() == TlsWorker::State::kClosed) {
      worker.backoff = std::clamp(worker.backoff * 2, std::chrono::milliseconds(100), std::chrono::milliseconds(5000));
      worker.due =
          SteadyClock::now() + worker.backoff / 2 + std::chrono::milliseconds(random_() % (worker.backoff.count() / 2));
    }
  }

  void Attend(size_t index, SteadyClock::time_point now) {
    IdleWorker& worker = workers_[index];
    worker.due = now + std::chrono::seconds(5);
    switch (worker.link->state()) {
      case TlsWorker::State::kClosed:
        ++attempts_;
        worker.due = now + std::chrono::seconds(60);
        worker.link->Connect(epoll_, index);
        return Note(worker, false);
      case TlsWorker::State::kRegistered:
        ++heartbeats_;
        worker.link->Heartbeat();
        return Note(worker, true);
      default:  // A handshake of a minute is none.
        worker.link->Close();
        return Note(worker, false);
    }
  }

  const ClientContext context_;
  std::vector<IdleWorker> workers_;
  const int epoll_;
  std::atomic<int> registered_{0};
  std::atomic<int64_t> heartbeats_{0}, attempts_{0};
  std::atomic<bool> stopping_{false};
  SteadyClock::time_point next_round_;  // This and below: of the thread.
  std::minstd_rand random_{1};
  std::thread thread_;
};

// A field of /proc/PID/status, in MB.
double StatusMb(pid_t pid, const std::string& field) {
  std::ifstream in(StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(in, line)) {
    if (line.compare(0, field.size(), field) == 0) return std::atof(line.c_str() + field.size() + 1) / 1024;
  }
  return 0;
}

// CPU seconds of a process so far.
double CpuSecs(pid_t pid) {
  std::ifstream in(StrCat("/proc/", pid, "/stat"));
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skip;
  for (int i = 0; i < 11; ++i) fields >> skip;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

int Main(int argc, char** argv) {
  int count = 10'000;
  double seconds = 20;
  std::string json;
  int port = 50971;
  CLI::App app("idle workers with mutual TLS");
  app.add_option("--workers", count);
  app.add_option("--seconds", seconds, "How long they stay before the restart");
  app.add_option("--port", port);
  app.add_option("--json", json);
  CLI11_PARSE(app, argc, argv);
  RaiseFileLimit();
  signal(SIGPIPE, SIG_IGN);  // Of connections to the server that was killed.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Certificates certificates;
  std::string address = StrCat("127.0.0.1:", port);
  Process server(BuiltBinary("server/hone-server"),
                 {"--listen", address, "--database", "memory:", "--no-search-worker", "--tls-cert",
                  certificates.Path("server.pem"), "--tls-key", certificates.Path("server.key"), "--tls-client-ca",
                  certificates.Path("ca.pem")},
                 certificates.Path("server.log"));
  Fleet fleet(count, port, certificates);
  double connected = fleet.UntilAll(300);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  bool held = fleet.registered() == count;
  double rss = StatusMb(server.pid(), "VmRSS:"), peak = StatusMb(server.pid(), "VmHWM:");
  int64_t heartbeats = fleet.heartbeats();
  server.Kill();
  auto killed = SteadyClock::now();
  while (fleet.registered() > 0 && SecondsSince(killed) < 60) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  server.Start();
  auto started = SteadyClock::now();
  double cpu_before = CpuSecs(getpid());
  int64_t attempts_before = fleet.attempts();
  double back = fleet.UntilAll(300) < 0 ? -1 : SecondsSince(started);
  int64_t attempts = fleet.attempts() - attempts_before;
  double server_cpu = CpuSecs(server.pid()), own_cpu = CpuSecs(getpid()) - cpu_before;
  double peak_after = StatusMb(server.pid(), "VmHWM:");
  std::printf("%d idle workers, each a TCP connection with mutual TLS\n", count);
  std::printf("  all connected after %.1f s, %s for %.0f s with %ld heartbeats\n", connected,
              held ? "all held" : "SOME WERE LOST", seconds, static_cast<long>(heartbeats));
  std::printf("  server's memory %.0f MB (peak %.0f MB, after the restart %.0f MB)\n", rss, peak, peak_after);
  std::printf(
      "  all back %.1f s after the restart of a killed server (%ld attempts; CPU seconds: server %.1f, generator "
      "%.1f)\n",
      back, static_cast<long>(attempts), server_cpu, own_cpu);
  if (!json.empty()) {
    std::ofstream(json) << "{\"workers\":" << count << ",\"connect_secs\":" << connected << ",\"rss_mb\":" << rss
                        << ",\"peak_mb\":" << std::max(peak, peak_after) << ",\"back_secs\":" << back
                        << ",\"server_cpu_secs\":" << server_cpu << ",\"generator_cpu_secs\":" << own_cpu << "}\n";
  }
  return connected >= 0 && held && back >= 0 ? 0 : 1;
}

}  // namespace
}  // namespace hone::load

int main(int argc, char** argv) { return hone::load::Main(argc, argv); }
