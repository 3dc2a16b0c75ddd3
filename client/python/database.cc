// Databases: the stock ones, and those that users write.
#include "client/cpp/database.h"

#include <pybind11/stl.h>

#include "client/cpp/connection.h"
#include "client/cpp/tune.h"
#include "client/python/convert.h"
#include "client/python/schedule_box.h"
#include "common/ir/module_equality.h"
#include "common/schedule/trace_json.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::python {
namespace {

using ms::Database;
using ms::TuningRecord;
using ms::Workload;

template <typename T>
py::object Optional(const std::optional<T>& value) {
  return value.has_value() ? py::cast(*value) : py::object(py::none());
}
py::object Optional(std::optional<schedule::Schedule> value) {
  return value.has_value() ? WrapSchedule(*std::move(value)) : py::object(py::none());
}

ir::Equality EqualityOf(const std::string& name) {
  const std::optional<ir::Equality> out = ir::EqualityFromName(name);
  if (!out.has_value()) {
    Check(absl::InvalidArgumentError(
        StrCat("module equality \"", name, "\", expected structural, ignore-ndarray or anchor-block")));
  }
  return *out;
}

// ---- those of users

class OwnDatabase final : public Database {
 public:
  OwnDatabase(py::object self, ir::Equality equality) : Database(equality), self_(Hold(std::move(self))) {}
  const py::object& self() const { return *self_; }

  absl::StatusOr<bool> HasWorkload(const ir::IRModule& mod) override {
    return Guarded<absl::StatusOr<bool>>([&] { return self_->attr("has_workload")(mod).cast<bool>(); });
  }
  absl::StatusOr<Workload> CommitWorkload(const ir::IRModule& mod) override {
    return Guarded<absl::StatusOr<Workload>>([&] { return self_->attr("commit_workload")(mod).cast<Workload>(); });
  }
  absl::Status CommitTuningRecord(const TuningRecord& record) override {
    return Guarded<absl::Status>([&] {
      self_->attr("commit_tuning_record")(record);
      return absl::OkStatus();
    });
  }
  absl::StatusOr<std::vector<TuningRecord>> GetTopK(const Workload& workload, int top_k) override {
    return Guarded<absl::StatusOr<std::vector<TuningRecord>>>(
        [&] { return VectorOf<TuningRecord>(self_->attr("get_top_k")(workload, top_k)); });
  }
  absl::StatusOr<std::vector<TuningRecord>> GetAllTuningRecords() override {
    return Guarded<absl::StatusOr<std::vector<TuningRecord>>>(
        [&] { return VectorOf<TuningRecord>(self_->attr("get_all_tuning_records")()); });
  }
  absl::StatusOr<int64_t> Size() override {
    return Guarded<absl::StatusOr<int64_t>>([&] { return static_cast<int64_t>(py::len(*self_)); });
  }
  // The abstract class in Python falls back to the generic queries below.
  absl::StatusOr<std::optional<TuningRecord>> QueryTuningRecord(const ir::IRModule& mod, const Target& target,
                                                                std::string_view name) override {
    return Guarded<absl::StatusOr<std::optional<TuningRecord>>>([&]() -> std::optional<TuningRecord> {
      const py::object out = self_->attr("query_tuning_record")(mod, target, std::string(name));
      if (out.is_none()) return std::nullopt;
      return out.cast<TuningRecord>();
    });
  }
  absl::StatusOr<std::optional<schedule::Schedule>> QuerySchedule(const ir::IRModule& mod, const Target& target,
                                                                  std::string_view name) override {
    return Guarded<absl::StatusOr<std::optional<schedule::Schedule>>>([&]() -> std::optional<schedule::Schedule> {
      const py::object out = self_->attr("query_schedule")(mod, target, std::string(name));
      if (out.is_none()) return std::nullopt;
      return CopyScheduleOf(out);
    });
  }
  absl::StatusOr<std::optional<ir::IRModule>> QueryIrModule(const ir::IRModule& mod, const Target& target,
                                                            std::string_view name) override {
    return Guarded<absl::StatusOr<std::optional<ir::IRModule>>>([&]() -> std::optional<ir::IRModule> {
      const py::object out = self_->attr("query_ir_module")(mod, target, std::string(name));
      if (out.is_none()) return std::nullopt;
      return ModuleOf(out);
    });
  }

 private:
  const Held self_;
};

// ---- queries, with the GIL released around them: a member may be a user's

using Queries = absl::StatusOr<Database::QueryResult>;

py::object WrapResult(Database::QueryResult result) {
  if (auto* sch = std::get_if<schedule::Schedule>(&result)) return WrapSchedule(std::move(*sch));
  if (auto* record = std::get_if<TuningRecord>(&result)) return py::cast(*record);
  if (auto* mod = std::get_if<ir::IRModule>(&result)) return py::cast(*mod);
  return py::none();
}

py::object QueryBy(Database& database, py::object mod, py::object target, const std::string& name,
                   const std::string& kind) {
  const ir::IRModule module = ModuleOf(mod);
  const Target t = TargetOf(target);
  return WrapResult(Unwrap(Unlocked([&] { return database.Query(module, t, name, kind); })));
}

// By nothing but the database's get_top_k.
py::object GenericQuery(py::object self, py::object mod, py::object target, const std::string& name,
                        const std::string& kind) {
  const ir::IRModule module = ModuleOf(mod);
  const Target t = TargetOf(target);
  const std::shared_ptr<Database> database = DatabaseOf(self);
  if (kind == "record") {
    return Optional(Unwrap(Unlocked([&] { return database->Database::QueryTuningRecord(module, t, name); })));
  }
  if (kind == "schedule") {
    return Optional(Unwrap(Unlocked([&] { return database->Database::QuerySchedule(module, t, name); })));
  }
  return Optional(Unwrap(Unlocked([&] { return database->Database::QueryIrModule(module, t, name); })));
}

std::shared_ptr<Database> CreateDatabase(const std::string& kind, const std::string& work_dir,
                                         const std::string& module_equality, const std::string& url,
                                         std::shared_ptr<Connection> server) {
  Database::Options options;
  options.work_dir = work_dir;
  options.module_equality = EqualityOf(module_equality);
  options.url = url;
  options.server = std::move(server);
  return Unwrap(Unlocked([&] { return Database::Create(kind, options); }));
}

std::vector<std::shared_ptr<Database>> Members(py::object databases) {
  std::vector<std::shared_ptr<Database>> out;
  for (py::handle item : databases) out.push_back(DatabaseOf(item));
  return out;
}

std::shared_ptr<Database> OfFunction(py::object function) {
  return Database::ScheduleFn([held = Hold(std::move(function))](schedule::Schedule& sch) {
    const auto done = Guarded<absl::StatusOr<bool>>([&] {
      const LentSchedule lent(sch);
      return (*held)(lent.object()).cast<bool>();
    });
    if (!done.ok()) {
      HONE_LOG(kWarning) << "a database's function failed: " << done.status().message();
    }
    return done.ok() && *done;
  });
}

TuningRecord MakeRecord(py::object trace, const Workload& workload, std::optional<std::vector<double>> run_secs,
                        py::object target, std::optional<std::vector<ms::ArgInfo>> args_info) {
  TuningRecord out;
  out.trace_json = py::isinstance<schedule::Trace>(trace)
                       ? Unwrap(schedule::TraceToJson(trace.cast<const schedule::Trace&>()))
                       : JsonOf(trace);
  Unwrap(schedule::TraceFromJson(out.trace_json));
  out.workload = workload;
  out.run_secs = std::move(run_secs);
  if (!target.is_none()) out.target = TargetOf(target);
  out.args_info = std::move(args_info);
  return out;
}

// "verified", "imported" or "failed"; None for a record that no database has kept.
py::object TrustOf(const TuningRecord& record) {
  if (!record.stored.has_value()) return py::none();
  return py::str(std::string(TrustName(record.stored->trust)));
}

void BindRecords(py::module_& m) {
  py::class_<Workload>(m, "Workload", "A stored tensor program.")
      .def(py::init([](py::object mod, const std::string& equality) {
             return Unwrap(ms::MakeWorkload(ModuleOf(mod), EqualityOf(equality)));
           }),
           py::arg("mod"), py::kw_only(), py::arg("module_equality") = "structural")
      .def_readonly("mod", &Workload::mod)
      .def_readonly("shash", &Workload::shash)
      .def("__eq__",
           [](const Workload& a, py::object b) {
             return py::isinstance<Workload>(b) && a.shash == b.cast<Workload>().shash &&
                    ir::ModulesEqual(a.mod, b.cast<Workload>().mod, ir::Equality::kStructural);
           })
      .def("__hash__", [](const Workload& w) { return w.shash >> 1; });
  py::class_<TuningRecord>(m, "TuningRecord", "One measured candidate.")
      .def(py::init(&MakeRecord), py::arg("trace"), py::arg("workload"), py::arg("run_secs") = py::none(),
           py::arg("target") = py::none(), py::arg("args_info") = py::none())
      .def_property_readonly("trace",
                             [](const TuningRecord& r) { return Unwrap(schedule::TraceFromJson(r.trace_json)); })
      .def_readonly("workload", &TuningRecord::workload)
      .def_readonly("run_secs", &TuningRecord::run_secs)
      .def_readonly("target", &TuningRecord::target)
      .def_readonly("args_info", &TuningRecord::args_info)
      .def_property_readonly("trust", &TrustOf, "\"verified\", \"imported\" or \"failed\"; None before it was stored.")
      .def("is_valid", &TuningRecord::IsValid)
      .def(
          "replay", [](const TuningRecord& r) { return WrapSchedule(Unwrap(r.Replay(), true)); },
          "Replays the trace on the workload.")
      .def("as_measure_candidate", [](const TuningRecord& r) { return Unwrap(r.AsMeasureCandidate(), true); })
      .def(
          "as_json", [](const TuningRecord& r) { return ParseJson(r.AsJson()); },
          "[trace, run_secs, target, args_info]")
      .def_static(
          "from_json",
          [](py::object json, const Workload& workload) {
            return Unwrap(TuningRecord::FromJson(JsonOf(json), workload));
          },
          py::arg("json_obj"), py::arg("workload"));
}

}  // namespace

std::shared_ptr<Database> DatabaseOf(py::handle object) {
  if (py::isinstance<Database>(object)) return object.cast<std::shared_ptr<Database>>();
  if (Plays(object, "Database")) {
    const auto equality = py::getattr(object, "module_equality", py::str("structural")).cast<std::string>();
    return std::make_shared<OwnDatabase>(py::reinterpret_borrow<py::object>(object), EqualityOf(equality));
  }
  ThrowExpected("a Database", object);
}

py::object WrapDatabase(std::shared_ptr<Database> database) {
  if (database == nullptr) return py::none();
  if (const auto* own = dynamic_cast<OwnDatabase*>(database.get())) return own->self();
  return py::cast(std::move(database));
}

void BindDatabase(py::module_& m) {
  BindRecords(m);
  py::class_<Database, std::shared_ptr<Database>>(m, "StockDatabase")
      .def(
          "has_workload",
          [](Database& d, py::object mod) {
            const ir::IRModule module = ModuleOf(mod);
            return Unwrap(Unlocked([&] { return d.HasWorkload(module); }));
          },
          py::arg("mod"))
      .def(
          "commit_workload",
          [](Database& d, py::object mod) {
            const ir::IRModule module = ModuleOf(mod);
            return Unwrap(Unlocked([&] { return d.CommitWorkload(module); }));
          },
          py::arg("mod"))
      .def(
          "commit_tuning_record",
          [](Database& d, const TuningRecord& record) {
            Check(Unlocked([&] { return d.CommitTuningRecord(record); }));
          },
          py::arg("record"))
      .def(
          "get_top_k",
          [](Database& d, const Workload& workload, int top_k) {
            return Unwrap(Unlocked([&] { return d.GetTopK(workload, top_k); }));
          },
          py::arg("workload"), py::arg("top_k"))
      .def("get_all_tuning_records",
           [](Database& d) { return Unwrap(Unlocked([&] { return d.GetAllTuningRecords(); })); })
      .def("__len__", [](Database& d) { return Unwrap(Unlocked([&] { return d.Size(); })); })
      .def("__bool__", [](Database&) { return true; })
      .def(
          "query_tuning_record",
          [](Database& d, py::object mod, py::object target, const std::string& name) {
            return QueryBy(d, mod, target, name, "record");
          },
          py::arg("mod"), py::arg("target"), py::arg("workload_name") = "main")
      .def(
          "query_schedule",
          [](Database& d, py::object mod, py::object target, const std::string& name) {
            return QueryBy(d, mod, target, name, "schedule");
          },
          py::arg("mod"), py::arg("target"), py::arg("workload_name") = "main")
      .def(
          "query_ir_module",
          [](Database& d, py::object mod, py::object target, const std::string& name) {
            return QueryBy(d, mod, target, name, "ir_module");
          },
          py::arg("mod"), py::arg("target"), py::arg("workload_name") = "main")
      .def("query", &QueryBy, py::arg("mod"), py::arg("target"), py::kw_only(), py::arg("workload_name") = "main",
           py::arg("kind") = "schedule", "kind: \"schedule\", \"record\" or \"ir_module\"; None when there is none.");
  m.def("create_database", &CreateDatabase);
  m.def("database_union", [](py::object databases) { return Database::Union(Members(databases)); });
  m.def("database_ordered_union", [](py::object databases) { return Database::OrderedUnion(Members(databases)); });
  m.def("database_of_function", &OfFunction);
  m.def("generic_query", &GenericQuery);
  m.def("dump_pruned", [](py::object from, py::object to) {
    const auto source = DatabaseOf(from);
    const auto destination = DatabaseOf(to);
    Check(Unlocked([&] { return source->DumpPruned(*destination); }));
  });
  // What C++ code sees as current while it lives; hone.meta_schedule keeps the stack.
  struct Scope {
    explicit Scope(std::shared_ptr<Database> d) : database(std::move(d)), scope(*database) {}
    std::shared_ptr<Database> database;
    Database::Scope scope;
  };
  py::class_<Scope, std::unique_ptr<Scope>>(m, "DatabaseScope").def(py::init([](py::object database) {
    return std::make_unique<Scope>(DatabaseOf(database));
  }));
  m.def("compile_tir", [](py::object database, py::object mod, py::object target) {
    const auto d = DatabaseOf(database);
    const ir::IRModule module = ModuleOf(mod);
    const Target t = TargetOf(target);
    return Optional(Unwrap(Unlocked([&] { return ms::CompileTir(*d, module, t); })));
  });
}

}  // namespace hone::python
