// Schedule and its random variables. The primitives are called by name: hone/schedule.py makes the methods.
#include <pybind11/stl.h>

#include "client/python/convert.h"
#include "client/python/schedule_box.h"
#include "common/intrin/intrin.h"
#include "common/ir/stmt.h"
#include "common/schedule/trace_from_python.h"
#include "common/script/printer.h"
#include "common/support/strings.h"

namespace hone::python {
namespace {

using schedule::BlockRv;
using schedule::ExprRv;
using schedule::InstructionRow;
using schedule::LoopRv;
using schedule::Rv;
using schedule::Schedule;

using Box = std::shared_ptr<ScheduleBox>;

template <typename T>
void BindRv(py::module_& m, const char* name, char letter, const char* doc) {
  py::class_<T>(m, name, doc)
      .def(py::init([](int id) { return T{{id}}; }), py::arg("id"))
      .def_property_readonly("id", [](T rv) { return rv.id; })
      .def("__eq__", [](T a, py::object b) { return py::isinstance<T>(b) && b.cast<T>().id == a.id; })
      .def("__hash__", [](T rv) { return rv.id; })
      .def("__repr__", [letter](T rv) { return StrCat(std::string(1, letter), rv.id); });
}

py::object WrapRv(Rv rv, char kind) {
  if (rv.id < 0) return py::none();
  if (kind == 'b') return py::cast(BlockRv{rv});
  if (kind == 'l') return py::cast(LoopRv{rv});
  return py::cast(ExprRv{rv});
}

Box MakeSchedule(py::object mod, std::optional<int64_t> seed, bool enable_check) {
  schedule::ScheduleOptions options;
  options.seed = seed.value_or(-1);
  options.enable_check = enable_check;
  options.intrinsics = FindTensorIntrin;
  return std::make_shared<ScheduleBox>(Unwrap(Schedule::Create(ModuleOf(mod), options)));
}

// What hone/schedule.py makes methods of: (method, [(name, variadic, default)], number of results, their kind).
py::list Methods() {
  py::list out;
  for (const InstructionRow* row : schedule::AllInstructions()) {
    py::list parameters;
    for (const schedule::PythonParameter& p : schedule::PythonParametersOf(*row)) {
      parameters.append(py::make_tuple(p.name, p.variadic, p.fallback));
    }
    constexpr const char* kResults[] = {"none", "one", "list", "two"};
    out.append(py::make_tuple(std::string(row->method), parameters, kResults[static_cast<int>(row->outputs)],
                              std::string(1, row->output_kind)));
  }
  return out;
}

py::list Call(ScheduleBox& box, const std::string& text, const std::string& kind) {
  py::list out;
  for (const Rv rv : Unwrap(schedule::CallFromPython(box.Write(), text), /*of_primitive=*/true)) {
    out.append(WrapRv(rv, kind[0]));
  }
  return out;
}

py::object Constant(ir::Expr e) {
  const auto* number = e.as<ir::IntImmNode>();
  return number == nullptr ? py::object(py::none()) : py::object(py::int_(number->value));
}

// ---- what a random variable stands for

py::object Namespace(py::dict fields) { return py::module_::import("types").attr("SimpleNamespace")(**fields); }

py::object GetBlockInfo(const ScheduleBox& box, BlockRv rv) {
  const ir::BlockNode* block = Unwrap(box.Read().Get(rv));
  py::list iters;
  py::list extents;
  for (const ir::IterVar iter : block->iter_vars) {
    const char* type = iter->iter_type == ir::IterType::kSpatial  ? "spatial"
                       : iter->iter_type == ir::IterType::kReduce ? "reduce"
                                                                  : "opaque";
    iters.append(type);
    extents.append(Constant(iter->dom.extent));
  }
  py::dict out;
  out["name"] = std::string(block->name);
  out["iter_types"] = iters;
  out["iter_extents"] = extents;
  out["reads"] = block->reads.size();
  out["writes"] = block->writes.size();
  out["has_init"] = static_cast<bool>(block->init);
  out["script"] = script::PrintStmt(ir::Stmt(block));
  return Namespace(out);
}

py::object GetLoopInfo(const ScheduleBox& box, LoopRv rv) {
  const ir::ForNode* loop = Unwrap(box.Read().Get(rv));
  constexpr const char* kKinds[] = {"serial", "parallel", "vectorized", "unrolled", "thread_binding"};
  py::dict out;
  out["name"] = std::string(loop->loop_var.name());
  out["kind"] = kKinds[static_cast<int>(loop->for_kind)];
  out["min"] = Constant(loop->min);
  out["extent"] = Constant(loop->extent);
  out["script"] = script::PrintStmt(ir::Stmt(loop));
  return Namespace(out);
}

}  // namespace

py::object WrapSchedule(Schedule sch) { return py::cast(std::make_shared<ScheduleBox>(std::move(sch))); }
py::object WrapSchedule(std::shared_ptr<const Schedule> sch) {
  return py::cast(std::make_shared<ScheduleBox>(std::move(sch)));
}

Schedule CopyScheduleOf(py::handle object) {
  if (!py::isinstance<ScheduleBox>(object)) ThrowExpected("a Schedule", object);
  return object.cast<Box>()->Copy();
}

std::vector<Schedule> SchedulesOf(py::handle object) {
  std::vector<Schedule> out;
  if (object.is_none()) return out;
  if (py::isinstance<ScheduleBox>(object)) {
    out.push_back(CopyScheduleOf(object));
    return out;
  }
  for (py::handle item : py::reinterpret_borrow<py::object>(object)) out.push_back(CopyScheduleOf(item));
  return out;
}

LentSchedule::LentSchedule(Schedule& sch) : sch_(sch), box_(std::make_shared<ScheduleBox>(std::move(sch))) {}
LentSchedule::~LentSchedule() { sch_ = box_->TakeBack(); }
py::object LentSchedule::object() const { return py::cast(box_); }

void BindSchedule(py::module_& m) {
  BindRv<BlockRv>(m, "BlockRV", 'b', "A block of a schedule.");
  BindRv<LoopRv>(m, "LoopRV", 'l', "A loop of a schedule.");
  BindRv<ExprRv>(m, "ExprRV", 'v', "A number that a schedule has sampled; arithmetic gives expressions.");
  m.def("schedule_methods", &Methods);

  py::class_<ScheduleBox, Box>(m, "Schedule", "A program being scheduled; a method a primitive.")
      .def(py::init(&MakeSchedule), py::arg("mod"), py::kw_only(), py::arg("seed") = py::none(),
           py::arg("enable_check") = true)
      .def("_call", &Call)
      .def_property_readonly("mod", [](const ScheduleBox& box) { return box.Read().module(); })
      .def_property_readonly("trace", [](const ScheduleBox& box) { return box.Read().trace(); })
      .def_property_readonly("func_working_on",
                             [](const ScheduleBox& box) -> py::object {
                               const std::string name(box.Read().working_on());
                               if (name.empty()) return py::none();
                               return py::str(name);
                             })
      .def(
          "work_on", [](ScheduleBox& box, const std::string& name) { Check(box.Write().WorkOn(name)); },
          py::arg("func_name"), "The function that get_block means without a name.")
      .def(
          "copy",
          [](ScheduleBox& box, std::optional<int64_t> seed) {
            return WrapSchedule(seed.has_value() ? box.Read().CopyWithSeed(*seed) : box.Write().Copy());
          },
          py::arg("seed") = py::none(), "An independent schedule in which the same variables are valid.")
      .def(
          "seed", [](ScheduleBox& box, int64_t seed) { Check(box.Write().Seed(seed)); }, py::arg("seed"))
      .def("fork_seed", [](ScheduleBox& box) { return box.Write().ForkSeed(); })
      .def(
          "get", [](const ScheduleBox& box, ExprRv rv) { return Unwrap(box.Read().ValueOf(rv)); }, py::arg("rv"),
          "A number's value, or what a block or loop is: its name, extents, kinds and script.")
      .def("get", &GetBlockInfo, py::arg("rv"))
      .def("get", &GetLoopInfo, py::arg("rv"))
      .def(
          "remove_rv", [](ScheduleBox& box, BlockRv rv) { Check(box.Write().RemoveRv(rv)); }, py::arg("rv"))
      .def(
          "remove_rv", [](ScheduleBox& box, LoopRv rv) { Check(box.Write().RemoveRv(rv)); }, py::arg("rv"))
      .def(
          "remove_rv", [](ScheduleBox& box, ExprRv rv) { Check(box.Write().RemoveRv(rv)); }, py::arg("rv"))
      .def("__repr__",
           [](const ScheduleBox& box) { return StrCat("Schedule(", box.Read().trace().size(), " instructions)"); });
}

}  // namespace hone::python
