// Task schedulers and measure callbacks: the stock ones, and those that users write.
#include <pybind11/stl.h>

#include "client/cpp/measure_callback.h"
#include "client/cpp/task_scheduler.h"
#include "client/python/context_box.h"
#include "client/python/convert.h"
#include "client/python/interrupts.h"
#include "common/support/strings.h"

namespace hone::python {
namespace {

using ms::RunnerResult;
using ms::TaskRecord;
using ms::TaskScheduler;
using ms::TuneOptions;

// The user's object owns this, by its attribute _native; what C++ holds keeps the user's object (SchedulerOf).
class OwnScheduler final : public TaskScheduler {
 public:
  explicit OwnScheduler(py::handle self) : self_(self) {}
  py::object self() const { return py::reinterpret_borrow<py::object>(self_); }

  absl::StatusOr<int> NextTaskId() override {
    return Guarded<absl::StatusOr<int>>([&] { return self_.attr("next_task_id")().cast<int>(); });
  }
  // The abstract class in Python falls back to the generic methods, by the functions generic_* below.
  absl::StatusOr<std::vector<RunnerResult>> JoinRunningTask(int task_id) override {
    return Guarded<absl::StatusOr<std::vector<RunnerResult>>>(
        [&] { return VectorOf<RunnerResult>(self_.attr("join_running_task")(task_id)); });
  }
  absl::Status Tune(TuneOptions options) override {
    return Guarded<absl::Status>([&] {
      py::list tasks;
      for (const auto& task : options.tasks) tasks.append(WrapContext(task));
      py::list callbacks;
      for (const auto& callback : options.measure_callbacks) callbacks.append(WrapCallback(callback));
      stop_ = options.stop;
      self_.attr("tune")(tasks, options.task_weights, options.max_trials_global, options.max_trials_per_task,
                         options.num_trials_per_iter, WrapBuilder(options.builder), WrapRunner(options.runner),
                         callbacks, WrapDatabase(options.database), WrapCostModel(options.cost_model));
      stop_ = nullptr;
      return absl::OkStatus();
    });
  }
  const std::function<bool()>& stop() const { return stop_; }

 private:
  const py::handle self_;
  std::function<bool()> stop_;  // While C++ calls Tune.
};

// A scheduler as Python has it: owned, or lent to a callback.
class SchedulerBox {
 public:
  explicit SchedulerBox(std::shared_ptr<TaskScheduler> owner) : owner_(std::move(owner)), scheduler_(owner_.get()) {}
  explicit SchedulerBox(TaskScheduler* lent) : scheduler_(lent) {}
  TaskScheduler& get() const {
    if (scheduler_ == nullptr) Check(absl::FailedPreconditionError("this scheduler was lent for a call that is over"));
    return *scheduler_;
  }
  const std::shared_ptr<TaskScheduler>& owner() const { return owner_; }
  void Expire() { scheduler_ = nullptr; }

 private:
  std::shared_ptr<TaskScheduler> owner_;
  TaskScheduler* scheduler_;
};
using Scheduler = std::shared_ptr<SchedulerBox>;

class OwnCallback final : public ms::MeasureCallback {
 public:
  explicit OwnCallback(py::object self) : self_(Hold(self)) {
    name_ = py::hasattr(self, "apply") ? py::str(py::type::handle_of(self).attr("__name__")).cast<std::string>()
                                       : py::str(py::getattr(self, "__name__", py::str("Custom"))).cast<std::string>();
  }
  const py::object& self() const { return *self_; }
  std::string name() const override { return name_; }
  absl::Status Apply(TaskScheduler& scheduler, int task_id, absl::Span<const ms::MeasureCandidate> candidates,
                     absl::Span<const ms::BuilderResult> builds, absl::Span<const RunnerResult> results) override {
    return Guarded<absl::Status>([&] {
      const auto lent = std::make_shared<SchedulerBox>(&scheduler);
      const struct Expiry {
        SchedulerBox& box;
        ~Expiry() { box.Expire(); }
      } expiry{*lent};
      const auto* own = dynamic_cast<OwnScheduler*>(&scheduler);
      const py::object shown = own != nullptr ? own->self() : py::cast(lent);
      const py::object apply = py::hasattr(*self_, "apply") ? py::object(self_->attr("apply")) : *self_;
      apply(shown, task_id, ListOf(candidates), ListOf(builds), ListOf(results));
      return absl::OkStatus();
    });
  }

 private:
  const Held self_;
  std::string name_;
};

// ---- arguments

TuneOptions OptionsOf(py::object tasks, std::vector<double> task_weights, int64_t max_trials_global,
                      std::optional<int64_t> max_trials_per_task, int num_trials_per_iter, py::object builder,
                      py::object runner, py::object measure_callbacks, py::object database, py::object cost_model) {
  TuneOptions out;
  for (py::handle task : tasks) out.tasks.push_back(ContextOf(task));
  out.task_weights = std::move(task_weights);
  out.max_trials_global = max_trials_global;
  out.max_trials_per_task = max_trials_per_task.value_or(max_trials_global);
  out.num_trials_per_iter = num_trials_per_iter;
  out.builder = BuilderOf(builder);
  out.runner = RunnerOf(runner);
  out.measure_callbacks = CallbacksOf(measure_callbacks);
  if (!database.is_none()) out.database = DatabaseOf(database);
  if (!cost_model.is_none()) out.cost_model = CostModelOf(cost_model);
  return out;
}

template <typename... Args>
void Tune(SchedulerBox& box, Args... args) {
  TuneOptions options = OptionsOf(std::move(args)...);
  TaskScheduler& scheduler = box.get();
  auto* own = dynamic_cast<OwnScheduler*>(&scheduler);
  Interrupts interrupts{py::none()};
  options.stop = own != nullptr && own->stop() ? own->stop() : interrupts.Function();
  const absl::Status status = Unlocked([&] { return scheduler.TaskScheduler::Tune(std::move(options)); });
  interrupts.Rethrow();
  Check(status);
}

// With the virtual method, as a stock scheduler has it.
template <typename... Args>
void TuneStock(SchedulerBox& box, Args... args) {
  TuneOptions options = OptionsOf(std::move(args)...);
  TaskScheduler& scheduler = box.get();
  Interrupts interrupts{py::none()};
  options.stop = interrupts.Function();
  const absl::Status status = Unlocked([&] { return scheduler.Tune(std::move(options)); });
  interrupts.Rethrow();
  Check(status);
}

const TaskRecord& TaskOf(const SchedulerBox& box, int id) {
  if (id < 0 || id >= box.get().num_tasks()) {
    Check(absl::OutOfRangeError(StrCat("task ", id, " of ", box.get().num_tasks())));
  }
  return box.get().task(id);
}

void BindTaskRecord(py::module_& m) {
  py::class_<TaskRecord>(m, "TaskRecord", "Where a task stood when it was asked for.")
      .def_property_readonly("context", [](const TaskRecord& t) { return WrapContext(t.context); })
      .def_readonly("task_weight", &TaskRecord::task_weight)
      .def_readonly("flop", &TaskRecord::flop)
      .def_readonly("is_terminated", &TaskRecord::is_terminated)
      .def_readonly("build_error_count", &TaskRecord::build_error_count)
      .def_readonly("run_error_count", &TaskRecord::run_error_count)
      .def_readonly("batches", &TaskRecord::batches)
      .def_readonly("latency_ms", &TaskRecord::latency_ms)
      .def_readonly("measure_candidates", &TaskRecord::measure_candidates)
      .def_readonly("builder_results", &TaskRecord::builder_results)
      .def_readonly("runner_futures", &TaskRecord::runner_futures)
      .def_property_readonly("best_latency_ms", &ms::BestLatencyMs, "1e9 without a success.");
}

}  // namespace

std::shared_ptr<TaskScheduler> SchedulerOf(py::handle object) {
  if (py::isinstance<SchedulerBox>(object)) {
    if (object.cast<Scheduler>()->owner() == nullptr) {
      Check(absl::FailedPreconditionError("this scheduler is lent; it cannot be used for another tuning"));
    }
    return object.cast<Scheduler>()->owner();
  }
  if (!Plays(object, "TaskScheduler")) ThrowExpected("a TaskScheduler", object);
  TaskScheduler* native = object.attr("_native").cast<Scheduler>()->owner().get();
  return std::shared_ptr<TaskScheduler>(native,
                                        [held = Hold(py::reinterpret_borrow<py::object>(object))](TaskScheduler*) {});
}

std::shared_ptr<ms::MeasureCallback> CallbackOf(py::handle object) {
  if (py::isinstance<ms::MeasureCallback>(object)) return object.cast<std::shared_ptr<ms::MeasureCallback>>();
  if (Plays(object, "MeasureCallback") || PyCallable_Check(object.ptr()) != 0) {
    return std::make_shared<OwnCallback>(py::reinterpret_borrow<py::object>(object));
  }
  ThrowExpected("a MeasureCallback or a callable", object);
}

std::vector<std::shared_ptr<ms::MeasureCallback>> CallbacksOf(py::handle object) {
  if (py::isinstance<py::str>(object)) return Unwrap(ms::MeasureCallback::Create(object.cast<std::string>()));
  std::vector<std::shared_ptr<ms::MeasureCallback>> out;
  if (object.is_none()) return out;
  if (!py::isinstance<py::iterable>(object)) {
    out.push_back(CallbackOf(object));
    return out;
  }
  for (py::handle item : py::reinterpret_borrow<py::object>(object)) out.push_back(CallbackOf(item));
  return out;
}

py::object WrapCallback(std::shared_ptr<ms::MeasureCallback> callback) {
  if (const auto* own = dynamic_cast<OwnCallback*>(callback.get())) return own->self();
  return py::cast(std::move(callback));
}

void BindScheduler(py::module_& m) {
  BindTaskRecord(m);
  using Args = void (*)(SchedulerBox&, py::object, std::vector<double>, int64_t, std::optional<int64_t>, int,
                        py::object, py::object, py::object, py::object, py::object);
  py::class_<SchedulerBox, Scheduler>(m, "StockTaskScheduler")
      .def_property_readonly("num_tasks", [](const SchedulerBox& s) { return s.get().num_tasks(); })
      .def("task", &TaskOf, py::arg("task_id"))
      .def_property_readonly("tasks",
                             [](const SchedulerBox& s) {
                               py::list out;
                               for (int i = 0; i < s.get().num_tasks(); ++i) out.append(s.get().task(i));
                               return out;
                             })
      .def_property_readonly("database", [](const SchedulerBox& s) { return WrapDatabase(s.get().options().database); })
      .def_property_readonly("cost_model",
                             [](const SchedulerBox& s) { return WrapCostModel(s.get().options().cost_model); })
      .def(
          "next_task_id", [](const SchedulerBox& s) { return Unwrap(Unlocked([&] { return s.get().NextTaskId(); })); },
          "The task for the next batch; -1 when none is left.")
      .def(
          "join_running_task",
          [](const SchedulerBox& s, int id) {
            TaskOf(s, id);
            return Unwrap(Unlocked([&] { return s.get().JoinRunningTask(id); }));
          },
          py::arg("task_id"))
      .def("generic_join_running_task",
           [](const SchedulerBox& s, int id) {
             TaskOf(s, id);
             return Unwrap(Unlocked([&] { return s.get().TaskScheduler::JoinRunningTask(id); }));
           })
      .def("generic_tune", static_cast<Args>(&Tune))
      .def("tune", static_cast<Args>(&TuneStock), py::arg("tasks"), py::arg("task_weights"),
           py::arg("max_trials_global"), py::arg("max_trials_per_task"), py::arg("num_trials_per_iter"),
           py::arg("builder"), py::arg("runner"), py::arg("measure_callbacks"), py::arg("database") = py::none(),
           py::arg("cost_model") = py::none())
      .def(
          "terminate_task",
          [](const SchedulerBox& s, int id) {
            TaskOf(s, id);
            Check(s.get().TerminateTask(id));
          },
          py::arg("task_id"))
      .def(
          "touch_task",
          [](const SchedulerBox& s, int id) {
            TaskOf(s, id);
            Check(Unlocked([&] { return s.get().TouchTask(id); }));
          },
          py::arg("task_id"))
      .def("print_tuning_statistics", [](const SchedulerBox& s) { Unlocked([&] { s.get().PrintTuningStatistics(); }); })
      .def("tuning_statistics", [](const SchedulerBox& s) { return s.get().TuningStatistics(); });
  m.def("create_task_scheduler", [](const std::string& kind, int64_t seed) {
    return std::make_shared<SchedulerBox>(std::shared_ptr<TaskScheduler>(Unwrap(TaskScheduler::Create(kind, seed))));
  });
  m.def("native_scheduler_of",
        [](py::object self) { return std::make_shared<SchedulerBox>(std::make_shared<OwnScheduler>(self)); });

  py::class_<ms::MeasureCallback, std::shared_ptr<ms::MeasureCallback>>(m, "StockMeasureCallback")
      .def_property_readonly("name", &ms::MeasureCallback::name)
      .def(
          "apply",
          [](ms::MeasureCallback& callback, py::object scheduler, int task_id, py::object candidates, py::object builds,
             py::object results) {
            const auto cs = VectorOf<ms::MeasureCandidate>(candidates);
            const auto bs = VectorOf<ms::BuilderResult>(builds);
            const auto rs = VectorOf<RunnerResult>(results);
            const Scheduler box = Plays(scheduler, "TaskScheduler") && !py::isinstance<SchedulerBox>(scheduler)
                                      ? scheduler.attr("_native").cast<Scheduler>()
                                      : scheduler.cast<Scheduler>();
            TaskOf(*box, task_id);
            if (cs.size() != bs.size() || cs.size() != rs.size()) {
              Check(absl::InvalidArgumentError("expected as many results as candidates"));
            }
            Check(Unlocked([&] { return callback.Apply(box->get(), task_id, cs, bs, rs); }));
          },
          py::arg("task_scheduler"), py::arg("task_id"), py::arg("measure_candidates"), py::arg("builder_results"),
          py::arg("runner_results"));
  m.def("create_measure_callbacks", [](const std::string& kind) { return Unwrap(ms::MeasureCallback::Create(kind)); });
}

}  // namespace hone::python
