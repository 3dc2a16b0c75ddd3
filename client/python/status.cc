#include "client/python/status.h"

#include "common/support/strings.h"

namespace hone::python {
namespace {

PyObject* hone_error = nullptr;
PyObject* schedule_error = nullptr;

PyObject* ExceptionFor(const StatusError& error) {
  switch (error.status().code()) {
    case absl::StatusCode::kInvalidArgument:
      return PyExc_ValueError;
    case absl::StatusCode::kOutOfRange:
      return PyExc_IndexError;
    case absl::StatusCode::kNotFound:
      return PyExc_LookupError;
    case absl::StatusCode::kUnimplemented:
      return PyExc_NotImplementedError;
    case absl::StatusCode::kFailedPrecondition:
      return error.of_primitive() ? schedule_error : hone_error;
    default:
      return hone_error;
  }
}

}  // namespace

void BindErrors(py::module_& m) {
  hone_error =
      PyErr_NewExceptionWithDoc("hone.HoneError", "Something that Hone could not do.", PyExc_RuntimeError, nullptr);
  schedule_error = PyErr_NewExceptionWithDoc(
      "hone.ScheduleError", "A schedule primitive refused; the schedule is unchanged.", hone_error, nullptr);
  m.attr("HoneError") = py::reinterpret_borrow<py::object>(hone_error);
  m.attr("ScheduleError") = py::reinterpret_borrow<py::object>(schedule_error);
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const StatusError& error) {
      PyErr_SetString(ExceptionFor(error), error.what());
    }
  });
}

absl::Status StatusOf(py::error_already_set& error) {
  std::string text;
  try {
    const py::module_ traceback = py::module_::import("traceback");
    const py::object lines = traceback.attr("format_exception_only")(error.type(), error.value());
    text = py::str(lines[py::int_(-1)]).cast<std::string>();
    while (!text.empty() && text.back() == '\n') text.pop_back();
    if (error.trace()) {
      const py::object frames = traceback.attr("extract_tb")(error.trace());
      const py::object last = frames[py::int_(-1)];
      const std::string file = py::str(last.attr("filename")).cast<std::string>();
      StrAppend(&text, " (", file.substr(file.rfind('/') + 1), ":", last.attr("lineno").cast<int>(), ", in ",
                py::str(last.attr("name")).cast<std::string>(), ")");
    }
  } catch (const std::exception&) {
    if (text.empty()) text = "an exception that cannot be shown";
  }
  return absl::UnknownError(text);
}

absl::Status StatusOf(const std::exception& error) { return absl::UnknownError(error.what()); }

Held Hold(py::object object) {
  return Held(new py::object(std::move(object)), [](py::object* held) {
    // When Python is gone already, so is the object.
    if (Py_IsInitialized() == 0) return;
    const py::gil_scoped_acquire gil;
    delete held;
  });
}

}  // namespace hone::python
