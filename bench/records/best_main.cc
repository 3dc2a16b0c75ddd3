// How long the best-k look-up takes with many records, through gRPC and PostgreSQL, and what storing them takes:
// server, clients and a PostgreSQL of its own share this machine.
//   usage: best [--records 100000] [--folder DIR] [--clients 16] [--seconds 10] [--top-k 1,10] [--rate 1000]
//               [--shared-buffers 2GB] [--load-only] [--direct]
// Prints the time to load (the server's own path: batches by COPY, each committed), that of the VACUUM that PostgreSQL
// does sooner or later after a load (and would do while look-ups are timed), bytes on disk, and the look-ups' p50, p99,
// rate and cost in CPU: cold (PostgreSQL started again, its files dropped from the page cache), warm with clients that
// ask as fast as they can, and warm with clients that together ask --rate times a second. With --folder the records
// stay there for the next run.
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "bench/records/generate.h"
#include "common/support/check.h"
#include "common/support/log.h"
#include "common/support/random.h"
#include "common/support/strings.h"
#include "hone/v1/records.grpc.pb.h"
#include "server/database/postgres_database.h"
#include "server/database/postgres_migrations.h"
#include "server/database/testing/private_cluster.h"
#include "server/service/server.h"
#include "server/store/postgres_store.h"

namespace hone::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

// As docs/operations.md advises for a database of this size on a small machine.
constexpr char kSettings[] = "-c max_wal_size=4GB -c checkpoint_timeout=30min -c wal_compression=on -c jit=off";
constexpr int kBatch = 5'000;

double SecsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// Two threads: one makes and packs a batch while PostgreSQL takes in the other's. False: they were there already.
bool LoadRecords(const std::string& url, const Shape& shape) {
  PostgresDatabase database(url, ModuleEquality::kStructural);
  for (int i = 0; i < shape.workloads; ++i) HONE_CHECK_OK(database.CommitWorkload(WorkloadAt(i)).status());
  const int64_t there = *database.Size();
  if (there >= shape.records) return false;
  // A load that was cut short left whole batches; those in flight are passed over when they were stored.
  std::atomic<int64_t> next{std::max<int64_t>(0, there / kBatch - 4) * kBatch}, done{there};
  const auto start = SteadyClock::now();
  auto work = [&] {
    for (int64_t from; (from = next.fetch_add(kBatch)) < shape.records;) {
      std::vector<TuningRecord> records;
      for (int64_t i = from; i < std::min(from + kBatch, shape.records); ++i) records.push_back(RecordAt(shape, i));
      absl::StatusOr<int64_t> added = database.CommitRecords(records);
      HONE_CHECK_OK(added.status());
      const int64_t now = done += *added;
      if (now % 500'000 < kBatch)
        std::fprintf(stderr, "%ld records, %.0f s\n", static_cast<long>(now), SecsSince(start));
    }
  };
  std::thread other(work);
  work();
  other.join();
  const double secs = SecsSince(start);
  std::printf("loaded %ld records in %.1f s: %.0f a second\n", static_cast<long>(shape.records - there), secs,
              static_cast<double>(shape.records - there) / secs);
  return true;
}

// One thread without gRPC: what of a look-up is PostgreSQL's and the database's.
void AskDirectly(const std::string& url, const Shape& shape, int top_k, int calls) {
  PostgresDatabase database(url, ModuleEquality::kStructural);
  CounterRandom random({4000});
  std::vector<Digest> keys;
  for (int i = 0; i < shape.workloads; ++i) keys.push_back(WorkloadAt(i).keys[0]);
  std::vector<double> secs;
  for (int i = 0; i < 2 * calls; ++i) {  // The first half warms up.
    const auto record = static_cast<int64_t>(random.Below(shape.records));
    RecordQuery query;
    query.key = keys[WorkloadOf(shape, record)];
    query.device_class = DeviceAt(DeviceOf(shape, record)).device_class;
    query.limit = top_k;
    const auto start = SteadyClock::now();
    HONE_CHECK_OK(database.Best(query).status());
    if (i >= calls) secs.push_back(SecsSince(start));
  }
  std::sort(secs.begin(), secs.end());
  std::printf("direct, one thread: best %d: p50 %.3f ms, p99 %.3f ms\n", top_k, secs[calls / 2] * 1e3,
              secs[calls * 99 / 100] * 1e3);
}

int64_t BytesUnder(const std::string& folder) {
  int64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
  }
  return bytes;
}

void DropFromPageCache(const std::string& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const int fd = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    fdatasync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
  }
}

struct Times {
  std::vector<double> secs;
  int64_t empty = 0;
};

// What requests are made of.
struct Asked {
  explicit Asked(const Shape& shape) {
    for (int i = 0; i < shape.workloads; ++i) keys.push_back(WorkloadAt(i).keys[0].Raw());
    for (int i = 0; i < shape.devices; ++i) classes.push_back(DeviceAt(i).device_class);
  }
  std::vector<std::string> keys, classes;
};

// One client: a connection of its own, one question at a time.
class Client {
 public:
  Client(const std::string& address, const Shape& shape, const Asked& asked, int top_k, uint64_t seed)
      : shape_(shape), asked_(asked), random_({seed}), top_k_(top_k) {
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = v1::RecordService::NewStub(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), args));
  }

  // Asks for the best of a random workload and device; the queue gives this client back when the answer is there.
  void Start(grpc::CompletionQueue& queue) {
    const auto record = static_cast<int64_t>(random_.Below(shape_.records));
    v1::QueryRequest request;
    request.set_key(asked_.keys[WorkloadOf(shape_, record)]);
    request.set_device_class(asked_.classes[DeviceOf(shape_, record)]);
    request.set_metric(v1::METRIC_SECONDS);
    request.set_top_k(top_k_);
    request.set_without_scripts(true);
    context_.emplace();
    start_ = SteadyClock::now();
    call_ = stub_->AsyncQuery(&*context_, request, &queue);
    call_->Finish(&response_, &status_, this);
  }
  double Secs() const { return SecsSince(start_); }
  // Turns are counted from the first, not from when this one asked: clients that were late at once would go on asking
  // at once. Those that were missed are left out.
  void SetDue(SteadyClock::time_point due) { due_ = due; }
  SteadyClock::time_point due() const { return due_; }
  SteadyClock::time_point NextDue(SteadyClock::duration pause) {
    const auto now = SteadyClock::now();
    if (pause.count() == 0) return due_ = now;
    do due_ += pause;
    while (due_ < now);
    return due_;
  }
  void Take(double secs, Times& times) {
    times.secs.push_back(secs);
    HONE_CHECK(status_.ok()) << status_.error_message();
    times.empty += response_.matches().empty();
    response_.Clear();
  }

 private:
  const Shape& shape_;
  const Asked& asked_;
  CounterRandom random_;
  const int top_k_;
  std::unique_ptr<v1::RecordService::Stub> stub_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::QueryResponse>> call_;
  v1::QueryResponse response_;
  grpc::Status status_;
  SteadyClock::time_point start_, due_;
};

struct Pace {
  int clients = 16;
  double calls_per_second = 0;  // Of all together; 0: each asks again as soon as it has its answer.
};

SteadyClock::duration Of(double secs) {
  return std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(secs));
}

// All clients in one thread, until the end or for `calls` each: sixteen threads would mostly measure the scheduler of
// the machine that they share with the server. What an answer waits for this thread counts.
Times Ask(const std::string& address, const Shape& shape, const Asked& asked, const Pace& pace, int top_k,
          uint64_t seed, SteadyClock::time_point end, int64_t calls) {
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Client>> clients;
  using Due = std::pair<SteadyClock::time_point, Client*>;
  std::vector<Due> due;  // Who asks next, and when: a heap.
  const auto later = [](const Due& a, const Due& b) { return a.first > b.first; };
  const double pause = pace.calls_per_second > 0 ? pace.clients / pace.calls_per_second : 0;
  const auto start = SteadyClock::now();
  for (int i = 0; i < pace.clients; ++i) {
    clients.push_back(std::make_unique<Client>(address, shape, asked, top_k, seed + i));
    clients.back()->SetDue(start + Of(pause * i / pace.clients));
    due.emplace_back(clients.back()->due(), clients.back().get());
  }
  Times times;
  int64_t left = calls * pace.clients;
  for (int running = 0;;) {
    const auto now = SteadyClock::now();
    if (now >= end || left <= 0) due.clear();
    for (; !due.empty() && due.front().first <= now && left > 0; --left, ++running) {
      due.front().second->Start(queue);
      std::pop_heap(due.begin(), due.end(), later);
      due.pop_back();
    }
    if (due.empty() && running == 0) return times;
    void* tag = nullptr;
    bool ok = false;
    const auto until =
        std::chrono::system_clock::now() + (due.empty() ? std::chrono::hours(1) : due.front().first - now);
    if (queue.AsyncNext(&tag, &ok, until) != grpc::CompletionQueue::GOT_EVENT) continue;
    auto* client = static_cast<Client*>(tag);
    const double secs = client->Secs();
    client->Take(secs, times);
    --running;
    due.emplace_back(client->NextDue(Of(pause)), client);
    std::push_heap(due.begin(), due.end(), later);
  }
}

// Seconds of CPU of a process, and its parent; zero when it is gone.
struct ProcessCpu {
  int parent = 0;
  double secs = 0;
};
ProcessCpu CpuOf(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  const size_t name = text.rfind(')');
  if (name == std::string::npos) return {};
  std::istringstream fields(text.substr(name + 1));
  std::string state, skipped;
  ProcessCpu cpu;
  double user = 0, system = 0;
  fields >> state >> cpu.parent;
  for (int i = 0; i < 9; ++i) fields >> skipped;
  fields >> user >> system;
  cpu.secs = (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return cpu;
}

// Of the clients (this process), the server (its parent) and PostgreSQL with its children.
struct Cpu {
  double clients = 0, server = 0, postgres = 0;
};
Cpu CpuNow(const std::string& postgres_pid) {
  Cpu cpu{CpuOf(StrCat(getpid())).secs, CpuOf(StrCat(getppid())).secs, CpuOf(postgres_pid).secs};
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const ProcessCpu one = CpuOf(pid);
    if (StrCat(one.parent) == postgres_pid) cpu.postgres += one.secs;
  }
  return cpu;
}

void Report(const char* what, const std::string& address, const std::string& postgres_pid, const Shape& shape,
            const Asked& asked, const Pace& pace, int top_k, uint64_t seed, double secs, int64_t calls) {
  const auto start = SteadyClock::now();
  const Cpu before = CpuNow(postgres_pid);
  Times times = Ask(address, shape, asked, pace, top_k, seed, start + Of(secs), calls);
  const double wall = SecsSince(start);
  const Cpu after = CpuNow(postgres_pid);
  std::vector<double>& all = times.secs;
  std::sort(all.begin(), all.end());
  const auto count = static_cast<double>(all.size());
  auto at = [&](double quantile) { return all[static_cast<size_t>(quantile * (count - 1))] * 1e3; };
  std::printf(
      "%s: best %d, %d clients: p50 %.2f ms, p99 %.2f ms, max %.1f ms, %.0f a second, %zu calls, %ld empty; "
      "us of CPU a call: clients %.0f, server %.0f, PostgreSQL %.0f\n",
      what, top_k, pace.clients, at(0.5), at(0.99), at(1), count / wall, all.size(), static_cast<long>(times.empty),
      (after.clients - before.clients) / count * 1e6, (after.server - before.server) / count * 1e6,
      (after.postgres - before.postgres) / count * 1e6);
  std::fflush(stdout);
}

// As farm and users do, server and clients live in processes of their own: in one they would share gRPC's pollers. The
// clients' is forked before there is any thread and gets the server's address through a pipe.
class ClientProcess {
 public:
  explicit ClientProcess(const std::function<void(const std::string& address)>& work) {
    int ends[2];
    HONE_CHECK(pipe2(ends, O_CLOEXEC) == 0);
    pid_ = fork();
    HONE_CHECK(pid_ >= 0);
    if (pid_ == 0) {
      close(ends[1]);
      std::string address;
      char buffer[256];
      for (ssize_t got; (got = read(ends[0], buffer, sizeof(buffer))) > 0;) address.append(buffer, got);
      if (!address.empty()) work(address);
      std::fflush(nullptr);
      _exit(0);
    }
    close(ends[0]);
    pipe_ = ends[1];
  }
  // Once: an empty address ends it.
  void Run(const std::string& address) {
    HONE_CHECK(write(pipe_, address.data(), address.size()) == static_cast<ssize_t>(address.size()));
    close(pipe_);
    int status = 0;
    HONE_CHECK(waitpid(pid_, &status, 0) == pid_ && status == 0);
  }

 private:
  pid_t pid_ = -1;
  int pipe_ = -1;
};

void ReadIntoPageCache(const std::string& folder) {
  std::vector<char> buffer(1 << 20);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const int fd = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    while (read(fd, buffer.data(), buffer.size()) > 0) {
    }
    close(fd);
  }
}

struct Arguments {
  Shape shape;
  std::string folder;
  Pace pace;
  double seconds = 10, rate = 1000;
  std::vector<int> top_ks = {1, 10};
  std::string shared_buffers = "2GB";
  int lookup_threads = ServerOptions().lookup_threads;
  bool load_only = false, direct = false;
};

void AskAll(const Arguments& arguments, const std::string& address, const std::string& files) {
  const Asked asked(arguments.shape);
  Pace pace = arguments.pace;
  std::string postgres_pid;
  std::ifstream(files + "/../postmaster.pid") >> postgres_pid;
  auto report = [&](const char* what, int k, uint64_t seed, double secs, int64_t calls) {
    Report(what, address, postgres_pid, arguments.shape, asked, pace, k, seed, secs, calls);
  };
  report("cold", arguments.top_ks.front(), 1, 60, 40);
  ReadIntoPageCache(files);
  report("warming up", arguments.top_ks.back(), 1000, arguments.seconds, 1 << 30);
  for (int k : arguments.top_ks) report("warm, as fast as they can", k, 2000, arguments.seconds, 1 << 30);
  pace.calls_per_second = arguments.rate;
  for (int k : arguments.top_ks) report("warm, paced", k, 3000, arguments.seconds, 1 << 30);
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("best-k look-up with many records");
  app.add_option("--records", arguments.shape.records)->check(CLI::PositiveNumber);
  app.add_option("--folder", arguments.folder);
  app.add_option("--clients", arguments.pace.clients)->check(CLI::PositiveNumber);
  app.add_option("--rate", arguments.rate, "look-ups a second of all clients, for the paced run")
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", arguments.seconds);
  app.add_option("--top-k", arguments.top_ks)->delimiter(',');
  app.add_option("--shared-buffers", arguments.shared_buffers, "of PostgreSQL");
  app.add_option("--lookup-threads", arguments.lookup_threads, "of the server")->check(CLI::PositiveNumber);
  app.add_flag("--direct", arguments.direct, "also without gRPC, one after another");
  app.add_flag("--load-only", arguments.load_only);
  CLI11_PARSE(app, argc, argv);
  SetLogLevel(LogLevel::kWarning);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);  // As hone-server; the clients, too.
  mallopt(M_TOP_PAD, 1 << 20);
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
  testing::ClusterOptions cluster_options{
      arguments.folder, StrCat(kSettings, " -c shared_buffers=", arguments.shared_buffers), /*stays_descendant=*/true};
  char temporary[] = "/tmp/hone-pg.XXXXXX";  // Unix sockets have short paths.
  const bool keep = !arguments.folder.empty();
  if (!keep) cluster_options.folder = mkdtemp(temporary);
  const std::string base = cluster_options.folder + "/data/base";
  ClientProcess clients([&](const std::string& address) { AskAll(arguments, address, base); });
  auto cluster = testing::PrivateCluster::Start(cluster_options);
  HONE_CHECK_OK(cluster.status());
  const std::string url = (*cluster)->Database("records");
  HONE_CHECK_OK(MigratePostgres(url));
  if (LoadRecords(url, arguments.shape)) {
    const auto start = SteadyClock::now();
    (*cluster)->Vacuum("records");
    std::printf("vacuumed in %.1f s\n", SecsSince(start));
  }
  std::printf("on disk: %.2f GB\n", static_cast<double>(BytesUnder(base)) / 1e9);
  std::fflush(stdout);
  if (arguments.load_only) {
    clients.Run("");
  } else {
    (*cluster)->Stop();
    DropFromPageCache(base);
    (*cluster)->Restart();
    auto store = PostgresStore::Open(url);
    HONE_CHECK_OK(store.status());
    ServerOptions options;
    options.lookup_threads = arguments.lookup_threads;
    auto server = Server::Start(*std::move(store), options, [](absl::Status status) { HONE_CHECK_OK(status); });
    HONE_CHECK_OK(server.status());
    clients.Run((*server)->address());
    (*server)->Stop();
    for (int top_k : arguments.top_ks) {
      if (arguments.direct) AskDirectly(url, arguments.shape, top_k, 20'000);
    }
  }
  cluster->reset();
  if (!keep) std::filesystem::remove_all(cluster_options.folder);
  return 0;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // As hone-server.
  return hone::bench::Main(argc, argv);
}
