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

// The exception that last became a status, and its text: when that status comes back to Python, the exception is its
// cause. Under the GIL.
struct LastException {
  PyObject* value = nullptr;
  std::string text;
};
LastException& Last() {
  static LastException* last = new LastException();
  return *last;
}

void Remember(const py::error_already_set& error, const std::string& text) {
  py::object value = error.value();
  if (error.trace()) PyException_SetTraceback(value.ptr(), error.trace().ptr());
  Py_XDECREF(Last().value);
  Last().value = value.release().ptr();
  Last().text = text;
}

// The exception behind a status, no longer remembered; null when it is not of a user's code.
py::object TakeCause(const std::string& message) {
  LastException& last = Last();
  if (last.value == nullptr || message.find(last.text) == std::string::npos) return py::object();
  return py::reinterpret_steal<py::object>(std::exchange(last.value, nullptr));
}

void Raise(const StatusError& error) {
  const py::object cause = TakeCause(error.what());
  if (cause && PyErr_GivenExceptionMatches(cause.ptr(), PyExc_KeyboardInterrupt) != 0) {
    PyErr_SetObject(PyExc_KeyboardInterrupt, cause.ptr());
    return;
  }
  PyErr_SetString(ExceptionFor(error), error.what());
  if (!cause) return;
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  PyException_SetCause(value, py::object(cause).release().ptr());  // Takes it over.
  PyErr_Restore(type, value, trace);
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
      Raise(error);
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
  Remember(error, text);
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
