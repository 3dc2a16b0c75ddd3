// Trains what is known of speed before a workload was ever measured (server/cost_model/prior.h), from folders that
// `hone tune --work-dir` wrote, one a workload; and says how well that ranks workloads it has not seen.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "bench/run_main.h"
#include "common/intrin/intrin.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/cost_model/cost_model.h"
#include "server/cost_model/feature/extract.h"
#include "server/cost_model/xgb_model.h"
#include "server/database/json_database.h"

namespace hone::bench {
namespace {

struct Samples {
  std::string folder;
  std::vector<FeatureMatrix> features;
  std::vector<double> costs;
};

absl::StatusOr<Samples> Read(const std::string& folder) {
  JsonDatabaseOptions options;
  options.read_only = true;
  options.allow_missing = false;
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<JsonDatabase> database, JsonDatabase::Open(folder, options));
  HONE_ASSIGN_OR_RETURN(const std::vector<TuningRecord> records, database->GetAllRecords());
  Samples out{folder, {}, {}};
  for (const TuningRecord& record : records) {
    if (record.run.failure.has_value() || !IsValid(record)) continue;
    HONE_ASSIGN_OR_RETURN(const std::optional<Workload> workload, database->FindWorkload(record.workload_id));
    if (!workload.has_value()) return absl::DataLossError(StrCat(folder, ": a record without its workload"));
    HONE_ASSIGN_OR_RETURN(const ir::IRModule module, script::ParseModule(workload->script));
    schedule::ScheduleOptions schedule_options;
    schedule_options.intrinsics = FindTensorIntrin;
    HONE_ASSIGN_OR_RETURN(schedule::Schedule sch, schedule::Schedule::Create(module, schedule_options));
    HONE_RETURN_IF_ERROR(schedule::ApplyTraceJson(sch, record.trace_json));
    HONE_ASSIGN_OR_RETURN(FeatureMatrix features, ExtractFeatures(sch.module(), /*is_gpu=*/false));
    out.features.push_back(std::move(features));
    out.costs.push_back(record.run.median);
  }
  return out;
}

absl::Status Train(XgbModel& model, const std::vector<Samples>& all, const Samples* without) {
  // One update that trains: the last.
  for (size_t i = 0; i < all.size(); ++i) {
    if (&all[i] == without) continue;
    HONE_RETURN_IF_ERROR(model.Update(i, all[i].features, all[i].costs));
  }
  return model.Retrain();
}

struct Arguments {
  std::vector<std::string> folders;
  std::string out;
  int depth = 6;
  int rounds = 150;
  bool no_check = false;
};

absl::Status Run(const Arguments& arguments) {
  XgbConfig config;
  config.max_depth = arguments.depth;
  config.max_rounds = arguments.rounds;
  config.num_warmup_samples = 0;
  config.adaptive_training = false;
  config.train_on_update = false;
  std::vector<Samples> all;
  for (const std::string& folder : arguments.folders) {
    HONE_ASSIGN_OR_RETURN(Samples samples, Read(folder));
    if (!samples.costs.empty()) all.push_back(std::move(samples));
  }
  if (!arguments.no_check) {
    std::printf("%-40s %10s %6s %12s %12s\n", "folder", "candidates", "rank", "best of top1", "best of top8");
    for (const Samples& samples : all) {
      XgbModel model(config, /*seed=*/1);
      HONE_RETURN_IF_ERROR(Train(model, all, &samples));
      const RankQuality q = MeasureRanking(model.Predict(samples.features, 0), samples.costs);
      std::printf("%-40s %10d %6.2f %11.0f%% %11.0f%%\n", samples.folder.c_str(), q.candidates, q.spearman,
                  100 * q.top_1, 100 * q.top_8);
      std::fflush(stdout);
    }
  }
  const std::string& out = arguments.out;
  if (out.empty()) return absl::OkStatus();
  XgbModel model(config, /*seed=*/1);
  HONE_RETURN_IF_ERROR(Train(model, all, nullptr));
  HONE_ASSIGN_OR_RETURN(const std::string bytes, model.BoosterBytes());
  std::ofstream file(out, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) return absl::UnavailableError(StrCat("cannot write ", out));
  std::printf("%s: %zu bytes; %s\n", out.c_str(), bytes.size(), model.Describe().c_str());
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Trains what is known of speed before a workload was measured, and says how well that ranks others.",
               "prior");
  app.add_option("FOLDER", arguments.folders, "Folders that `hone tune --work-dir` wrote, one a workload")->required();
  app.add_option("--out", arguments.out, "Write the trees, trained on all folders, to this file");
  app.add_option("--depth", arguments.depth, "Of a tree")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--rounds", arguments.rounds, "Trees")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_flag("--no-check", arguments.no_check,
               "Without the table: for each folder, trees trained on the others rank its candidates");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = Run(arguments);
  if (status.ok()) return 0;
  std::fprintf(stderr, "prior: %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace hone::bench

int main(int argc, char** argv) { return hone::bench::RunMain(hone::bench::Main, argc, argv); }
