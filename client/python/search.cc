// Search strategies, cost models, feature extractors and contexts: the stock ones, and those that users write.
#include <pybind11/stl.h>

#include "client/cpp/feature_extractor.h"
#include "client/cpp/search_strategy.h"
#include "client/cpp/tune_context.h"
#include "client/python/context_box.h"
#include "client/python/convert.h"
#include "common/support/log.h"
#include "common/support/strings.h"

namespace hone::python {
namespace {

using ms::MeasureCandidate;
using ms::RunnerResult;
using ms::TuneContext;
using Context = std::shared_ptr<ContextBox>;

py::list ListOfSchedules(const std::vector<schedule::Schedule>& schedules) {
  py::list out;
  for (const schedule::Schedule& sch : schedules) out.append(WrapSchedule(sch.CopyWithSeed(1)));
  return out;
}

// ---- those of users

class OwnCostModel final : public ms::CostModel {
 public:
  explicit OwnCostModel(py::object self) : self_(Hold(std::move(self))) {}
  const py::object& self() const { return *self_; }
  absl::Status Load(const std::string& path) override { return CallWith("load", path); }
  absl::Status Save(const std::string& path) override { return CallWith("save", path); }
  absl::Status Update(const TuneContext& context, absl::Span<const MeasureCandidate> candidates,
                      absl::Span<const RunnerResult> results) override {
    return Guarded<absl::Status>([&] {
      const LentContext lent(context);
      self_->attr("update")(lent.object(), ListOf(candidates), ListOf(results));
      return absl::OkStatus();
    });
  }
  absl::StatusOr<std::vector<double>> Predict(const TuneContext& context,
                                              absl::Span<const MeasureCandidate> candidates) override {
    auto scores = Guarded<absl::StatusOr<std::vector<double>>>([&] {
      const LentContext lent(context);
      return VectorOf<double>(self_->attr("predict")(lent.object(), ListOf(candidates)));
    });
    if (scores.ok() && scores->size() != candidates.size()) {
      return absl::InvalidArgumentError(
          StrCat("the cost model gave ", scores->size(), " scores for ", candidates.size(), " candidates"));
    }
    return scores;
  }

 private:
  absl::Status CallWith(const char* method, const std::string& path) {
    return Guarded<absl::Status>([&] {
      self_->attr(method)(path);
      return absl::OkStatus();
    });
  }
  const Held self_;
};

// A matrix: a FeatureMatrix, an array of two dimensions, or a list of rows.
FeatureMatrix MatrixOf(py::handle object) {
  FeatureMatrix out;
  const py::object rows =
      py::hasattr(object, "tolist") ? py::object(object.attr("tolist")()) : py::reinterpret_borrow<py::object>(object);
  for (py::handle row : rows) {
    const auto values = VectorOf<double>(row);
    if (out.rows > 0 && static_cast<int>(values.size()) != out.columns) {
      throw py::value_error(StrCat("a row of features has ", values.size(), " values, the one before ", out.columns));
    }
    out.columns = static_cast<int>(values.size());
    out.values.insert(out.values.end(), values.begin(), values.end());
    ++out.rows;
  }
  return out;
}

class OwnFeatureExtractor final : public ms::FeatureExtractor {
 public:
  explicit OwnFeatureExtractor(py::object self) : self_(Hold(std::move(self))) {}
  absl::StatusOr<std::vector<FeatureMatrix>> ExtractFrom(const TuneContext& context,
                                                         absl::Span<const MeasureCandidate> candidates) override {
    return Guarded<absl::StatusOr<std::vector<FeatureMatrix>>>([&] {
      const LentContext lent(context);
      const py::object matrices = self_->attr("extract_from")(lent.object(), ListOf(candidates));
      std::vector<FeatureMatrix> out;
      for (py::handle matrix : matrices) out.push_back(MatrixOf(matrix));
      return out;
    });
  }

 private:
  const Held self_;
};

std::shared_ptr<ms::FeatureExtractor> ExtractorOf(py::handle object) {
  if (object.is_none()) return nullptr;
  if (py::isinstance<ms::FeatureExtractor>(object)) return object.cast<std::shared_ptr<ms::FeatureExtractor>>();
  if (Plays(object, "FeatureExtractor")) {
    return std::make_shared<OwnFeatureExtractor>(py::reinterpret_borrow<py::object>(object));
  }
  ThrowExpected("a FeatureExtractor", object);
}

class OwnStrategy final : public ms::SearchStrategy {
 public:
  explicit OwnStrategy(py::object self) : self_(Hold(std::move(self))) {}
  ~OwnStrategy() override {
    if (context_ != nullptr) context_->Expire();
  }
  const py::object& self() const { return *self_; }

  absl::Status Initialize(TuneContext& context) override {
    return Guarded<absl::Status>([&] {
      if (context_ != nullptr) context_->Expire();
      context_ = std::make_shared<ContextBox>(&context, &context);
      self_->attr("initialize")(context_);
      return absl::OkStatus();
    });
  }
  absl::Status PreTuning(ms::PreTuningOptions options) override {
    return Guarded<absl::Status>([&] {
      self_->attr("pre_tuning")(options.max_trials, options.num_trials_per_iter, ListOfSchedules(options.design_spaces),
                                WrapDatabase(options.database), WrapCostModel(options.cost_model));
      return absl::OkStatus();
    });
  }
  absl::StatusOr<std::optional<std::vector<MeasureCandidate>>> GenerateMeasureCandidates() override {
    using Batch = std::optional<std::vector<MeasureCandidate>>;
    return Guarded<absl::StatusOr<Batch>>([&]() -> Batch {
      const py::object out = self_->attr("generate_measure_candidates")();
      if (out.is_none()) return std::nullopt;
      return VectorOf<MeasureCandidate>(out);
    });
  }
  absl::Status NotifyRunnerResults(absl::Span<const MeasureCandidate> candidates,
                                   absl::Span<const RunnerResult> results) override {
    return Guarded<absl::Status>([&] {
      self_->attr("notify_runner_results")(ListOf(candidates), ListOf(results));
      return absl::OkStatus();
    });
  }
  absl::Status PostTuning() override {
    return Guarded<absl::Status>([&] {
      self_->attr("post_tuning")();
      return absl::OkStatus();
    });
  }
  // A strategy has state, so it is never shared: where clone() fails, nothing can be tuned.
  std::unique_ptr<SearchStrategy> Clone() const override {
    const py::gil_scoped_acquire gil;
    try {
      return std::make_unique<OwnStrategy>(self_->attr("clone")());
    } catch (py::error_already_set& error) {
      HONE_LOG(kWarning) << "clone() of a search strategy failed, sharing the object: " << StatusOf(error).message();
      return std::make_unique<OwnStrategy>(*self_);
    }
  }

 private:
  const Held self_;
  Context context_;  // What Python has of the context, which owns this.
};

// ---- stock strategies in Python

struct StockStrategy {
  std::shared_ptr<ms::SearchStrategy> impl;
  std::shared_ptr<TuneContext> context;  // Outlives the strategy.
};

ms::PreTuningOptions PreTuningOf(int64_t max_trials, int num_trials_per_iter, py::object design_spaces,
                                 py::object database, py::object cost_model) {
  ms::PreTuningOptions out;
  out.max_trials = max_trials;
  out.num_trials_per_iter = num_trials_per_iter;
  out.design_spaces = SchedulesOf(design_spaces);
  if (!database.is_none()) out.database = DatabaseOf(database);
  if (!cost_model.is_none()) out.cost_model = CostModelOf(cost_model);
  return out;
}

// TuneContext and SearchStrategy have the same life cycle.
template <typename T>
void PreTune(T& tuned, int64_t max_trials, int n, py::object spaces, py::object database, py::object model) {
  ms::PreTuningOptions options = PreTuningOf(max_trials, n, spaces, database, model);
  Check(Unlocked([&] { return tuned.PreTuning(std::move(options)); }));
}
template <typename T>
py::object NextBatch(T& tuned) {
  const auto batch = Unwrap(Unlocked([&] { return tuned.GenerateMeasureCandidates(); }));
  return batch.has_value() ? py::object(ListOf(*batch)) : py::object(py::none());
}
template <typename T>
void Notify(T& tuned, py::object candidates, py::object results) {
  const auto c = VectorOf<MeasureCandidate>(candidates);
  const auto r = VectorOf<RunnerResult>(results);
  if (c.size() != r.size()) {
    Check(absl::InvalidArgumentError(StrCat(r.size(), " results for ", c.size(), " candidates")));
  }
  Check(Unlocked([&] { return tuned.NotifyRunnerResults(c, r); }));
}

void BindStrategy(py::module_& m) {
  py::class_<StockStrategy>(m, "StockSearchStrategy")
      .def(
          "initialize",
          [](StockStrategy& s, const ContextBox& context) {
            Check(Unlocked([&] { return s.impl->Initialize(context.Write()); }));
            s.context = context.owner();
          },
          py::arg("context"))
      .def(
          "pre_tuning",
          [](StockStrategy& s, int64_t max_trials, int n, py::object spaces, py::object db, py::object model) {
            PreTune(*s.impl, max_trials, n, spaces, db, model);
          },
          py::arg("max_trials"), py::arg("num_trials_per_iter"), py::arg("design_spaces"),
          py::arg("database") = py::none(), py::arg("cost_model") = py::none())
      .def(
          "generate_measure_candidates", [](StockStrategy& s) { return NextBatch(*s.impl); },
          "The next batch; None when there is nothing more to do.")
      .def(
          "notify_runner_results", [](StockStrategy& s, py::object c, py::object r) { Notify(*s.impl, c, r); },
          py::arg("measure_candidates"), py::arg("results"))
      .def("post_tuning", [](StockStrategy& s) { Check(Unlocked([&] { return s.impl->PostTuning(); })); })
      .def("clone", [](StockStrategy& s) {
        return StockStrategy{s.impl->Clone(), nullptr};
      });
  m.def("create_search_strategy", [](const std::string& kind, const std::string& params) {
    return StockStrategy{Unwrap(ms::SearchStrategy::Create(kind, params)), nullptr};
  });
}

// ---- cost models and features

// What the buffer protocol shows: float64, rows x columns.
struct Matrix {
  py::ssize_t rows = 0;
  py::ssize_t columns = 0;
  std::vector<double> values;
};

py::list Row(const Matrix& matrix, py::ssize_t row) {
  if (row < 0) row += matrix.rows;
  if (row < 0 || row >= matrix.rows) throw py::index_error(StrCat("row ", row, " of ", matrix.rows));
  py::list out;
  for (py::ssize_t c = 0; c < matrix.columns; ++c) out.append(matrix.values[row * matrix.columns + c]);
  return out;
}

void BindModels(py::module_& m) {
  py::class_<ms::CostModel, std::shared_ptr<ms::CostModel>>(m, "StockCostModel")
      .def(
          "load", [](ms::CostModel& c, const std::string& path) { Check(Unlocked([&] { return c.Load(path); })); },
          py::arg("path"))
      .def(
          "save", [](ms::CostModel& c, const std::string& path) { Check(Unlocked([&] { return c.Save(path); })); },
          py::arg("path"))
      .def(
          "update",
          [](ms::CostModel& c, const ContextBox& context, py::object candidates, py::object results) {
            const auto cs = VectorOf<MeasureCandidate>(candidates);
            const auto rs = VectorOf<RunnerResult>(results);
            if (cs.size() != rs.size()) {
              Check(absl::InvalidArgumentError(StrCat(rs.size(), " results for ", cs.size(), " candidates")));
            }
            const TuneContext& read = context.Read();
            Check(Unlocked([&] { return c.Update(read, cs, rs); }));
          },
          py::arg("context"), py::arg("candidates"), py::arg("results"))
      .def(
          "predict",
          [](ms::CostModel& c, const ContextBox& context, py::object candidates) {
            const auto cs = VectorOf<MeasureCandidate>(candidates);
            const TuneContext& read = context.Read();
            return Unwrap(Unlocked([&] { return c.Predict(read, cs); }));
          },
          py::arg("context"), py::arg("candidates"), "A normalised score a candidate, higher is better.");
  m.def("create_cost_model", [](const std::string& kind, uint64_t seed, py::object extractor) {
    return WrapCostModel(Unwrap(ms::CostModel::Create(kind, ExtractorOf(extractor), seed)));
  });

  py::class_<Matrix>(m, "FeatureMatrix", py::buffer_protocol(),
                     "Rows of features; numpy.asarray() takes it as float64.")
      .def_buffer([](Matrix& matrix) {
        return py::buffer_info(
            matrix.values.data(), sizeof(double), py::format_descriptor<double>::format(), 2,
            {matrix.rows, matrix.columns},
            {static_cast<py::ssize_t>(sizeof(double)) * matrix.columns, static_cast<py::ssize_t>(sizeof(double))});
      })
      .def_property_readonly("shape", [](const Matrix& matrix) { return py::make_tuple(matrix.rows, matrix.columns); })
      .def("__len__", [](const Matrix& matrix) { return matrix.rows; })
      .def("__getitem__", &Row)
      .def("tolist", [](const Matrix& matrix) {
        py::list out;
        for (py::ssize_t r = 0; r < matrix.rows; ++r) out.append(Row(matrix, r));
        return out;
      });
  py::class_<ms::FeatureExtractor, std::shared_ptr<ms::FeatureExtractor>>(m, "StockFeatureExtractor")
      .def(
          "extract_from",
          [](ms::FeatureExtractor& f, const ContextBox& context, py::object candidates) {
            const auto cs = VectorOf<MeasureCandidate>(candidates);
            const TuneContext& read = context.Read();
            py::list out;
            for (const FeatureMatrix& x : Unwrap(Unlocked([&] { return f.ExtractFrom(read, cs); }))) {
              out.append(Matrix{x.rows, x.columns, std::vector<double>(x.values.begin(), x.values.end())});
            }
            return out;
          },
          py::arg("context"), py::arg("candidates"), "A FeatureMatrix a candidate.");
  m.def("create_feature_extractor", [](const std::string& kind, bool extract_workload) {
    return std::shared_ptr<ms::FeatureExtractor>(Unwrap(ms::FeatureExtractor::Create(kind, extract_workload)));
  });
}

// ---- contexts

// A callable that takes the level's name and the text.
ms::Logger LoggerOf(py::object function) {
  if (function.is_none()) return nullptr;
  return [held = Hold(std::move(function))](LogLevel level, const std::string& text) {
    constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
    const absl::Status status = Guarded<absl::Status>([&] {
      (*held)(kNames[static_cast<int>(level)], text);
      return absl::OkStatus();
    });
    if (!status.ok()) {
      HONE_LOG(kWarning) << "a logger failed: " << status.message();
    }
  };
}

Context MakeContext(py::object mod, py::object target, py::object space_generator, py::object search_strategy,
                    const std::string& task_name, int64_t rand_state, ms::NumThreads num_threads, py::object logger) {
  ms::TuneContextOptions options;
  if (!mod.is_none()) options.mod = ModuleOf(mod);
  if (!target.is_none()) options.target = TargetOf(target);
  if (!space_generator.is_none()) options.space_generator = GeneratorOf(space_generator);
  if (!search_strategy.is_none()) options.search_strategy = StrategyOf(search_strategy);
  options.task_name = task_name;
  options.rand_state = rand_state;
  options.num_threads = std::move(num_threads);
  options.logger = LoggerOf(std::move(logger));
  return std::make_shared<ContextBox>(
      std::shared_ptr<TuneContext>(Unwrap(Unlocked([&] { return TuneContext::Create(std::move(options)); }))));
}

py::list DesignSpace(const ContextBox& box) {
  TuneContext& context = box.Write();
  auto spaces = Unwrap(Unlocked([&] { return context.GenerateDesignSpace(); }));
  py::list out;
  for (schedule::Schedule& sch : spaces) out.append(WrapSchedule(std::move(sch)));
  return out;
}

py::object StrategyOfContext(const ContextBox& box) {
  ms::SearchStrategy* strategy = box.Read().search_strategy();
  if (strategy == nullptr) return py::none();
  if (const auto* own = dynamic_cast<OwnStrategy*>(strategy)) return own->self();
  if (box.owner() == nullptr) {
    Check(absl::FailedPreconditionError("the strategy of a context that is lent; use the context's own methods"));
  }
  return py::cast(StockStrategy{std::shared_ptr<ms::SearchStrategy>(box.owner(), strategy), box.owner()});
}

void BindContext(py::module_& m) {
  py::class_<ContextBox, Context>(m, "TuneContext", "Everything that belongs to the tuning of one task.")
      .def(py::init(&MakeContext), py::arg("mod") = py::none(), py::kw_only(), py::arg("target") = py::none(),
           py::arg("space_generator") = py::none(), py::arg("search_strategy") = py::none(),
           py::arg("task_name") = "main", py::arg("rand_state") = -1, py::arg("num_threads") = "physical",
           py::arg("logger") = py::none(),
           "Generator and strategy: objects, kinds, or for the generator a callable. Stock ones are cloned.")
      .def_property_readonly(
          "mod", [](const ContextBox& c) { return c.Read().mod() ? py::cast(c.Read().mod()) : py::object(py::none()); })
      .def_property_readonly("target",
                             [](const ContextBox& c) {
                               return c.Read().has_target() ? py::cast(c.Read().target()) : py::object(py::none());
                             })
      .def_property_readonly("task_name", [](const ContextBox& c) { return c.Read().task_name(); })
      .def_property_readonly("num_threads", [](const ContextBox& c) { return c.Read().num_threads(); })
      .def_property_readonly("rand_state", [](const ContextBox& c) { return c.Read().rand_state(); })
      .def_property_readonly(
          "space_generator",
          [](const ContextBox& c) {
            const SpaceGenerator* generator = c.Read().space_generator();
            return generator == nullptr ? py::object(py::none()) : WrapGenerator(*generator);
          },
          "The user's own object, or a copy of a stock one.")
      .def_property_readonly("search_strategy", &StrategyOfContext)
      .def("initialize", [](const ContextBox& c) { Check(Unlocked([&] { return c.Write().Initialize(); })); })
      .def("generate_design_space", &DesignSpace)
      .def(
          "pre_tuning",
          [](const ContextBox& c, int64_t max_trials, int n, py::object spaces, py::object db, py::object model) {
            PreTune(c.Write(), max_trials, n, spaces, db, model);
          },
          py::arg("max_trials"), py::arg("num_trials_per_iter") = 64, py::arg("design_spaces") = py::none(),
          py::arg("database") = py::none(), py::arg("cost_model") = py::none())
      .def(
          "generate_measure_candidates", [](const ContextBox& c) { return NextBatch(c.Write()); },
          "The next batch; None when there is nothing more to do.")
      .def(
          "notify_runner_results", [](const ContextBox& c, py::object cs, py::object rs) { Notify(c.Write(), cs, rs); },
          py::arg("measure_candidates"), py::arg("results"))
      .def("post_tuning", [](const ContextBox& c) { Check(Unlocked([&] { return c.Write().PostTuning(); })); })
      .def(
          "clone",
          [](const ContextBox& c) {
            TuneContext& context = c.Write();
            return std::make_shared<ContextBox>(
                std::shared_ptr<TuneContext>(Unwrap(Unlocked([&] { return context.Clone(); }))));
          },
          "Generator and strategy cloned, the random state forked.")
      .def("fork_seed", [](const ContextBox& c) { return c.Write().ForkSeed(); })
      .def("__eq__",
           [](const ContextBox& a, py::object b) {
             return py::isinstance<ContextBox>(b) && &b.cast<const ContextBox&>().Read() == &a.Read();
           })
      .def("__hash__", [](const ContextBox& c) { return reinterpret_cast<uintptr_t>(&c.Read()) >> 4; })
      .def("__repr__", [](const ContextBox& c) { return StrCat("TuneContext(\"", c.Read().task_name(), "\")"); });
}

}  // namespace

LentContext::LentContext(ms::TuneContext& context) : box_(std::make_shared<ContextBox>(&context, &context)) {}
LentContext::LentContext(const ms::TuneContext& context) : box_(std::make_shared<ContextBox>(&context, nullptr)) {}
LentContext::~LentContext() { box_->Expire(); }
py::object LentContext::object() const { return py::cast(box_); }

std::shared_ptr<TuneContext> ContextOf(py::handle object) {
  if (!py::isinstance<ContextBox>(object)) ThrowExpected("a TuneContext", object);
  std::shared_ptr<TuneContext> out = object.cast<const ContextBox&>().owner();
  if (out == nullptr) Check(absl::FailedPreconditionError("this context is lent; it cannot be tuned"));
  return out;
}
py::object WrapContext(std::shared_ptr<TuneContext> context) {
  return py::cast(std::make_shared<ContextBox>(std::move(context)));
}

std::shared_ptr<ms::CostModel> CostModelOf(py::handle object) {
  if (py::isinstance<ms::CostModel>(object)) return object.cast<std::shared_ptr<ms::CostModel>>();
  if (Plays(object, "CostModel")) return std::make_shared<OwnCostModel>(py::reinterpret_borrow<py::object>(object));
  ThrowExpected("a CostModel", object);
}
py::object WrapCostModel(std::shared_ptr<ms::CostModel> model) {
  if (model == nullptr) return py::none();
  if (const auto* own = dynamic_cast<OwnCostModel*>(model.get())) return own->self();
  return py::cast(std::move(model));
}

std::unique_ptr<ms::SearchStrategy> StrategyOf(py::handle object) {
  if (py::isinstance<StockStrategy>(object)) return object.cast<StockStrategy&>().impl->Clone();
  if (Plays(object, "SearchStrategy")) return std::make_unique<OwnStrategy>(py::reinterpret_borrow<py::object>(object));
  if (py::isinstance<py::str>(object)) return Unwrap(ms::SearchStrategy::Create(object.cast<std::string>()));
  ThrowExpected("a SearchStrategy or its kind", object);
}

void BindSearch(py::module_& m) {
  BindModels(m);
  BindContext(m);
  BindStrategy(m);
}

}  // namespace hone::python
