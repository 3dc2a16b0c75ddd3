// How long the best-k look-up takes with many records, through gRPC and PostgreSQL, and what storing them takes:
// server, clients and a PostgreSQL of its own share this machine.
//   usage: best [--records 100000] [--folder DIR] [--clients 16] [--seconds 10] [--top-k 1,10] [--load-only]
// Prints the time to load (the server's own path: batches by COPY, each committed), bytes on disk, and the look-ups'
// p50, p99 and rate: cold (PostgreSQL started again, its files dropped from the page cache) and warm. With --folder the
// records stay there for the next run.
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>
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
constexpr char kSettings[] =
    "-c shared_buffers=2GB -c max_wal_size=4GB -c checkpoint_timeout=30min -c wal_compression=on -c jit=off";
constexpr int kBatch = 5'000;

double SecsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// Two threads: one makes and packs a batch while PostgreSQL takes in the other's.
void Load(const std::string& url, const Shape& shape) {
  PostgresDatabase database(url, ModuleEquality::kStructural);
  for (int i = 0; i < shape.workloads; ++i) HONE_CHECK_OK(database.CommitWorkload(WorkloadAt(i)).status());
  const int64_t there = *database.Size();
  if (there >= shape.records) return;
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

// Asks for the best of a random workload and device until the end, or `calls` times.
Times Ask(const std::string& address, const Shape& shape, const Asked& asked, int top_k, uint64_t seed,
          SteadyClock::time_point end, int64_t calls) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto stub = v1::RecordService::NewStub(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), args));
  CounterRandom random({seed});
  Times times;
  while (SteadyClock::now() < end && static_cast<int64_t>(times.secs.size()) < calls) {
    const auto record = static_cast<int64_t>(random.Below(shape.records));
    v1::QueryRequest request;
    request.set_key(asked.keys[WorkloadOf(shape, record)]);
    request.set_device_class(asked.classes[DeviceOf(shape, record)]);
    request.set_metric(v1::METRIC_SECONDS);
    request.set_top_k(top_k);
    request.set_without_scripts(true);
    v1::QueryResponse response;
    grpc::ClientContext context;
    const auto start = SteadyClock::now();
    const grpc::Status status = stub->Query(&context, request, &response);
    times.secs.push_back(SecsSince(start));
    HONE_CHECK(status.ok()) << status.error_message();
    times.empty += response.matches().empty();
  }
  return times;
}

void Report(const char* what, const std::string& address, const Shape& shape, const Asked& asked, int clients,
            int top_k, uint64_t seed, double secs, int64_t calls) {
  const auto start = SteadyClock::now();
  const auto end = start + std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(secs));
  std::vector<Times> of(clients);
  std::vector<std::thread> threads;
  for (int i = 0; i < clients; ++i) {
    threads.emplace_back([&, i] { of[i] = Ask(address, shape, asked, top_k, seed + i, end, calls); });
  }
  for (std::thread& thread : threads) thread.join();
  const double wall = SecsSince(start);
  std::vector<double> all;
  int64_t empty = 0;
  for (const Times& times : of) {
    all.insert(all.end(), times.secs.begin(), times.secs.end());
    empty += times.empty;
  }
  std::sort(all.begin(), all.end());
  auto at = [&](double quantile) {
    return all[static_cast<size_t>(quantile * static_cast<double>(all.size() - 1))] * 1e3;
  };
  std::printf("%s: best %d, %d clients: p50 %.2f ms, p99 %.2f ms, max %.1f ms, %.0f a second, %zu calls, %ld empty\n",
              what, top_k, clients, at(0.5), at(0.99), at(1), static_cast<double>(all.size()) / wall, all.size(),
              static_cast<long>(empty));
}

int Main(int argc, char** argv) {
  Shape shape;
  testing::ClusterOptions cluster_options{"", kSettings, /*stays_descendant=*/true};
  int clients = 16;
  double seconds = 10;
  std::vector<int> top_ks = {1, 10};
  bool load_only = false;
  CLI::App app("best-k look-up with many records");
  app.add_option("--records", shape.records)->check(CLI::PositiveNumber);
  app.add_option("--folder", cluster_options.folder);
  app.add_option("--clients", clients)->check(CLI::PositiveNumber);
  app.add_option("--seconds", seconds);
  app.add_option("--top-k", top_ks)->delimiter(',');
  app.add_flag("--load-only", load_only);
  CLI11_PARSE(app, argc, argv);
  SetLogLevel(LogLevel::kWarning);
  auto cluster = testing::PrivateCluster::Start(cluster_options);
  HONE_CHECK_OK(cluster.status());
  const std::string url = (*cluster)->Database("records");
  HONE_CHECK_OK(MigratePostgres(url));
  Load(url, shape);
  const std::string base = (*cluster)->folder() + "/data/base";
  std::printf("on disk: %.2f GB\n", static_cast<double>(BytesUnder(base)) / 1e9);
  if (load_only) return 0;
  (*cluster)->Stop();
  DropFromPageCache(base);
  (*cluster)->Restart();
  auto store = PostgresStore::Open(url);
  HONE_CHECK_OK(store.status());
  auto server = Server::Start(*std::move(store), {}, [](absl::Status status) { HONE_CHECK_OK(status); });
  HONE_CHECK_OK(server.status());
  const Asked asked(shape);
  Report("cold", (*server)->address(), shape, asked, clients, top_ks.front(), 1, 60, 40);
  Report("warming up", (*server)->address(), shape, asked, clients, top_ks.back(), 1000, seconds, 1 << 30);
  for (int top_k : top_ks) Report("warm", (*server)->address(), shape, asked, clients, top_k, 2000, seconds, 1 << 30);
  (*server)->Stop();
  return 0;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // As hone-server.
  return hone::bench::Main(argc, argv);
}
