// Statuses as Python exceptions and back.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace py = pybind11;

namespace hone::python {

// Becomes ValueError (InvalidArgument), IndexError (OutOfRange), LookupError (NotFound), NotImplementedError
// (Unimplemented), ScheduleError (FailedPrecondition of a primitive) or HoneError.
class StatusError : public std::exception {
 public:
  explicit StatusError(absl::Status status, bool of_primitive = false)
      : status_(std::move(status)), text_(status_.message()), of_primitive_(of_primitive) {}
  const absl::Status& status() const { return status_; }
  bool of_primitive() const { return of_primitive_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  absl::Status status_;
  std::string text_;
  bool of_primitive_;
};

// Registers the exceptions and their translation.
void BindErrors(py::module_& m);

inline void Check(absl::Status status, bool of_primitive = false) {
  if (!status.ok()) throw StatusError(std::move(status), of_primitive);
}
template <typename T>
T Unwrap(absl::StatusOr<T> value, bool of_primitive = false) {
  if (!value.ok()) throw StatusError(std::move(value).status(), of_primitive);
  return *std::move(value);
}

// What an exception of a user's code says: "ValueError: too wide (rule.py:12, in apply)". With the GIL held.
absl::Status StatusOf(py::error_already_set& error);
absl::Status StatusOf(const std::exception& error);

// Calls `function`, which speaks Python, with the GIL held, from any thread; exceptions come back as a status.
// `Result` is absl::Status or an absl::StatusOr, and so is (or converts to it) what `function` returns.
template <typename Result, typename Function>
Result Guarded(Function function) {
  const py::gil_scoped_acquire gil;
  try {
    return function();
  } catch (py::error_already_set& error) {
    return StatusOf(error);
  } catch (const StatusError& error) {
    return error.status();
  } catch (const std::exception& error) {
    return StatusOf(error);
  }
}

// Runs `function`, which must not touch Python, without the GIL.
template <typename Function>
auto Unlocked(Function function) {
  const py::gil_scoped_release release;
  return function();
}

// A Python object that C++ keeps. Copying it needs no GIL; the last copy takes the GIL to let go.
using Held = std::shared_ptr<py::object>;
Held Hold(py::object object);

}  // namespace hone::python
