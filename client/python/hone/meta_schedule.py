"""The tuning API: builders, runners, databases, cost models, design spaces, strategies, schedulers, and the entry
points tune_tir and tune_tasks.

The abstract classes here have a factory, create(kind), for the stock kinds, and are what one's own classes derive from:

    @derived_object
    class Parallel(ScheduleRule):
        def apply(self, sch, block):
            sch.parallel(sch.get_loops(block)[0])
            return [sch]

Methods without a body must be written; the others have the generic behaviour. Objects of such classes are passed
wherever a stock object or its kind is. What their methods raise ends the call that needed them, with the message. A
schedule or context that C++ passes to a method is lent for that call; sch.copy() may be kept.
"""
import abc
import copy
import json
import threading

from . import _hone
from ._hone import (
    BuilderInput,
    BuilderResult,
    Connection,
    EvaluatorConfig,
    ExtractedTask,
    FeatureMatrix,
    MeasureCandidate,
    RunnerFuture,
    RunnerInput,
    RunnerResult,
    TaskRecord,
    TensorInfo,
    TuneContext,
    TuningRecord,
    Workload,
    fork_seeds,
    normalize_mod,
)

ArgInfo = TensorInfo
_local = threading.local()


def _stack(name):
    """A list of this thread's own."""
    if not hasattr(_local, name):
        setattr(_local, name, [])
    return getattr(_local, name)


def derived_object(cls):
    """Declares a class of one's own: checks that it derives from an abstract class of this module and has the methods
    that this one asks for."""
    if not isinstance(cls, type):
        raise TypeError(f"derived_object decorates classes, got {type(cls).__name__}")
    roles = [role for role in _ROLES if issubclass(cls, role)]
    if not roles:
        raise TypeError(f"{cls.__name__} derives from none of {', '.join(role.__name__ for role in _ROLES)}")
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        raise TypeError(f"{cls.__name__} lacks {', '.join(missing)}, which {roles[0].__name__} asks for")
    return cls


# ---- building and running


class Builder(abc.ABC):
    """Scheduled modules to artifacts on disk."""

    @abc.abstractmethod
    def build(self, build_inputs):
        """A BuilderResult for each BuilderInput."""

    @staticmethod
    def create(kind="local", *, max_workers=0, timeout_sec=30.0):
        """"local": sandboxed processes of this machine; it forks: create it before the process has threads. "remote":
        packs candidates for runner "rpc"."""
        return _hone.create_builder(kind, max_workers, timeout_sec)


class Runner(abc.ABC):
    """Artifacts to times."""

    @abc.abstractmethod
    def run(self, runner_inputs):
        """A RunnerFuture (or an object with done and result) for each RunnerInput."""

    @staticmethod
    def create(kind="local", *, timeout_sec=30.0, evaluator_config=None, server=None):
        """"local": sandboxed children of this machine; it forks. "rpc": the run workers of `server`, a Connection."""
        return _hone.create_runner(kind, timeout_sec, evaluator_config, server)


# ---- databases


class Database(abc.ABC):
    """Workloads and their measured candidates. `with database:` makes it the current one of this thread."""

    module_equality = "structural"

    @abc.abstractmethod
    def has_workload(self, mod):
        """Whether a workload equal to `mod` is stored."""

    @abc.abstractmethod
    def commit_workload(self, mod):
        """The stored Workload equal to `mod`; stores it when there is none."""

    @abc.abstractmethod
    def commit_tuning_record(self, record):
        """Stores a TuningRecord."""

    @abc.abstractmethod
    def get_top_k(self, workload, top_k):
        """Valid records of the workload by rising mean time, at most `top_k`."""

    @abc.abstractmethod
    def get_all_tuning_records(self):
        """All records."""

    @abc.abstractmethod
    def __len__(self):
        """The number of records."""

    def __bool__(self):
        return True

    def query_tuning_record(self, mod, target, workload_name="main"):
        """The best record, or None."""
        return _hone.generic_query(self, mod, target, workload_name, "record")

    def query_schedule(self, mod, target, workload_name="main"):
        """The best record's schedule, or None."""
        return _hone.generic_query(self, mod, target, workload_name, "schedule")

    def query_ir_module(self, mod, target, workload_name="main"):
        """The best record's program, or None."""
        return _hone.generic_query(self, mod, target, workload_name, "ir_module")

    def query(self, mod, target, *, workload_name="main", kind="schedule"):
        """One of the three by name: "schedule", "record" or "ir_module"."""
        kinds = {"schedule": self.query_schedule, "record": self.query_tuning_record, "ir_module": self.query_ir_module}
        if kind not in kinds:
            raise ValueError(f"query kind {kind!r}, expected schedule, record or ir_module")
        return kinds[kind](mod, target, workload_name)

    def dump_pruned(self, destination):
        """Stores every workload's best valid record in `destination`."""
        _hone.dump_pruned(self, destination)

    def __enter__(self):
        _stack("databases").append((self, _hone.DatabaseScope(self)))
        return self

    def __exit__(self, *_):
        _stack("databases").pop()

    @staticmethod
    def current():
        """The database of the innermost `with` of this thread, or None."""
        return _stack("databases")[-1][0] if _stack("databases") else None

    @staticmethod
    def create(kind="json", *, work_dir="", module_equality="structural", url="", server=None, databases=()):
        """"json" (two files in `work_dir`), "memory", "union" or "ordered_union" of `databases`, "postgres" (`url`),
        "remote" (`server`), or a callable that schedules in place and returns whether it did."""
        if callable(kind):
            return _hone.database_of_function(kind)
        if kind == "union":
            return _hone.database_union(databases)
        if kind == "ordered_union":
            return _hone.database_ordered_union(databases)
        return _hone.create_database(kind, work_dir, module_equality, url, server)


# What stock databases share with those of users.
for _name in ("dump_pruned", "__enter__", "__exit__"):
    setattr(_hone.StockDatabase, _name, getattr(Database, _name))


# ---- cost models, features


class CostModel(abc.ABC):
    """Scores of candidates, learned from measurements."""

    def load(self, path):
        """Takes its state from a file. Generic: nothing."""

    def save(self, path):
        """Writes its state to a file. Generic: nothing."""

    def update(self, context, candidates, results):
        """Learns from a measured batch. Generic: nothing."""

    @abc.abstractmethod
    def predict(self, context, candidates):
        """A normalised score a candidate, higher is better."""

    @staticmethod
    def create(kind="xgb", *, seed=43, extractor=None):
        """"xgb", "mlp", "random"; None for "none". With `extractor`, a FeatureExtractor, the model sees its features."""
        return _hone.create_cost_model(kind, seed, extractor)


class FeatureExtractor(abc.ABC):
    """Features of candidates, for CostModel.create(kind, extractor=...) and for cost models of one's own."""

    @abc.abstractmethod
    def extract_from(self, context, candidates):
        """A matrix (rows x width) a candidate: a FeatureMatrix, an array or a list of rows."""

    @staticmethod
    def create(kind="per-store-feature", *, extract_workload=False):
        """"per-store-feature": 164 columns, 172 with `extract_workload`."""
        return _hone.create_feature_extractor(kind, extract_workload)


# ---- design spaces


class _Cloneable:
    def clone(self):
        """The same configuration for another task. Generic: a shallow copy."""
        return copy.copy(self)


class ScheduleRule(_Cloneable, abc.ABC):
    """A way to schedule one block."""

    def initialize(self, target):
        """Before the first apply. Generic: nothing."""

    @abc.abstractmethod
    def apply(self, sch, block):
        """The schedules that `sch` grows into: [sch] when the rule does not apply."""

    @staticmethod
    def create(kind):
        """The default rules of "llvm", "vnni", "avx512", "cuda", "cuda-tensorcore", "hexagon", ..."""
        return _hone.create_schedule_rules(kind)


class Postproc(_Cloneable, abc.ABC):
    """Rewrites a replayed schedule, or rejects the candidate."""

    def initialize(self, target):
        """Before the first apply. Generic: nothing."""

    @abc.abstractmethod
    def apply(self, sch):
        """Changes `sch` in place; False rejects it. Called from several threads."""

    @staticmethod
    def create(kind):
        """The default postprocs of the kinds of ScheduleRule.create."""
        return _hone.create_postprocs(kind)


class Mutator(_Cloneable, abc.ABC):
    """A small change of a trace's decisions."""

    def initialize(self, target, mod):
        """Before the first apply. Generic: nothing."""

    @abc.abstractmethod
    def apply(self, trace):
        """The changed trace, or None. Called from several threads."""

    def apply_seeded(self, trace, seed):
        """As apply, for mutators that draw: a tuning with the same seed then gives the same candidates. Generic: apply."""
        return self.apply(trace)

    @staticmethod
    def create(kind):
        """The default mutators of the kinds of ScheduleRule.create, with their probabilities."""
        return _hone.create_mutators(kind)


class SpaceGenerator(_Cloneable, abc.ABC):
    """Makes the design spaces of a workload. The three lists are None (the defaults of the target), the name of a kind,
    or objects; they are read when a context takes the generator."""

    sch_rules = None
    postprocs = None
    mutator_probs = None

    def initialize(self, target, mod):
        """Before the first generate_design_space. Generic: nothing."""

    @abc.abstractmethod
    def generate_design_space(self, mod):
        """A list of schedules."""

    @staticmethod
    def create(kind="post-order-apply", *, space_generators=(), sch_rules=None, postprocs=None, mutator_probs=None):
        """"post-order-apply" (TVM's), "hone" (with rules of Hone's own; what `hone tune` takes), either with a kind as in
        "hone(llvm)", "union(NAME, NAME, ...)", "union" of `space_generators`, or a callable that takes a schedule and returns nothing, a
        schedule or a list of schedules. Lists as for the class."""
        if callable(kind):
            return _hone.space_generator_of(kind)
        return _hone.create_space_generator(kind, space_generators, sch_rules, postprocs, mutator_probs)


# ---- search


class SearchStrategy(_Cloneable, abc.ABC):
    """Chooses the candidates to measure."""

    context = None

    def initialize(self, context):
        """Before anything else, and again after clone. Generic: keeps the context."""
        self.context = context

    def pre_tuning(self, max_trials, num_trials_per_iter, design_spaces, database=None, cost_model=None):
        """Generic: nothing."""

    def post_tuning(self):
        """Generic: nothing."""

    @abc.abstractmethod
    def generate_measure_candidates(self):
        """The next batch of MeasureCandidates; None when there is nothing more to do."""

    def notify_runner_results(self, measure_candidates, results):
        """The results of the last batch. Generic: nothing."""

    @staticmethod
    def create(kind="evolutionary", **params):
        """"evolutionary", "replay-trace" or "replay-func"; parameters by name, e.g. population_size=256."""
        return _hone.create_search_strategy(kind, json.dumps(params))


class MeasureCallback(abc.ABC):
    """What happens after a batch was measured. Functions of the same arguments serve as well."""

    @abc.abstractmethod
    def apply(self, task_scheduler, task_id, measure_candidates, builder_results, runner_results):
        """After each batch of a task. An exception ends the tuning."""

    @staticmethod
    def create(kind="default"):
        """A list: "default" (all three), "add-to-database", "remove-build-artifact", "update-cost-model"."""
        return _hone.create_measure_callbacks(kind)


class TaskScheduler(abc.ABC):
    """Chooses which task is searched next, and tunes."""

    @property
    def _native(self):
        if "_native_scheduler" not in self.__dict__:
            self.__dict__["_native_scheduler"] = _hone.native_scheduler_of(self)
        return self.__dict__["_native_scheduler"]

    @abc.abstractmethod
    def next_task_id(self):
        """The task for the next batch, whose own batch was joined; -1 when none is left."""

    def join_running_task(self, task_id):
        """Waits for the batch of a task, and tells strategy and callbacks."""
        return self._native.generic_join_running_task(task_id)

    def tune(self, tasks, task_weights, max_trials_global, max_trials_per_task, num_trials_per_iter, builder, runner,
             measure_callbacks, database=None, cost_model=None):
        """Tunes until the budget is spent or no task is left."""
        self._native.generic_tune(tasks, task_weights, max_trials_global, max_trials_per_task, num_trials_per_iter,
                                  builder, runner, measure_callbacks, database, cost_model)

    def terminate_task(self, task_id):
        """No more batches of this task."""
        self._native.terminate_task(task_id)

    def touch_task(self, task_id):
        """Joins the task's batch if all of it is done."""
        self._native.touch_task(task_id)

    def print_tuning_statistics(self):
        """The table to the log."""
        self._native.print_tuning_statistics()

    def tuning_statistics(self):
        """The table."""
        return self._native.tuning_statistics()

    def task(self, task_id):
        """Where a task stands: a TaskRecord."""
        return self._native.task(task_id)

    @property
    def tasks(self):
        """Where all tasks stand."""
        return self._native.tasks

    @property
    def num_tasks(self):
        """How many tasks are tuned."""
        return self._native.num_tasks

    @property
    def database(self):
        """What tune was called with, or None."""
        return self._native.database

    @property
    def cost_model(self):
        """What tune was called with, or None."""
        return self._native.cost_model

    @staticmethod
    def create(kind="gradient", *, seed=-1):
        """"gradient" or "round-robin"."""
        return _hone.create_task_scheduler(kind, seed)


_ROLES = (
    Builder,
    Runner,
    Database,
    CostModel,
    FeatureExtractor,
    ScheduleRule,
    Postproc,
    Mutator,
    SpaceGenerator,
    SearchStrategy,
    MeasureCallback,
    TaskScheduler,
)
for _role in _ROLES:
    _hone.register_role(_role.__name__, _role)
    _role.register(getattr(_hone, "Stock" + _role.__name__))

# The peer's names of what users derive from.
PyBuilder = Builder
PyRunner = Runner
PyDatabase = Database
PyCostModel = CostModel
PyFeatureExtractor = FeatureExtractor
PyScheduleRule = ScheduleRule
PyPostproc = Postproc
PyMutator = Mutator
PySpaceGenerator = SpaceGenerator
PySearchStrategy = SearchStrategy
PyMeasureCallback = MeasureCallback
PyTaskScheduler = TaskScheduler


# ---- profiling


class Profiler:
    """Where the time of this thread went: `with Profiler() as profiler: ...; print(profiler.table())`."""

    def __init__(self):
        self._native = None
        self._seconds = {}

    def __enter__(self):
        self._native = _hone.NativeProfiler()
        _stack("profilers").append(self)
        return self

    def __exit__(self, *_):
        _stack("profilers").pop()
        self._native.stop()

    def get(self):
        """Seconds by name; with "Total" once it has stopped."""
        return self._native.get() if self._native is not None else {}

    def table(self):
        """The same as a table."""
        return self._native.table() if self._native is not None else ""

    @staticmethod
    def current():
        """The innermost profiler that runs on this thread, or None."""
        return _stack("profilers")[-1] if _stack("profilers") else None

    @staticmethod
    def timeit(name):
        """A scope whose seconds go to the current profiler: `with Profiler.timeit("compile"): ...`"""
        return _Timed(name)


class _Timed:
    def __init__(self, name):
        self._name = name
        self._scope = None

    def __enter__(self):
        self._scope = _hone.NativeProfilerScope(self._name)
        return self

    def __exit__(self, *_):
        self._scope = None


# ---- entry points


def tune_tir(
    mod,
    target,
    work_dir,
    max_trials_global,
    *,
    max_trials_per_task=None,
    num_trials_per_iter=64,
    builder="local",
    runner="local",
    database="json",
    cost_model="xgb",
    measure_callbacks="default",
    task_scheduler="gradient",
    space="post-order-apply",
    strategy="evolutionary",
    num_tuning_cores="physical",
    seed=None,
    module_equality="structural",
    special_space=None,
    post_optimization=False,
    server=None,
    stop=None,
):
    """Tunes every function of `mod` as a task of its own, and returns the database.

    What has a kind takes its name, or an object of one's own. `special_space` gives tasks by name a space of their own;
    None skips a task. `server` is the Connection of builder "remote" and runner "rpc". `stop`, a callable, is asked
    between batches. Forks for the local builder and runner: call it before the process has threads.
    """
    settings = dict(locals())
    for name in ("mod", "target", "work_dir", "max_trials_global"):
        del settings[name]
    return _hone.tune_tir(mod, target, str(work_dir), max_trials_global, settings)


def tune_tasks(
    *,
    tasks,
    task_weights,
    work_dir,
    max_trials_global,
    max_trials_per_task=None,
    num_trials_per_iter=64,
    builder="local",
    runner="local",
    database="json",
    cost_model="xgb",
    measure_callbacks="default",
    task_scheduler="gradient",
    module_equality="structural",
    post_optimization=False,
    server=None,
    stop=None,
):
    """Tunes contexts, whose space, strategy, cores and seed are their own, and returns the database."""
    settings = dict(locals())
    settings["work_dir"] = str(work_dir)
    return _hone.tune_tasks(settings)


def compile_tir(database, mod, target):
    """The best schedule of `mod` in the database, or None."""
    return _hone.compile_tir(database, mod, target)


def merge_tasks(tasks, *, module_equality="structural"):
    """Puts ExtractedTasks with equal programs together; weights become the true number of call sites."""
    return _hone.merge_tasks(tasks, module_equality)


def extracted_tasks_to_tune_contexts(
    extracted_tasks,
    *,
    space="post-order-apply",
    strategy="evolutionary",
    num_tuning_cores="physical",
    seed=None,
    special_space=None,
):
    """The contexts and weights for tune_tasks."""
    settings = dict(locals())
    del settings["extracted_tasks"]
    return _hone.contexts_of_extracted_tasks(extracted_tasks, settings)


def post_optimize(tasks, database, builder, runner, *, trials=100, pairs=7):
    """Walks from each task's best record to better neighbours; the table of times before and after."""
    return _hone.post_optimize(tasks, database, builder, runner, trials, pairs)
