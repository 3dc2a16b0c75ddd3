// Python objects to C++ ones and back. Each is defined beside the class it is about; all are called with the GIL held
// and throw TypeError or StatusError.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "client/cpp/search_strategy.h"
#include "client/cpp/space.h"
#include "client/python/status.h"
#include "common/schedule/schedule.h"

namespace hone {
class Connection;
}
namespace hone::meta_schedule {
class Builder;
class MeasureCallback;
class TaskScheduler;
}  // namespace hone::meta_schedule

namespace hone::python {

namespace ms = ::hone::meta_schedule;

// ---- registration: one function a file, called in this order
void BindIrModule(py::module_& m);
void BindSchedule(py::module_& m);
void BindTrace(py::module_& m);
void BindMeasure(py::module_& m);
void BindDatabase(py::module_& m);
void BindSpace(py::module_& m);
void BindSearch(py::module_& m);
void BindScheduler(py::module_& m);
void BindTune(py::module_& m);

// ---- roles: the abstract classes of hone.meta_schedule, which users derive from

// Whether `object` derives from the abstract class of that name.
bool Plays(py::handle object, const char* role);
// TypeError "expected a ROLE, got TYPE".
[[noreturn]] void ThrowExpected(const std::string& what, py::handle got);

// ---- programs

ir::IRModule ModuleOf(py::handle object);  // An IRModule or TVMScript.
Target TargetOf(py::handle object);        // A Target, a target string, or a dict.
std::string JsonOf(py::handle object);     // Text as it is, else json.dumps.
py::object ParseJson(const std::string& text);

py::object WrapSchedule(schedule::Schedule sch);
py::object WrapSchedule(std::shared_ptr<const schedule::Schedule> sch);
// A copy, in which the random variables of the original are valid.
schedule::Schedule CopyScheduleOf(py::handle object);
// From None, a schedule, or an iterable of schedules.
std::vector<schedule::Schedule> SchedulesOf(py::handle object);

// Gives Python a schedule for one call, and takes it back when it dies: used later, it raises.
class LentSchedule {
 public:
  explicit LentSchedule(schedule::Schedule& sch);
  ~LentSchedule();
  LentSchedule(const LentSchedule&) = delete;
  LentSchedule& operator=(const LentSchedule&) = delete;
  py::object object() const;

 private:
  schedule::Schedule& sch_;
  const std::shared_ptr<class ScheduleBox> box_;
};

// ---- what users may write themselves; a stock object, or one that plays the role
std::shared_ptr<ms::Builder> BuilderOf(py::handle object);
std::shared_ptr<ms::Runner> RunnerOf(py::handle object);
std::shared_ptr<ms::Database> DatabaseOf(py::handle object);
std::shared_ptr<ms::CostModel> CostModelOf(py::handle object);
std::shared_ptr<ms::MeasureCallback> CallbackOf(py::handle object);  // Or a callable.
std::vector<std::shared_ptr<ms::MeasureCallback>> CallbacksOf(py::handle object);
std::shared_ptr<ms::TaskScheduler> SchedulerOf(py::handle object);
std::unique_ptr<SpaceGenerator> GeneratorOf(py::handle object);     // Or a kind, or a callable.
std::unique_ptr<ms::SearchStrategy> StrategyOf(py::handle object);  // Or a kind.

// The other way: the user's own object when it is one. Null is None.
py::object WrapDatabase(std::shared_ptr<ms::Database> database);
py::object WrapCostModel(std::shared_ptr<ms::CostModel> model);
py::object WrapBuilder(std::shared_ptr<ms::Builder> builder);
py::object WrapRunner(std::shared_ptr<ms::Runner> runner);
py::object WrapCallback(std::shared_ptr<ms::MeasureCallback> callback);
py::object WrapGenerator(const SpaceGenerator& generator);

// ---- contexts

std::shared_ptr<ms::TuneContext> ContextOf(py::handle object);
py::object WrapContext(std::shared_ptr<ms::TuneContext> context);

// While it lives, object() works as a context; afterwards it raises.
class LentContext {
 public:
  explicit LentContext(ms::TuneContext& context);
  explicit LentContext(const ms::TuneContext& context);  // To read only.
  ~LentContext();
  LentContext(const LentContext&) = delete;
  LentContext& operator=(const LentContext&) = delete;
  py::object object() const;

 private:
  std::shared_ptr<class ContextBox> box_;
};

// A kind or an object of one's own.
template <typename T, typename Convert>
std::variant<std::string, std::shared_ptr<T>> KindOrOf(py::handle object, Convert convert) {
  if (py::isinstance<py::str>(object)) return object.cast<std::string>();
  return std::shared_ptr<T>(convert(object));
}

// A list of objects from any range of C++ values that pybind11 knows.
template <typename Range>
py::list ListOf(const Range& values) {
  py::list out;
  for (const auto& value : values) out.append(py::cast(value));
  return out;
}
template <typename T>
std::vector<T> VectorOf(py::handle iterable) {
  std::vector<T> out;
  for (py::handle item : py::reinterpret_borrow<py::object>(iterable)) out.push_back(item.cast<T>());
  return out;
}

}  // namespace hone::python
