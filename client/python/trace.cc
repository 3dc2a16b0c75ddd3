// Trace: JSON and Python text, replay, simplification.
#include <pybind11/stl.h>

#include "client/python/convert.h"
#include "client/python/schedule_box.h"
#include "common/schedule/trace_from_python.h"
#include "common/schedule/trace_json.h"
#include "common/support/strings.h"

namespace hone::python {
namespace {

using schedule::Trace;
using schedule::Value;

std::string JsonText(const Trace& trace, bool remove_postproc) {
  schedule::TraceJsonOptions options;
  options.remove_postproc = remove_postproc;
  return Unwrap(schedule::TraceToJson(trace, options));
}

py::object AsJson(const Trace& trace, bool remove_postproc) {
  schedule::TraceJsonOptions options;
  options.remove_postproc = remove_postproc;
  options.python_objects = true;
  return ParseJson(Unwrap(schedule::TraceToJson(trace, options)));
}

// An integer or a list of integers.
py::object WrapDecision(const Value& decision) {
  if (decision.is_integral()) return py::int_(decision.integer());
  py::list out;
  for (const Value& item : decision.list()) out.append(item.integer());
  return out;
}

py::dict Decisions(const Trace& trace) {
  py::dict out;
  for (size_t i = 0; i < trace.size(); ++i) {
    const Value& decision = trace.DecisionOf(i);
    if (!decision.is_none()) out[py::int_(i)] = WrapDecision(decision);
  }
  return out;
}

Trace WithDecision(const Trace& trace, size_t index, py::object decision, bool remove_postproc) {
  if (index >= trace.size()) {
    Check(absl::OutOfRangeError(StrCat("instruction ", index, " of a trace of ", trace.size())));
  }
  if (py::isinstance<py::int_>(decision)) {
    return trace.WithDecision(index, Value::Int(decision.cast<int64_t>()), remove_postproc);
  }
  std::vector<Value> items;
  for (py::handle item : decision) items.push_back(Value::Int(item.cast<int64_t>()));
  return trace.WithDecision(index, Value::List(ir::Array<Value>(items.data(), items.size())), remove_postproc);
}

}  // namespace

void BindTrace(py::module_& m) {
  py::class_<Trace>(m, "Trace", "How a schedule was made: instructions and decisions. A value.")
      .def(py::init([](py::object text) { return Unwrap(schedule::TraceFromText(JsonOf(text))); }), py::arg("text"),
           "From the JSON form (text or lists) or from the Python form.")
      .def("as_json", &AsJson, py::arg("remove_postproc") = false, "[instructions, decisions], as lists.")
      .def("json", &JsonText, py::arg("remove_postproc") = false, "The text that databases keep.")
      .def("as_python", &Trace::AsPython, py::arg("remove_postproc") = false, "A statement an instruction.")
      .def(
          "apply_to_schedule",
          [](const Trace& trace, ScheduleBox& box, bool remove_postproc) {
            Check(trace.ApplyTo(box.Write(), remove_postproc), /*of_primitive=*/true);
          },
          py::arg("sch"), py::arg("remove_postproc") = false, "Replays on a schedule, which records it.")
      .def_static(
          "apply_json_to_schedule",
          [](py::object json, ScheduleBox& box) {
            Check(schedule::ApplyTraceJson(box.Write(), JsonOf(json)), /*of_primitive=*/true);
          },
          py::arg("json_obj"), py::arg("sch"))
      .def("simplified", &Trace::Simplified, py::arg("remove_postproc") = false,
           "Without instructions whose results nobody uses.")
      .def("with_decision", &WithDecision, py::arg("inst"), py::arg("decision"), py::arg("remove_postproc") = false,
           "A copy with the decision of one instruction, by its index, replaced.")
      .def_property_readonly("decisions", &Decisions, "Decisions by the index of their instruction.")
      .def_property_readonly(
          "insts",
          [](const Trace& trace) {
            std::vector<std::string> out;
            for (const auto& instruction : trace.instructions()) out.emplace_back(instruction.row->name);
            return out;
          },
          "The names of the instructions.")
      .def("__len__", &Trace::size)
      .def("__str__", &Trace::ToString)
      .def("__eq__",
           [](const Trace& a, py::object b) {
             return py::isinstance<Trace>(b) && JsonText(a, false) == JsonText(b.cast<Trace>(), false);
           })
      .def("__hash__", [](const Trace& trace) { return std::hash<std::string>()(JsonText(trace, false)); })
      .def("__repr__", [](const Trace& trace) { return StrCat("Trace(", trace.size(), " instructions)"); });
}

}  // namespace hone::python
