// Schedule rules, postprocs, mutators and space generators: the stock ones, and those that users write.
#include "client/cpp/space.h"

#include <pybind11/stl.h>

#include "client/python/convert.h"
#include "client/python/schedule_box.h"
#include "common/intrin/intrin.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::python {
namespace {

SpaceContext ContextFor(py::handle target) { return SpaceContext{TargetOf(target), FindTensorIntrin}; }

std::string NameOf(const py::object& self) {
  return py::str(py::type::handle_of(self).attr("__name__")).cast<std::string>();
}

// What Clone() of a user's object gives: its own clone(), which the abstract classes have as a shallow copy. It cannot
// fail in C++: then the object is shared.
py::object CloneOf(const Held& self, const std::string& name) {
  try {
    return self->attr("clone")();
  } catch (py::error_already_set& error) {
    HONE_LOG(kWarning) << name << ".clone() failed, sharing the object: " << StatusOf(error).message();
    return *self;
  }
}

template <typename Method>
absl::Status Initialize(const Held& self, Method method) {
  return Guarded<absl::Status>([&] {
    method(*self);
    return absl::OkStatus();
  });
}

// ---- those of users

class OwnRule final : public ScheduleRule {
 public:
  explicit OwnRule(py::object self) : self_(Hold(self)), name_(NameOf(self)) {}
  const py::object& self() const { return *self_; }
  std::string_view name() const override { return name_; }
  absl::Status Initialize(const SpaceContext& context) override {
    return python::Initialize(self_, [&](py::object& self) { self.attr("initialize")(context.target); });
  }
  absl::StatusOr<std::vector<schedule::Schedule>> Apply(schedule::Schedule sch, schedule::BlockRv block) override {
    return Guarded<absl::StatusOr<std::vector<schedule::Schedule>>>([&] {
      const LentSchedule lent(sch);
      return SchedulesOf(self_->attr("apply")(lent.object(), block));
    });
  }
  std::unique_ptr<ScheduleRule> Clone() const override {
    const py::gil_scoped_acquire gil;
    return std::make_unique<OwnRule>(CloneOf(self_, name_));
  }

 private:
  const Held self_;
  const std::string name_;
};

class OwnPostproc final : public Postproc {
 public:
  explicit OwnPostproc(py::object self) : self_(Hold(self)), name_(NameOf(self)) {}
  const py::object& self() const { return *self_; }
  std::string_view name() const override { return name_; }
  absl::Status Initialize(const SpaceContext& context) override {
    return python::Initialize(self_, [&](py::object& self) { self.attr("initialize")(context.target); });
  }
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override {
    return Guarded<absl::StatusOr<bool>>([&] {
      const LentSchedule lent(sch);
      return self_->attr("apply")(lent.object()).cast<bool>();
    });
  }
  std::unique_ptr<Postproc> Clone() const override {
    const py::gil_scoped_acquire gil;
    return std::make_unique<OwnPostproc>(CloneOf(self_, name_));
  }

 private:
  const Held self_;
  const std::string name_;
};

class OwnMutator final : public Mutator {
 public:
  explicit OwnMutator(py::object self) : self_(Hold(self)), name_(NameOf(self)) {}
  const py::object& self() const { return *self_; }
  std::string_view name() const override { return name_; }
  absl::Status Initialize(const SpaceContext& context, const ir::IRModule& workload) override {
    return python::Initialize(self_, [&](py::object& self) { self.attr("initialize")(context.target, workload); });
  }
  // There is no way to fail: a failure changes nothing, and is logged.
  std::optional<schedule::Trace> Apply(const schedule::Trace& trace, CounterRandom& random) const override {
    const int64_t seed = random.Between(1, (int64_t{1} << 31) - 2);
    auto out = Guarded<absl::StatusOr<std::optional<schedule::Trace>>>([&]() -> std::optional<schedule::Trace> {
      const py::object changed = self_->attr("apply_seeded")(trace, seed);
      if (changed.is_none()) return std::nullopt;
      return changed.cast<schedule::Trace>();
    });
    if (out.ok()) return *std::move(out);
    HONE_LOG(kWarning) << "mutator " << name_ << " failed: " << out.status().message();
    return std::nullopt;
  }
  std::unique_ptr<Mutator> Clone() const override {
    const py::gil_scoped_acquire gil;
    return std::make_unique<OwnMutator>(CloneOf(self_, name_));
  }

 private:
  const Held self_;
  const std::string name_;
};

// ---- stock ones in Python; a shared holder, so that lists of them can be kept

struct StockRule {
  std::shared_ptr<ScheduleRule> impl;
};
struct StockPostproc {
  std::shared_ptr<Postproc> impl;
};
struct StockMutator {
  std::shared_ptr<Mutator> impl;
};
struct StockGenerator {
  std::shared_ptr<SpaceGenerator> impl;
  bool ready = false;
};

py::object Wrap(const ScheduleRule& rule) {
  if (const auto* own = dynamic_cast<const OwnRule*>(&rule)) return own->self();
  return py::cast(StockRule{rule.Clone()});
}
py::object Wrap(const Postproc& postproc) {
  if (const auto* own = dynamic_cast<const OwnPostproc*>(&postproc)) return own->self();
  return py::cast(StockPostproc{postproc.Clone()});
}
py::object Wrap(const Mutator& mutator) {
  if (const auto* own = dynamic_cast<const OwnMutator*>(&mutator)) return own->self();
  return py::cast(StockMutator{mutator.Clone()});
}

std::unique_ptr<ScheduleRule> RuleOf(py::handle object) {
  if (py::isinstance<StockRule>(object)) return object.cast<StockRule&>().impl->Clone();
  if (Plays(object, "ScheduleRule")) return std::make_unique<OwnRule>(py::reinterpret_borrow<py::object>(object));
  ThrowExpected("a ScheduleRule", object);
}
std::unique_ptr<Postproc> PostprocOf(py::handle object) {
  if (py::isinstance<StockPostproc>(object)) return object.cast<StockPostproc&>().impl->Clone();
  if (Plays(object, "Postproc")) return std::make_unique<OwnPostproc>(py::reinterpret_borrow<py::object>(object));
  ThrowExpected("a Postproc", object);
}
std::unique_ptr<Mutator> MutatorOf(py::handle object) {
  if (py::isinstance<StockMutator>(object)) return object.cast<StockMutator&>().impl->Clone();
  if (Plays(object, "Mutator")) return std::make_unique<OwnMutator>(py::reinterpret_borrow<py::object>(object));
  ThrowExpected("a Mutator", object);
}

// Lists are a kind's name or a list of objects; None leaves the defaults of the target.
void SetLists(SpaceGenerator& generator, py::handle rules, py::handle postprocs, py::handle mutators) {
  if (py::isinstance<py::str>(rules)) {
    generator.SetRules(Unwrap(ms::CreateScheduleRules(rules.cast<std::string>())));
  } else if (!rules.is_none()) {
    ScheduleRules list;
    for (py::handle item : py::reinterpret_borrow<py::object>(rules)) list.push_back(RuleOf(item));
    generator.SetRules(std::move(list));
  }
  if (py::isinstance<py::str>(postprocs)) {
    generator.SetPostprocs(Unwrap(ms::CreatePostprocs(postprocs.cast<std::string>())));
  } else if (!postprocs.is_none()) {
    Postprocs list;
    for (py::handle item : py::reinterpret_borrow<py::object>(postprocs)) list.push_back(PostprocOf(item));
    generator.SetPostprocs(std::move(list));
  }
  if (py::isinstance<py::str>(mutators)) {
    generator.SetMutators(Unwrap(ms::CreateMutators(mutators.cast<std::string>())));
  } else if (!mutators.is_none()) {
    Mutators list;
    for (const auto& [mutator, probability] : py::reinterpret_borrow<py::dict>(mutators)) {
      list.push_back({MutatorOf(mutator), probability.cast<double>()});
    }
    generator.SetMutators(std::move(list));
  }
}

class OwnGenerator final : public SpaceGenerator {
 public:
  explicit OwnGenerator(py::object self) : self_(Hold(self)), name_(NameOf(self)) {
    SetLists(*this, self.attr("sch_rules"), self.attr("postprocs"), self.attr("mutator_probs"));
  }
  const py::object& self() const { return *self_; }
  absl::Status Initialize(const SpaceContext& context, const ir::IRModule& workload) override {
    HONE_RETURN_IF_ERROR(SpaceGenerator::Initialize(context, workload));
    return python::Initialize(self_, [&](py::object& self) { self.attr("initialize")(context.target, workload); });
  }
  absl::StatusOr<std::vector<schedule::Schedule>> Generate(const ir::IRModule& module, int64_t seed) override {
    return Guarded<absl::StatusOr<std::vector<schedule::Schedule>>>(
        [&] { return SchedulesOf(self_->attr("generate_design_space")(module)); });
  }
  std::unique_ptr<SpaceGenerator> Clone() const override {
    const py::gil_scoped_acquire gil;
    return std::make_unique<OwnGenerator>(CloneOf(self_, name_));
  }

 private:
  const Held self_;
  const std::string name_;
};

// A callable: changes the schedule and returns nothing, or returns a schedule or a list of them.
std::unique_ptr<SpaceGenerator> OfFunction(py::object function) {
  return ms::CreateSpaceGenerator(ScheduleFn::ToMany([held = Hold(std::move(function))](schedule::Schedule sch) {
    return Guarded<absl::StatusOr<std::vector<schedule::Schedule>>>([&] {
      const LentSchedule lent(sch);
      const py::object out = (*held)(lent.object());
      return SchedulesOf(out.is_none() ? lent.object() : out);
    });
  }));
}

StockGenerator CreateGenerator(const std::string& kind, py::object parts, py::object rules, py::object postprocs,
                               py::object mutators) {
  std::vector<std::unique_ptr<SpaceGenerator>> list;
  for (py::handle part : parts) list.push_back(GeneratorOf(part));
  std::unique_ptr<SpaceGenerator> out = Unwrap(ms::CreateSpaceGenerator(kind, std::move(list)));
  SetLists(*out, rules, postprocs, mutators);
  return {std::move(out)};
}

py::list RulesOf(const SpaceGenerator& generator) {
  py::list out;
  for (const auto& rule : generator.rules()) out.append(Wrap(*rule));
  return out;
}
py::list PostprocsOf(const SpaceGenerator& generator) {
  py::list out;
  for (const auto& postproc : generator.postprocs()) out.append(Wrap(*postproc));
  return out;
}
py::dict MutatorsOf(const Mutators& mutators) {
  py::dict out;
  for (const auto& m : mutators) out[Wrap(*m.mutator)] = m.probability;
  return out;
}

py::list Generate(StockGenerator& generator, py::object mod, int64_t seed) {
  if (!generator.ready) {
    Check(absl::FailedPreconditionError(
        "the space generator does not know its target; call initialize(target, mod) first"));
  }
  const ir::IRModule module = ModuleOf(mod);
  auto spaces = Unwrap(Unlocked([&] { return generator.impl->Generate(module, seed); }));
  py::list out;
  for (schedule::Schedule& sch : spaces) out.append(WrapSchedule(std::move(sch)));
  return out;
}

void BindParts(py::module_& m) {
  py::class_<StockRule>(m, "StockScheduleRule")
      .def_property_readonly("name", [](const StockRule& r) { return std::string(r.impl->name()); })
      .def("__str__", [](const StockRule& r) { return r.impl->Signature(); })
      .def(
          "initialize", [](StockRule& r, py::object target) { Check(r.impl->Initialize(ContextFor(target))); },
          py::arg("target"))
      .def(
          "apply",
          [](StockRule& r, py::object sch, schedule::BlockRv block) {
            auto grown = Unwrap(r.impl->Apply(CopyScheduleOf(sch), block));
            py::list out;
            for (schedule::Schedule& s : grown) out.append(WrapSchedule(std::move(s)));
            return out;
          },
          py::arg("sch"), py::arg("block"))
      .def("clone", [](const StockRule& r) { return StockRule{r.impl->Clone()}; });
  py::class_<StockPostproc>(m, "StockPostproc")
      .def_property_readonly("name", [](const StockPostproc& p) { return std::string(p.impl->name()); })
      .def("__str__", [](const StockPostproc& p) { return p.impl->Signature(); })
      .def(
          "initialize", [](StockPostproc& p, py::object target) { Check(p.impl->Initialize(ContextFor(target))); },
          py::arg("target"))
      .def(
          "apply", [](const StockPostproc& p, ScheduleBox& sch) { return Unwrap(p.impl->Apply(sch.Write())); },
          py::arg("sch"), "False: the candidate is rejected.")
      .def("clone", [](const StockPostproc& p) { return StockPostproc{p.impl->Clone()}; });
  py::class_<StockMutator>(m, "StockMutator")
      .def_property_readonly("name", [](const StockMutator& x) { return std::string(x.impl->name()); })
      .def("__str__", [](const StockMutator& x) { return x.impl->Signature(); })
      .def(
          "initialize",
          [](StockMutator& x, py::object target, py::object mod) {
            Check(x.impl->Initialize(ContextFor(target), ModuleOf(mod)));
          },
          py::arg("target"), py::arg("mod"))
      .def(
          "apply",
          [](const StockMutator& x, const schedule::Trace& trace, uint64_t seed) {
            CounterRandom random({seed});
            return x.impl->Apply(trace, random);
          },
          py::arg("trace"), py::arg("seed") = 1, "The changed trace, or None. The same seed makes the same change.")
      .def("clone", [](const StockMutator& x) { return StockMutator{x.impl->Clone()}; });
  m.def("create_schedule_rules", [](const std::string& kind) {
    py::list out;
    for (auto& rule : Unwrap(ms::CreateScheduleRules(kind))) out.append(StockRule{std::move(rule)});
    return out;
  });
  m.def("create_postprocs", [](const std::string& kind) {
    py::list out;
    for (auto& postproc : Unwrap(ms::CreatePostprocs(kind))) out.append(StockPostproc{std::move(postproc)});
    return out;
  });
  m.def("create_mutators", [](const std::string& kind) { return MutatorsOf(Unwrap(ms::CreateMutators(kind))); });
}

}  // namespace

std::unique_ptr<SpaceGenerator> GeneratorOf(py::handle object) {
  if (py::isinstance<StockGenerator>(object)) return object.cast<StockGenerator&>().impl->Clone();
  if (Plays(object, "SpaceGenerator"))
    return std::make_unique<OwnGenerator>(py::reinterpret_borrow<py::object>(object));
  if (py::isinstance<py::str>(object)) return Unwrap(ms::CreateSpaceGenerator(object.cast<std::string>()));
  if (PyCallable_Check(object.ptr()) != 0) return OfFunction(py::reinterpret_borrow<py::object>(object));
  ThrowExpected("a SpaceGenerator, its kind, or a callable that takes a schedule", object);
}

py::object WrapGenerator(const SpaceGenerator& generator) {
  if (const auto* own = dynamic_cast<const OwnGenerator*>(&generator)) return own->self();
  return py::cast(StockGenerator{generator.Clone()});
}

void BindSpace(py::module_& m) {
  BindParts(m);
  py::class_<StockGenerator>(m, "StockSpaceGenerator")
      .def(
          "initialize",
          [](StockGenerator& g, py::object target, py::object mod) {
            const SpaceContext context = ContextFor(target);
            const ir::IRModule module = ModuleOf(mod);
            Check(Unlocked([&] { return g.impl->Initialize(context, module); }));
            g.ready = true;
          },
          py::arg("target"), py::arg("mod"), "Takes the defaults of the target's kind for lists that were not given.")
      .def("generate_design_space", &Generate, py::arg("mod"), py::arg("seed") = -1)
      .def("clone", [](const StockGenerator& g) { return StockGenerator{Unlocked([&] { return g.impl->Clone(); })}; })
      .def_property_readonly("sch_rules", [](const StockGenerator& g) { return RulesOf(*g.impl); })
      .def_property_readonly("postprocs", [](const StockGenerator& g) { return PostprocsOf(*g.impl); })
      .def_property_readonly("mutator_probs", [](const StockGenerator& g) { return MutatorsOf(g.impl->mutators()); });
  m.def("create_space_generator", &CreateGenerator);
  m.def("space_generator_of", [](py::object object) { return StockGenerator{GeneratorOf(object)}; });
}

}  // namespace hone::python
