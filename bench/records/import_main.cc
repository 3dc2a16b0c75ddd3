// How fast TVM's JSON files are taken in, and in how much memory.
//   usage: import --make DIR [--megabytes 1000]      writes a folder of TVM's two files, some lines of it bad
//          import DIR --to memory|postgres           takes it in; PostgreSQL (one of its own) with fsync
// Prints megabytes of lines a second, bad lines and this process's peak of resident memory. PostgreSQL shares this
// machine.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "bench/records/generate.h"
#include "common/script/workload_codec.h"
#include "common/support/check.h"
#include "common/support/strings.h"
#include "server/database/memory_database.h"
#include "server/database/postgres_database.h"
#include "server/database/postgres_migrations.h"
#include "server/database/testing/private_cluster.h"
#include "server/database/tvm_import.h"

namespace hone::bench {
namespace {

constexpr int kWorkloads = 20;
constexpr int64_t kBadEvery = 50'000;  // Lines.

constexpr char kProgram[] = R"(# from tvm.script import ir as I
# from tvm.script import tir as T

@I.ir_module
class Module:
    @T.prim_func
    def main(A: T.Buffer((%d, 512), "float32"), B: T.Buffer((%d, 512), "float32")):
        for i, j in T.grid(%d, 512):
            with T.block("T_matmul_%d"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] + T.float32(1)
)";

void Make(const std::string& folder, int64_t megabytes) {
  std::filesystem::create_directories(folder);
  const ModuleCodec codec = script::GraphCodec();
  std::ofstream workloads(folder + "/database_workload.json", std::ios::binary);
  for (int i = 0; i < kWorkloads; ++i) {
    char text[2000];
    std::snprintf(text, sizeof(text), kProgram, i + 1, i + 1, i + 1, i);
    absl::StatusOr<Workload> workload = codec.workload_of_script(text);
    HONE_CHECK_OK(workload.status());
    workloads << *TvmWorkloadLine(*workload, codec) << "\n";
  }
  std::ofstream records(folder + "/database_tuning_record.json", std::ios::binary);
  const Shape shape{int64_t{1} << 40, kWorkloads, 4, 1'000};
  int64_t bytes = 0;
  for (int64_t i = 0; bytes < megabytes * 1'000'000; ++i) {
    std::string line = i % kBadEvery == kBadEvery - 1 ? std::string("[3,[[[\"GetBlock\",")
                                                      : TvmRecordLine(WorkloadOf(shape, i), RecordAt(shape, i));
    records << line << "\n";
    bytes += static_cast<int64_t>(line.size()) + 1;
  }
  std::printf("%s: %ld bytes of records\n", folder.c_str(), static_cast<long>(bytes));
}

void Import(const std::string& folder, const std::string& to) {
  std::unique_ptr<testing::PrivateCluster> cluster;
  std::unique_ptr<Database> database = std::make_unique<MemoryDatabase>();
  if (to == "postgres") {
    auto started = testing::PrivateCluster::Start({"", "-c shared_buffers=1GB -c max_wal_size=4GB", true});
    HONE_CHECK_OK(started.status());
    cluster = *std::move(started);
    const std::string url = cluster->NewDatabase();
    HONE_CHECK_OK(MigratePostgres(url));
    database = std::make_unique<PostgresDatabase>(url, ModuleEquality::kStructural);
  }
  TvmImportOptions options;
  options.codec = script::GraphCodec();
  int shown = 0;
  options.on_bad_line = [&shown](const std::string& line) {
    if (++shown <= 3) std::fprintf(stderr, "%s\n", line.c_str());
  };
  const auto start = std::chrono::steady_clock::now();
  auto counts = ImportTvmFolder(folder, options, SinkOf(*database));
  HONE_CHECK_OK(counts.status());
  const double secs = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "%s: %ld records (%ld duplicates, %ld bad lines), %.0f MB in %.1f s: %.1f MB/s, %.0f records/s; peak RSS %ld "
      "MB\n",
      to.c_str(), static_cast<long>(counts->records), static_cast<long>(counts->duplicates),
      static_cast<long>(counts->bad_lines), static_cast<double>(counts->bytes) / 1e6, secs,
      static_cast<double>(counts->bytes) / 1e6 / secs, static_cast<double>(counts->records) / secs,
      usage.ru_maxrss / 1024);
  HONE_CHECK(*database->Size() == counts->records - counts->duplicates);
}

int Main(int argc, char** argv) {
  std::string folder, make, to = "memory";
  int64_t megabytes = 1000;
  CLI::App app("import of TVM's JSON files");
  app.add_option("folder", folder);
  app.add_option("--make", make);
  app.add_option("--megabytes", megabytes);
  app.add_option("--to", to)->check(CLI::IsMember({"memory", "postgres"}));
  CLI11_PARSE(app, argc, argv);
  if (!make.empty()) Make(make, megabytes);
  if (!folder.empty()) Import(folder, to);
  return 0;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::Main(argc, argv); }
