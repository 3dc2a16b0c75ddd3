// The native module hone._hone, and the roles that Python code can play.
#include "client/python/convert.h"
#include "common/support/strings.h"

namespace hone::python {
namespace {

// Abstract classes by name; never freed, as the module is never unloaded.
py::dict& Roles() {
  static py::dict* roles = new py::dict();
  return *roles;
}

}  // namespace

bool Plays(py::handle object, const char* role) {
  return Roles().contains(role) && py::isinstance(object, Roles()[role]);
}

void ThrowExpected(const std::string& what, py::handle got) {
  throw py::type_error(
      StrCat("expected ", what, ", got ", py::str(py::type::handle_of(got).attr("__name__")).cast<std::string>()));
}

std::string JsonOf(py::handle object) {
  if (py::isinstance<py::str>(object)) return object.cast<std::string>();
  return py::module_::import("json").attr("dumps")(object).cast<std::string>();
}

py::object ParseJson(const std::string& text) { return py::module_::import("json").attr("loads")(text); }

}  // namespace hone::python

PYBIND11_MODULE(_hone, m) {
  using namespace hone::python;  // NOLINT
  m.doc() = "The native part of the package hone.";
  BindErrors(m);
  m.def("register_role", [](const std::string& name, py::object type) { Roles()[py::str(name)] = type; });
  BindIrModule(m);
  BindSchedule(m);
  BindTrace(m);
  BindMeasure(m);
  BindDatabase(m);
  BindSpace(m);
  BindSearch(m);
  BindScheduler(m);
  BindTune(m);
}
