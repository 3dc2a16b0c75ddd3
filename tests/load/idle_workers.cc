// Many idle workers with heartbeats, each on a TCP connection of its own with mutual TLS, against a hone-server
// process: its memory, and how long until all are back after it was killed and started again.
//   usage: idle_workers [--workers 10000] [--seconds 20] [--json FILE]
// Server and generator share this machine. Needs openssl, and two file descriptors a worker in all.
#include <grpcpp/grpcpp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/support/check.h"
#include "common/support/strings.h"
#include "tests/chaos/processes.h"
#include "tests/load/load_worker.h"

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
  std::string Text(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(Path(name)).rdbuf();
    return text.str();
  }

 private:
  void Sh(const std::string& command) {
    HONE_CHECK(std::system(("cd " + folder_ + " && (" + command + ") >/dev/null 2>&1").c_str()) == 0) << command;
  }
  std::string folder_;
};

// One worker: its channel, its stream, and when it is due for a heartbeat or a new stream.
struct IdleWorker {
  std::unique_ptr<v1::WorkerService::Stub> stub;
  std::unique_ptr<LoadStream> stream;
  std::string name;
  std::atomic<bool> registered{false};
  SteadyClock::time_point due;
};

class Fleet {
 public:
  Fleet(int size, const std::string& address, const Certificates& certificates) : workers_(size) {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = certificates.Text("ca.pem");
    ssl.pem_cert_chain = certificates.Text("worker.pem");
    ssl.pem_private_key = certificates.Text("worker.key");
    auto credentials = grpc::SslCredentials(ssl);
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 500);
    args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20'000);  // Time for the handshake, not between attempts.
    args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
    for (int i = 0; i < size; ++i) {
      workers_[i].name = StrCat("idle", i);
      workers_[i].stub = v1::WorkerService::NewStub(grpc::CreateCustomChannel(address, credentials, args));
    }
    heart_ = std::thread([this] { Beat(); });
  }
  ~Fleet() {
    stopping_ = true;
    heart_.join();
    for (IdleWorker& worker : workers_) {
      if (worker.stream) worker.stream->Cancel();
    }
    for (IdleWorker& worker : workers_) {
      if (worker.stream) worker.stream->Stop();
    }
  }

  int registered() const { return registered_; }
  int64_t heartbeats() const { return heartbeats_; }
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
  // Opens streams, sends heartbeats, opens streams again that have ended; 50 times a second over the whole fleet.
  void Beat() {
    while (!stopping_) {
      auto now = SteadyClock::now();
      for (IdleWorker& worker : workers_) {
        if (now >= worker.due) Attend(worker, now);
        if (stopping_) return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  void Attend(IdleWorker& worker, SteadyClock::time_point now) {
    if (worker.stream && worker.stream->done()) worker.stream = nullptr;
    if (!worker.stream) {
      worker.due = now + std::chrono::milliseconds(500);
      worker.stream = std::make_unique<LoadStream>(
          *worker.stub, Hello(worker.name, v1::ROLE_RUN, 1),
          [this, &worker](LoadStream&, const v1::ServerMessage& message) {
            if (message.has_registered() && !worker.registered.exchange(true)) ++registered_;
          },
          [this, &worker] {
            if (worker.registered.exchange(false)) --registered_;
          });
      return;
    }
    if (!worker.registered) {
      worker.due = now + std::chrono::milliseconds(200);
      return;
    }
    worker.due = now + std::chrono::seconds(5);
    v1::WorkerMessage message;
    message.mutable_heartbeat();
    worker.stream->Send(std::move(message));
    ++heartbeats_;
  }

  std::vector<IdleWorker> workers_;
  std::atomic<int> registered_{0};
  std::atomic<int64_t> heartbeats_{0};
  std::atomic<bool> stopping_{false};
  std::thread heart_;
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
  std::string json, port = "50971";
  CLI::App app("idle workers with mutual TLS");
  app.add_option("--workers", count);
  app.add_option("--seconds", seconds, "How long they stay before the restart");
  app.add_option("--port", port);
  app.add_option("--json", json);
  CLI11_PARSE(app, argc, argv);
  RaiseFileLimit();
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Certificates certificates;
  std::string address = "127.0.0.1:" + port;
  Process server(BuiltBinary("server/hone-server"),
                 {"--listen", address, "--database", "memory:", "--no-search-worker", "--tls-cert",
                  certificates.Path("server.pem"), "--tls-key", certificates.Path("server.key"), "--tls-client-ca",
                  certificates.Path("ca.pem")},
                 certificates.Path("server.log"));
  Fleet fleet(count, address, certificates);
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
  double back = fleet.UntilAll(300) < 0 ? -1 : SecondsSince(started);
  double server_cpu = CpuSecs(server.pid()), own_cpu = CpuSecs(getpid()) - cpu_before;
  double peak_after = StatusMb(server.pid(), "VmHWM:");
  std::printf("%d idle workers, each a TCP connection with mutual TLS\n", count);
  std::printf("  all connected after %.1f s, %s for %.0f s with %ld heartbeats\n", connected,
              held ? "all held" : "SOME WERE LOST", seconds, static_cast<long>(heartbeats));
  std::printf("  server's memory %.0f MB (peak %.0f MB, after the restart %.0f MB)\n", rss, peak, peak_after);
  std::printf("  all back %.1f s after the restart of a killed server (CPU seconds: server %.1f, generator %.1f)\n",
              back, server_cpu, own_cpu);
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
