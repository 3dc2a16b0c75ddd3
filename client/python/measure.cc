// Candidates, builders, runners: the stock ones, and those that users write.
#include <pybind11/stl.h>

#include "client/cpp/builder.h"
#include "client/cpp/connection.h"
#include "client/cpp/runner.h"
#include "client/python/convert.h"
#include "client/python/schedule_box.h"
#include "common/support/strings.h"

namespace hone::python {
namespace {

using ms::BuilderInput;
using ms::BuilderResult;
using ms::MeasureCandidate;
using ms::RunnerFuture;
using ms::RunnerInput;
using ms::RunnerResult;

// ---- those of users

// A builder must not fail as a whole: what its code raises is the failure of every input.
class OwnBuilder final : public ms::Builder {
 public:
  explicit OwnBuilder(py::object self) : self_(Hold(std::move(self))) {}
  const py::object& self() const { return *self_; }

  std::vector<BuilderResult> Build(absl::Span<const BuilderInput> inputs) override {
    auto results = Guarded<absl::StatusOr<std::vector<BuilderResult>>>(
        [&] { return VectorOf<BuilderResult>(self_->attr("build")(ListOf(inputs))); });
    if (results.ok() && results->size() == inputs.size()) return *std::move(results);
    const std::string why = results.ok() ? StrCat(results->size(), " results for ", inputs.size(), " inputs")
                                         : std::string(results.status().message());
    return std::vector<BuilderResult>(inputs.size(), BuilderResult{std::nullopt, why});
  }

 private:
  const Held self_;
};

// A future with methods done and result.
class OwnFuture final : public RunnerFuture {
 public:
  explicit OwnFuture(py::object self) : self_(Hold(std::move(self))) {}
  bool Done() const override {
    const auto done = Guarded<absl::StatusOr<bool>>([&] { return self_->attr("done")().cast<bool>(); });
    return !done.ok() || *done;  // The result then says what is wrong.
  }
  RunnerResult Result() override {
    auto result = Guarded<absl::StatusOr<RunnerResult>>([&] { return self_->attr("result")().cast<RunnerResult>(); });
    if (result.ok()) return *std::move(result);
    return RunnerResult{std::nullopt, std::string(result.status().message())};
  }

 private:
  const Held self_;
};

std::shared_ptr<RunnerFuture> FutureOf(py::handle object) {
  if (py::isinstance<RunnerFuture>(object)) return object.cast<std::shared_ptr<RunnerFuture>>();
  if (!py::hasattr(object, "done") || !py::hasattr(object, "result")) {
    ThrowExpected("a RunnerFuture (methods done and result)", object);
  }
  return std::make_shared<OwnFuture>(py::reinterpret_borrow<py::object>(object));
}

class OwnRunner final : public ms::Runner {
 public:
  explicit OwnRunner(py::object self) : self_(Hold(std::move(self))) {}
  const py::object& self() const { return *self_; }

  std::vector<std::shared_ptr<RunnerFuture>> Run(absl::Span<const RunnerInput> inputs) override {
    using Futures = std::vector<std::shared_ptr<RunnerFuture>>;
    auto futures = Guarded<absl::StatusOr<Futures>>([&] {
      Futures out;
      for (py::handle item : py::object(self_->attr("run")(ListOf(inputs)))) out.push_back(FutureOf(item));
      return out;
    });
    if (futures.ok() && futures->size() == inputs.size()) return *std::move(futures);
    const std::string why = futures.ok() ? StrCat(futures->size(), " futures for ", inputs.size(), " inputs")
                                         : std::string(futures.status().message());
    Futures failed;
    for (size_t i = 0; i < inputs.size(); ++i) {
      failed.push_back(std::make_shared<RunnerFuture>(RunnerResult{std::nullopt, why}));
    }
    return failed;
  }

 private:
  const Held self_;
};

// ---- making values

BuilderResult MakeBuilderResult(std::optional<std::string> path, std::optional<std::string> error) {
  if (path.has_value() == error.has_value()) {
    throw py::value_error("a builder's result has either artifact_path or error_msg");
  }
  return {std::move(path), std::move(error)};
}

RunnerResult MakeRunnerResult(std::optional<std::vector<double>> secs, std::optional<std::string> error) {
  if (secs.has_value() == error.has_value())
    throw py::value_error("a runner's result has either run_secs or error_msg");
  return {std::move(secs), std::move(error), nullptr};
}

MeasureCandidate MakeCandidate(py::object sch, std::optional<std::vector<ms::ArgInfo>> args_info) {
  if (!args_info.has_value()) return Unwrap(ms::MakeMeasureCandidate(CopyScheduleOf(sch)));
  return {std::make_shared<const schedule::Schedule>(CopyScheduleOf(sch)), *std::move(args_info)};
}

std::shared_ptr<ms::Builder> CreateBuilder(const std::string& kind, int max_workers, double timeout_sec) {
  ms::BuilderOptions options;
  options.max_workers = max_workers;
  options.timeout = absl::Seconds(timeout_sec);
  return Unwrap(ms::Builder::Create(kind, options));
}

std::shared_ptr<ms::Runner> CreateRunner(const std::string& kind, double timeout_sec,
                                         std::optional<ms::EvaluatorConfig> evaluator_config,
                                         std::shared_ptr<Connection> server) {
  ms::RunnerOptions options;
  options.timeout = absl::Seconds(timeout_sec);
  options.evaluator = evaluator_config;
  options.server = std::move(server);
  return Unwrap(ms::Runner::Create(kind, options));
}

std::shared_ptr<Connection> Connect(const std::string& server, const std::string& token, const std::string& ca_file,
                                    const std::string& cert_file, const std::string& key_file) {
  ConnectionOptions options;
  options.server = server;
  options.token = token;
  options.ca_file = ca_file;
  options.cert_file = cert_file;
  options.key_file = key_file;
  return Unwrap(Connection::Open(options));
}

void BindValues(py::module_& m) {
  py::class_<TensorInfo>(m, "TensorInfo", "A parameter of a kernel.")
      .def(py::init([](std::string dtype, std::vector<int64_t> shape) {
             return TensorInfo{dtype, shape};
           }),
           py::arg("dtype"), py::arg("shape"))
      .def_readwrite("dtype", &TensorInfo::dtype)
      .def_readwrite("shape", &TensorInfo::shape)
      .def("as_json", [](const TensorInfo& info) { return ParseJson(ms::ArgInfoToJson(info)); })
      .def_static(
          "from_json", [](py::object json) { return Unwrap(ms::ArgInfoFromJson(JsonOf(json))); }, py::arg("json_obj"))
      .def_static(
          "from_entry_func",
          [](py::object mod, bool remove_preproc) {
            return Unwrap(ms::ArgInfosOfEntry(ModuleOf(mod), remove_preproc));
          },
          py::arg("mod"), py::arg("remove_preproc") = true, "Those of the module's entry function, in order.")
      .def("__eq__",
           [](const TensorInfo& a, py::object b) { return py::isinstance<TensorInfo>(b) && a == b.cast<TensorInfo>(); })
      .def("__hash__", [](const TensorInfo& info) { return std::hash<std::string>()(ms::ArgInfoToJson(info)); })
      .def("__repr__", [](const TensorInfo& info) { return StrCat("TensorInfo(", ms::ArgInfoToJson(info), ")"); });

  py::class_<MeasureCandidate>(m, "MeasureCandidate", "A schedule and what its kernel takes.")
      .def(py::init(&MakeCandidate), py::arg("sch"), py::arg("args_info") = py::none())
      .def_property_readonly("sch", [](const MeasureCandidate& candidate) { return WrapSchedule(candidate.sch); })
      .def_readonly("args_info", &MeasureCandidate::args_info);

  py::class_<BuilderInput>(m, "BuilderInput")
      .def(py::init([](py::object mod, py::object target, std::optional<std::map<std::string, std::string>> params,
                       py::object workload, std::string trace_json) {
             BuilderInput out{ModuleOf(mod), TargetOf(target)};
             out.params = std::move(params);
             if (!workload.is_none()) out.workload = ModuleOf(workload);
             out.trace_json = std::move(trace_json);
             return out;
           }),
           py::arg("mod"), py::arg("target"), py::arg("params") = py::none(), py::kw_only(),
           py::arg("workload") = py::none(), py::arg("trace_json") = "")
      .def_readonly("mod", &BuilderInput::mod)
      .def_readonly("target", &BuilderInput::target)
      .def_readonly("params", &BuilderInput::params)
      .def_property_readonly(
          "workload",
          [](const BuilderInput& input) { return input.workload ? py::cast(input.workload) : py::object(py::none()); },
          "The unscheduled program that the kernel must agree with, or None.")
      .def_readonly("trace_json", &BuilderInput::trace_json);
  py::class_<BuilderResult>(m, "BuilderResult")
      .def(py::init(&MakeBuilderResult), py::arg("artifact_path") = py::none(), py::arg("error_msg") = py::none())
      .def_readonly("artifact_path", &BuilderResult::artifact_path)
      .def_readonly("error_msg", &BuilderResult::error_msg);

  py::class_<RunnerInput>(m, "RunnerInput")
      .def(py::init([](std::string path, std::string device, std::vector<ms::ArgInfo> args) {
             return RunnerInput{std::move(path), std::move(device), std::move(args)};
           }),
           py::arg("artifact_path"), py::arg("device_type"), py::arg("args_info"))
      .def_readonly("artifact_path", &RunnerInput::artifact_path)
      .def_readonly("device_type", &RunnerInput::device_type)
      .def_readonly("args_info", &RunnerInput::args_info);
  py::class_<RunnerResult>(m, "RunnerResult")
      .def(py::init(&MakeRunnerResult), py::arg("run_secs") = py::none(), py::arg("error_msg") = py::none())
      .def_readonly("run_secs", &RunnerResult::run_secs)
      .def_readonly("error_msg", &RunnerResult::error_msg)
      .def_property_readonly("median", &ms::MedianSeconds, "The median of run_secs; 1e10 where there is none.");
  py::class_<RunnerFuture, std::shared_ptr<RunnerFuture>>(m, "RunnerFuture", "A result to come.")
      .def(py::init([](std::optional<RunnerResult> result) {
             return result.has_value() ? std::make_shared<RunnerFuture>(*std::move(result))
                                       : std::make_shared<RunnerFuture>();
           }),
           py::arg("result") = py::none())
      .def("done", &RunnerFuture::Done, py::call_guard<py::gil_scoped_release>())
      .def("result", &RunnerFuture::Result, py::call_guard<py::gil_scoped_release>(), "Waits.")
      .def("set", &RunnerFuture::Set, py::arg("result"), "For runners; once.");

  py::class_<ms::EvaluatorConfig>(m, "EvaluatorConfig", "How to time, as the peer says it.")
      .def(py::init([](int number, int repeat, int min_repeat_ms, bool flush) {
             return ms::EvaluatorConfig{number, repeat, min_repeat_ms, flush};
           }),
           py::arg("number") = 3, py::arg("repeat") = 1, py::arg("min_repeat_ms") = 100,
           py::arg("enable_cpu_cache_flush") = false)
      .def_readonly("number", &ms::EvaluatorConfig::number)
      .def_readonly("repeat", &ms::EvaluatorConfig::repeat)
      .def_readonly("min_repeat_ms", &ms::EvaluatorConfig::min_repeat_ms)
      .def_readonly("enable_cpu_cache_flush", &ms::EvaluatorConfig::enable_cpu_cache_flush);
}

}  // namespace

std::shared_ptr<ms::Builder> BuilderOf(py::handle object) {
  if (py::isinstance<ms::Builder>(object)) return object.cast<std::shared_ptr<ms::Builder>>();
  if (Plays(object, "Builder")) return std::make_shared<OwnBuilder>(py::reinterpret_borrow<py::object>(object));
  ThrowExpected("a Builder", object);
}

std::shared_ptr<ms::Runner> RunnerOf(py::handle object) {
  if (py::isinstance<ms::Runner>(object)) return object.cast<std::shared_ptr<ms::Runner>>();
  if (Plays(object, "Runner")) return std::make_shared<OwnRunner>(py::reinterpret_borrow<py::object>(object));
  ThrowExpected("a Runner", object);
}

py::object WrapBuilder(std::shared_ptr<ms::Builder> builder) {
  if (const auto* own = dynamic_cast<OwnBuilder*>(builder.get())) return own->self();
  return py::cast(std::move(builder));
}
py::object WrapRunner(std::shared_ptr<ms::Runner> runner) {
  if (const auto* own = dynamic_cast<OwnRunner*>(runner.get())) return own->self();
  return py::cast(std::move(runner));
}

void BindMeasure(py::module_& m) {
  py::class_<Connection, std::shared_ptr<Connection>>(m, "Connection", "A hone-server.")
      .def(py::init(&Connect), py::arg("server"), py::kw_only(), py::arg("token") = "", py::arg("ca_file") = "",
           py::arg("cert_file") = "", py::arg("key_file") = "");
  BindValues(m);
  py::class_<ms::Builder, std::shared_ptr<ms::Builder>>(m, "StockBuilder")
      .def(
          "build",
          [](ms::Builder& builder, py::object inputs) {
            const auto converted = VectorOf<BuilderInput>(inputs);
            return Unlocked([&] { return builder.Build(converted); });
          },
          py::arg("build_inputs"));
  m.def("create_builder", &CreateBuilder, py::arg("kind"), py::arg("max_workers"), py::arg("timeout_sec"),
        py::call_guard<py::gil_scoped_release>());
  py::class_<ms::Runner, std::shared_ptr<ms::Runner>>(m, "StockRunner")
      .def(
          "run",
          [](ms::Runner& runner, py::object inputs) {
            const auto converted = VectorOf<RunnerInput>(inputs);
            return Unlocked([&] { return runner.Run(converted); });
          },
          py::arg("runner_inputs"));
  m.def("create_runner", &CreateRunner, py::arg("kind"), py::arg("timeout_sec"), py::arg("evaluator_config"),
        py::arg("server"), py::call_guard<py::gil_scoped_release>());
}

}  // namespace hone::python
