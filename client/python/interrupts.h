// Ctrl-C, and a user's own wish to stop, while C++ tunes.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "client/python/status.h"

namespace hone::python {

// Made, asked for Rethrow and destroyed with the GIL; the function is called without it.
class Interrupts {
 public:
  // `stop`: None, or a callable that is asked between batches.
  explicit Interrupts(py::object stop) : stop_(std::move(stop)) {}

  std::function<bool()> Function() {
    return [this] {
      const py::gil_scoped_acquire gil;
      if (error_.has_value()) return true;
      try {
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        return !stop_.is_none() && stop_().cast<bool>();
      } catch (py::error_already_set& error) {
        error_.emplace(error);
      }
      return true;
    };
  }
  // KeyboardInterrupt, or what `stop` raised.
  void Rethrow() {
    if (error_.has_value()) throw py::error_already_set(*error_);
  }

 private:
  const py::object stop_;
  std::optional<py::error_already_set> error_;
};

}  // namespace hone::python
