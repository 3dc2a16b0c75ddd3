// IRModule and Target.
#include <pybind11/stl.h>

#include "client/cpp/tune_context.h"
#include "client/python/convert.h"
#include "common/ir/module_equality.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/strings.h"
#include "common/target/host.h"

namespace hone::python {
namespace {

ir::Equality EqualityNamed(const std::string& name) {
  const std::optional<ir::Equality> out = ir::EqualityFromName(name);
  if (!out.has_value()) {
    Check(absl::InvalidArgumentError(
        StrCat("module equality \"", name, "\", expected structural, ignore-ndarray or anchor-block")));
  }
  return *out;
}

std::vector<std::string> FunctionNames(const ir::IRModule& module) {
  std::vector<std::string> out;
  for (const ir::ModuleEntry& entry : module->functions) out.emplace_back(entry.var->name);
  return out;
}

ir::IRModule OnlyFunction(const ir::IRModule& module, const std::string& name) {
  const ir::PrimFunc function = module.FindPrimFunc(name);
  if (function == nullptr) Check(absl::NotFoundError(StrCat("the module has no tensor program \"", name, "\"")));
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(module.arena());
  return ir::ModuleOf(arena, function, name);
}

ir::IRModule ParseScript(const std::string& text) { return Unwrap(script::ParseModule(text)); }

py::object Attribute(const Target& target, const std::string& name) {
  if (const auto value = target.GetBool(name)) return py::bool_(*value);
  if (const auto value = target.GetInt(name)) return py::int_(*value);
  if (const auto value = target.GetString(name)) return py::str(*value);
  const std::vector<std::string> values = target.GetStrings(name);
  return values.empty() ? py::object(py::none()) : py::object(py::cast(values));
}

}  // namespace

ir::IRModule ModuleOf(py::handle object) {
  if (py::isinstance<ir::IRModule>(object)) return object.cast<ir::IRModule>();
  if (py::isinstance<py::str>(object)) return ParseScript(object.cast<std::string>());
  ThrowExpected("an IRModule or TVMScript", object);
}

Target TargetOf(py::handle object) {
  if (py::isinstance<Target>(object)) return object.cast<Target>();
  if (!py::isinstance<py::str>(object) && !py::isinstance<py::dict>(object)) {
    ThrowExpected("a Target, a target string or a dict", object);
  }
  return Unwrap(Target::Parse(JsonOf(object)));
}

void BindIrModule(py::module_& m) {
  py::class_<ir::IRModule>(m, "IRModule", "Tensor programs, by name. Immutable.")
      .def(py::init(&ParseScript), py::arg("script"),
           "From TVMScript: a module class, bare functions, or a Python file.")
      .def(
          "script",
          [](const ir::IRModule& module, bool show_meta, bool syntax_sugar) {
            script::PrintOptions options;
            options.show_meta = show_meta;
            options.syntax_sugar = syntax_sugar;
            return script::PrintModule(module, options);
          },
          py::kw_only(), py::arg("show_meta") = false, py::arg("syntax_sugar") = true, "The module as TVMScript.")
      .def("__str__", [](const ir::IRModule& module) { return script::PrintModule(module); })
      .def("__repr__",
           [](const ir::IRModule& module) {
             std::string names;
             for (const std::string& name : FunctionNames(module)) StrAppend(&names, names.empty() ? "" : ", ", name);
             return StrCat("IRModule(", names, ")");
           })
      .def("get_global_vars", &FunctionNames, "The names of the functions.")
      .def("__contains__",
           [](const ir::IRModule& module, const std::string& name) { return module.FindPrimFunc(name) != nullptr; })
      .def("__getitem__", &OnlyFunction, py::arg("name"), "A module with this function only.")
      .def("__len__", [](const ir::IRModule& module) { return module->functions.size(); })
      .def("__eq__",
           [](const ir::IRModule& a, py::object b) {
             return py::isinstance<ir::IRModule>(b) &&
                    ir::ModulesEqual(a, b.cast<ir::IRModule>(), ir::Equality::kStructural);
           })
      .def("__hash__",
           [](const ir::IRModule& module) { return ir::ModuleHash(module, ir::Equality::kStructural) >> 1; })
      .def("__reduce__", [](py::object self) {
        return py::make_tuple(py::type::of(self), py::make_tuple(self.attr("script")(py::arg("show_meta") = true)));
      });
  m.def(
      "structural_equal",
      [](py::object a, py::object b, const std::string& mode) {
        return ir::ModulesEqual(ModuleOf(a), ModuleOf(b), EqualityNamed(mode));
      },
      py::arg("lhs"), py::arg("rhs"), py::kw_only(), py::arg("module_equality") = "structural");
  m.def(
      "structural_hash",
      [](py::object a, const std::string& mode) { return ir::ModuleHash(ModuleOf(a), EqualityNamed(mode)); },
      py::arg("mod"), py::kw_only(), py::arg("module_equality") = "structural");
  m.def(
      "normalize_mod", [](py::object mod) { return ms::NormalizeModule(ModuleOf(mod)); }, py::arg("mod"),
      "A module of one function has it as \"main\", with its global symbol.");

  py::class_<Target>(m, "Target", "What a kernel is compiled for. Immutable.")
      .def(py::init([](py::object text) { return TargetOf(text); }), py::arg("target"),
           "From a tag, a target string (\"llvm -mcpu=znver4 -num-cores=16\"), or a dict.")
      .def_static("host", &DetectHost, "This machine.")
      .def_static("current_host", &DetectHost, "This machine.")
      .def_property_readonly("kind", [](const Target& target) { return target.kind(); })
      .def_property_readonly("keys", [](const Target& target) { return target.keys(); })
      .def_property_readonly("tag", [](const Target& target) { return target.tag(); })
      .def("get", &Attribute, py::arg("name"), "An attribute, or None.")
      .def("__getitem__",
           [](const Target& target, const std::string& name) {
             py::object out = Attribute(target, name);
             if (out.is_none()) Check(absl::NotFoundError(StrCat("target ", target.kind(), " has no ", name)));
             return out;
           })
      .def(
          "has_feature", [](const Target& target, const std::string& name) { return target.HasFeature(name); },
          py::arg("name"))
      .def(
          "export", [](const Target& target) { return ParseJson(target.ToJson()); }, "As a dict.")
      .def("__str__", &Target::ToString)
      .def("__repr__", [](const Target& target) { return StrCat("Target(\"", target.ToString(), "\")"); })
      .def("__eq__", [](const Target& a, py::object b) { return py::isinstance<Target>(b) && a == b.cast<Target>(); })
      .def("__hash__", [](const Target& target) { return std::hash<std::string>()(target.ToJson()); });
}

}  // namespace hone::python
