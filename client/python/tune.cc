// tune_tir, tune_tasks, extracted tasks and the profiler.
#include "client/cpp/tune.h"

#include <pybind11/stl.h>

#include "client/cpp/connection.h"
#include "client/cpp/post_optimization.h"
#include "client/python/context_box.h"
#include "client/python/convert.h"
#include "client/python/interrupts.h"
#include "common/ir/module_equality.h"
#include "common/support/profiler.h"
#include "common/support/strings.h"

namespace hone::python {
namespace {

using ms::ExtractedTask;
using ms::TuneSettings;

ir::Equality EqualityFor(const py::dict& d) {
  const auto name = d["module_equality"].cast<std::string>();
  const std::optional<ir::Equality> out = ir::EqualityFromName(name);
  if (!out.has_value()) {
    Check(absl::InvalidArgumentError(
        StrCat("module equality \"", name, "\", expected structural, ignore-ndarray or anchor-block")));
  }
  return *out;
}

// The arguments that both entry points have; hone/meta_schedule.py has their names and defaults.
void Fill(const py::dict& d, TuneSettings& out) {
  if (!d["max_trials_per_task"].is_none()) out.max_trials_per_task = d["max_trials_per_task"].cast<int64_t>();
  out.num_trials_per_iter = d["num_trials_per_iter"].cast<int>();
  out.builder = KindOrOf<ms::Builder>(d["builder"], BuilderOf);
  out.runner = KindOrOf<ms::Runner>(d["runner"], RunnerOf);
  out.database = KindOrOf<ms::Database>(d["database"], DatabaseOf);
  out.cost_model = KindOrOf<ms::CostModel>(
      d["cost_model"], [](py::handle model) { return model.is_none() ? nullptr : CostModelOf(model); });
  if (py::isinstance<py::str>(d["measure_callbacks"])) {
    out.measure_callbacks = d["measure_callbacks"].cast<std::string>();
  } else {
    out.measure_callbacks = CallbacksOf(d["measure_callbacks"]);
  }
  out.task_scheduler = KindOrOf<ms::TaskScheduler>(d["task_scheduler"], SchedulerOf);
  out.module_equality = EqualityFor(d);
  out.post_optimization = d["post_optimization"].cast<bool>();
  if (!d["server"].is_none()) out.server = d["server"].cast<std::shared_ptr<Connection>>();
}

void FillSpace(const py::dict& d, ms::TuneTirOptions& out) {
  out.space = KindOrOf<const SpaceGenerator>(d["space"], GeneratorOf);
  out.strategy = KindOrOf<const ms::SearchStrategy>(d["strategy"], StrategyOf);
  out.num_tuning_cores = d["num_tuning_cores"].cast<ms::NumThreads>();
  if (!d["seed"].is_none()) out.seed = d["seed"].cast<uint32_t>();
  if (d["special_space"].is_none()) return;
  for (const auto& [name, space] : d["special_space"].cast<py::dict>()) {
    out.special_space[name.cast<std::string>()] = space.is_none() ? nullptr : GeneratorOf(space);
  }
}

template <typename Options, typename Function>
py::object TuneWith(const py::dict& d, Options& options, Function function) {
  Interrupts interrupts(d["stop"]);
  options.stop = interrupts.Function();
  auto database = Unlocked(function);
  interrupts.Rethrow();
  return WrapDatabase(Unwrap(std::move(database)));
}

py::object TuneTir(py::object mod, py::object target, const std::string& work_dir, int64_t max_trials_global,
                   const py::dict& d) {
  const ir::IRModule module = ModuleOf(mod);
  const Target t = TargetOf(target);
  ms::TuneTirOptions options;
  Fill(d, options);
  FillSpace(d, options);
  return TuneWith(d, options, [&] { return ms::TuneTir(module, t, work_dir, max_trials_global, options); });
}

py::object TuneTasks(const py::dict& d) {
  ms::TuneTasksOptions options;
  Fill(d, options);
  for (py::handle task : d["tasks"].cast<py::object>()) options.tasks.push_back(ContextOf(task));
  options.task_weights = VectorOf<double>(d["task_weights"]);
  options.work_dir = d["work_dir"].cast<std::string>();
  options.max_trials_global = d["max_trials_global"].cast<int64_t>();
  return TuneWith(d, options, [&] { return ms::TuneTasks(options); });
}

py::tuple ContextsOf(py::object tasks, const py::dict& d) {
  ms::TuneTirOptions options;
  FillSpace(d, options);
  const auto extracted = VectorOf<ExtractedTask>(tasks);
  const ms::TasksWithWeights made = Unwrap(Unlocked([&] { return ms::ContextsOfExtractedTasks(extracted, options); }));
  py::list contexts;
  for (const auto& context : made.tasks) contexts.append(WrapContext(context));
  return py::make_tuple(contexts, made.weights);
}

ExtractedTask MakeExtractedTask(std::string name, py::object mod, py::object target, py::object dispatched,
                                int weight) {
  ExtractedTask out{std::move(name), {}, TargetOf(target), {}, weight};
  if (!mod.is_none()) out.mod = ModuleOf(mod);
  for (py::handle item : dispatched) out.dispatched.push_back(ModuleOf(item));
  return out;
}

std::string PostOptimize(py::object tasks, py::object database, py::object builder, py::object runner, int trials,
                         int pairs) {
  std::vector<std::shared_ptr<ms::TuneContext>> contexts;
  for (py::handle task : tasks) contexts.push_back(ContextOf(task));
  const auto d = DatabaseOf(database);
  const auto b = BuilderOf(builder);
  const auto r = RunnerOf(runner);
  ms::PostOptimizationOptions options;
  options.trials = trials;
  options.pairs = pairs;
  return Unwrap(Unlocked([&] { return ms::PostOptimize(contexts, *d, *b, *r, options); }));
}

}  // namespace

void BindTune(py::module_& m) {
  py::class_<ExtractedTask>(m, "ExtractedTask", "A tuning task found in a model.")
      .def(py::init(&MakeExtractedTask), py::arg("task_name"), py::arg("mod"), py::arg("target"), py::arg("dispatched"),
           py::arg("weight") = 1)
      .def_readonly("task_name", &ExtractedTask::task_name)
      .def_property_readonly(
          "mod", [](const ExtractedTask& t) { return t.mod ? py::cast(t.mod) : py::object(py::none()); },
          "Where it comes from, or None.")
      .def_readonly("target", &ExtractedTask::target)
      .def_readonly("dispatched", &ExtractedTask::dispatched)
      .def_readonly("weight", &ExtractedTask::weight);
  m.def("merge_tasks", [](py::object tasks, const std::string& module_equality) {
    py::dict d;
    d["module_equality"] = module_equality;
    return ms::MergeTasks(VectorOf<ExtractedTask>(tasks), EqualityFor(d));
  });
  m.def("contexts_of_extracted_tasks", &ContextsOf);
  m.def("tune_tir", &TuneTir);
  m.def("tune_tasks", &TuneTasks);
  m.def("post_optimize", &PostOptimize);
  m.def(
      "fork_seeds", [](std::optional<uint32_t> seed, int n) { return ms::ForkSeeds(seed, n); }, py::arg("seed"),
      py::arg("n"), "`n` seeds in [1, 2^30) from one, as the peer draws them.");

  py::class_<Profiler>(m, "NativeProfiler")
      .def(py::init<>())
      .def("stop", &Profiler::Stop)
      .def("get", [](const Profiler& p) { return p.Get(); })
      .def("table", &Profiler::Table);
  py::class_<Profiler::Scope, std::unique_ptr<Profiler::Scope>>(m, "NativeProfilerScope")
      .def(py::init([](const std::string& name) { return std::make_unique<Profiler::Scope>(name); }));
}

}  // namespace hone::python
