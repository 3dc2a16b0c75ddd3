"""The Python client: a test for each row of the API (docs/api.md)."""
import os
import shutil
import signal
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.abspath("client/python/lib"))
import hone  # noqa: E402
from hone import meta_schedule as ms  # noqa: E402
from hone.script import ir as I, tir as T  # noqa: E402

import harness  # noqa: E402

TARGET = hone.Target("llvm -mcpu=haswell -num-cores=2")
SMALL_SEARCH = {"population_size": 16, "init_min_unmeasured": 4, "genetic_num_iters": 1, "max_fail_count": 2}


def matmul(n=32):
    return hone.IRModule(harness.MATMUL.format(n=n))


def quiet(level, text):
    """A logger that says nothing."""


def context(strategy=None, n=32, name="main", space="post-order-apply", **kwargs):
    return ms.TuneContext(
        matmul(n),
        target=TARGET,
        space_generator=space,
        search_strategy=strategy or ms.SearchStrategy.create("replay-trace"),
        task_name=name,
        rand_state=42,
        num_threads=2,
        logger=quiet,
        **kwargs,
    )


def some_candidates(tuned, n):
    tuned.pre_tuning(n, n)
    candidates = tuned.generate_measure_candidates()
    tuned.post_tuning()
    return candidates


# ---- objects of one's own


@hone.derived_object
class FakeBuilder(ms.Builder):
    def __init__(self, fail_every=0):
        self.fail_every = fail_every
        self.count = 0

    def build(self, build_inputs):
        out = []
        for item in build_inputs:
            self.count += 1
            if self.fail_every and self.count % self.fail_every == 0:
                out.append(ms.BuilderResult(error_msg="refused by the test"))
                continue
            folder = tempfile.mkdtemp(prefix="hone-py-artifact.")
            path = os.path.join(folder, "trace.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(item.trace_json)
            out.append(ms.BuilderResult(path))
        return out


class FakeFuture:
    """A future that is no RunnerFuture."""

    def __init__(self, secs):
        self.secs = secs

    def done(self):
        return True

    def result(self):
        return ms.RunnerResult([self.secs] * 3)


@hone.derived_object
class FakeRunner(ms.Runner):
    def __init__(self):
        self.runs = 0

    def run(self, runner_inputs):
        out = []
        for item in runner_inputs:
            self.runs += 1
            assert item.device_type == "llvm" and len(item.args_info) == 3
            with open(item.artifact_path, encoding="utf-8") as file:
                secs = 1e-6 * (1 + len(file.read()) % 997)
            future = ms.RunnerFuture(ms.RunnerResult([secs]))
            out.append(FakeFuture(secs) if self.runs % 2 else future)
        return out


@hone.derived_object
class ParallelRule(ms.ScheduleRule):
    """Parallelises the outermost loop of every block, by a tile that is sampled."""

    def initialize(self, target):
        self.target = target

    def apply(self, sch, block):
        assert self.target.kind == "llvm"
        loops = sch.get_loops(block)
        if not loops:
            return [sch]
        factors = sch.sample_perfect_tile(loops[0], n=2, max_innermost_factor=16)
        outer, _ = sch.split(loops[0], factors=factors)
        sch.parallel(outer)
        return [sch]


@hone.derived_object
class NeedsParallel(ms.Postproc):
    calls = 0

    def apply(self, sch):
        type(self).calls += 1
        return "T.parallel" in sch.mod.script()


@hone.derived_object
class CountingMutator(ms.Mutator):
    seeds = []

    def apply(self, trace):
        return trace

    def apply_seeded(self, trace, seed):
        self.seeds.append(seed)
        return self.apply(trace)


@hone.derived_object
class OwnSpace(ms.SpaceGenerator):
    """One schedule, with postprocs and mutators of one's own."""

    def __init__(self):
        self.sch_rules = []
        self.postprocs = [NeedsParallel()]
        self.mutator_probs = {CountingMutator(): 1.0}
        self.made = []

    def generate_design_space(self, mod):
        sch = hone.Schedule(mod, seed=7)
        self.made.append(sch)
        return ParallelRuleReady.apply(sch, sch.get_block("C"))


ParallelRuleReady = ParallelRule()
ParallelRuleReady.initialize(TARGET)


@hone.derived_object
class ShortTraceModel(ms.CostModel):
    def __init__(self):
        self.seen = 0
        self.asked = 0
        self.path = None

    def save(self, path):
        self.path = path

    def update(self, context, candidates, results):
        assert context.task_name and len(candidates) == len(results)
        self.seen += len(candidates)

    def predict(self, context, candidates):
        self.asked += len(candidates)
        return [1.0 / len(candidate.sch.trace) for candidate in candidates]


@hone.derived_object
class OnlyTheProgram(ms.SearchStrategy):
    done = False

    def generate_measure_candidates(self):
        if self.done:
            return None
        self.done = True
        return [ms.MeasureCandidate(hone.Schedule(self.context.mod))]


@hone.derived_object
class ListDatabase(ms.Database):
    def __init__(self):
        self.workloads = []
        self.records = []

    def has_workload(self, mod):
        return any(workload.mod == mod for workload in self.workloads)

    def commit_workload(self, mod):
        for workload in self.workloads:
            if workload.mod == mod:
                return workload
        self.workloads.append(ms.Workload(mod))
        return self.workloads[-1]

    def commit_tuning_record(self, record):
        self.records.append(record)

    def get_top_k(self, workload, top_k):
        found = [r for r in self.records if r.workload == workload and r.is_valid()]
        return sorted(found, key=lambda r: sum(r.run_secs) / len(r.run_secs))[:top_k]

    def get_all_tuning_records(self):
        return list(self.records)

    def __len__(self):
        return len(self.records)


@hone.derived_object
class Order(ms.MeasureCallback):
    def __init__(self):
        self.order = []
        self.kept = None

    def apply(self, task_scheduler, task_id, measure_candidates, builder_results, runner_results):
        assert len(measure_candidates) == len(builder_results) == len(runner_results)
        self.order.append(task_id)
        assert task_scheduler.task(task_id).context.target == TARGET
        self.kept = task_scheduler


@hone.derived_object
class LastFirst(ms.TaskScheduler):
    joined = 0

    def next_task_id(self):
        for i in reversed(range(self.num_tasks)):
            if self.task(i).is_terminated:
                continue
            if self.task(i).runner_futures is not None:
                self.join_running_task(i)
            return i
        return -1

    def join_running_task(self, task_id):
        self.joined += 1
        return super().join_running_task(task_id)


@hone.derived_object
class CountStores(ms.FeatureExtractor):
    def extract_from(self, context, candidates):
        return [[[float(len(candidate.sch.trace))]] for candidate in candidates]


class Folder(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="hone-py.")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def folder(self, name):
        path = os.path.join(self.dir, name)
        os.makedirs(path, exist_ok=True)
        return path


class Programs(unittest.TestCase):
    def test_modules_from_script_and_back(self):
        mod = matmul()
        self.assertEqual(hone.IRModule(mod.script()), mod)
        self.assertTrue(hone.structural_equal(mod, mod.script()))
        self.assertEqual(hone.structural_hash(mod), hone.structural_hash(matmul()))
        self.assertNotEqual(mod, matmul(16))
        self.assertEqual(mod.get_global_vars(), ["main"])
        self.assertEqual(mod["main"], mod)
        with self.assertRaises(LookupError):
            mod["other"]
        with self.assertRaisesRegex(ValueError, "<script>:1"):
            hone.IRModule("def")
        with self.assertRaisesRegex(TypeError, "TVMScript"):
            hone.Schedule(7)

    def test_decorated_functions_and_classes_are_modules(self):
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] + T.float32(1)

        @I.ir_module
        class Module:
            @T.prim_func
            def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
                for i in range(16):
                    with T.block("B"):
                        vi = T.axis.spatial(16, i)
                        B[vi] = A[vi] + T.float32(1)

        self.assertEqual(main.get_global_vars(), ["main"])
        self.assertEqual(main, Module)
        self.assertEqual(hone.IRModule(Module.script()), Module)

    def test_targets(self):
        self.assertEqual(TARGET.kind, "llvm")
        self.assertEqual(TARGET["num-cores"], 2)
        self.assertIsNone(TARGET.get("no-such"))
        self.assertEqual(hone.Target(TARGET.export()), TARGET)
        self.assertEqual(hone.Target.host().kind, "llvm")
        with self.assertRaisesRegex(ValueError, "haswel"):
            hone.Target("llvm -mcpu=haswel")


class Schedules(unittest.TestCase):
    def test_primitives_come_from_the_table(self):
        sch = hone.Schedule(matmul(), seed=1)
        block = sch.get_block("C")
        i, j, k = sch.get_loops(block=block)
        i0, i1 = sch.split(i, factors=[None, 8])
        self.assertEqual(sch.get(i1).extent, 8)
        v0, v1 = sch.sample_perfect_tile(j, n=2, max_innermost_factor=8, decision=[4, 8])
        self.assertEqual([sch.get(v0), sch.get(v1)], [4, 8])
        j0, j1 = sch.split(j, [v0, v1])
        sch.reorder(i0, j0, k, i1, j1)
        sch.vectorize(j1)
        sch.parallel(sch.fuse(i0, j0))
        sch.annotate(k, "pragma_auto_unroll_max_step", 16)
        sch.annotate(block, ann_key="tile", ann_val={"a": [1, 2], "b": "text"})
        write = sch.cache_write(block, 0, "global")
        self.assertEqual(sch.get(write).writes, 1)
        self.assertIn("T.vectorized(8)", sch.mod.script())
        self.assertIn("sch.reorder(", "\n".join(sch.trace.as_python()))
        self.assertEqual(sch.get(block).iter_types, ["spatial", "spatial", "reduce"])
        self.assertIn("factors", hone.Schedule.split.__doc__ + str(hone.Schedule.split.__signature__))

    def test_expressions_and_index_maps(self):
        sch = hone.Schedule(matmul(), seed=1)
        block = sch.get_block("C")
        _, j, k = sch.get_loops(block)
        v0, _ = sch.sample_perfect_tile(j, n=2, decision=[4, 8])
        outer, inner = sch.split(k, factors=[None, v0 * 2])
        self.assertEqual(sch.get(inner).extent, 8)
        self.assertEqual(sch.get(outer).extent, 4)
        sch.transform_layout(block, ("write", 0), lambda i, j: [i // 4, j, i % 4])
        self.assertIn("8, 32, 4", sch.mod.script())
        again = hone.Schedule(matmul())
        sch.trace.apply_to_schedule(again)
        self.assertEqual(again.mod, sch.mod)

    def test_errors_are_exceptions(self):
        sch = hone.Schedule(matmul())
        block = sch.get_block("C")
        _, _, k = sch.get_loops(block)
        before = sch.mod
        with self.assertRaisesRegex(hone.ScheduleError, "parallel"):
            sch.parallel(k)
        self.assertEqual(sch.mod, before)
        with self.assertRaises(TypeError):
            sch.split(k)
        with self.assertRaisesRegex(ValueError, "expected"):
            sch.vectorize(block)
        with self.assertRaises(AttributeError):
            sch.no_such_primitive()
        with self.assertRaises((hone.HoneError, LookupError)):
            sch.get_block("nothing")

    def test_copies_are_independent(self):
        sch = hone.Schedule(matmul(), seed=3)
        block = sch.get_block("C")
        copy = sch.copy()
        copy.parallel(copy.get_loops(block)[0])
        self.assertNotIn("T.parallel", sch.mod.script())
        self.assertIn("T.parallel", copy.mod.script())

    def test_traces(self):
        sch = hone.Schedule(matmul(), seed=5)
        i = sch.get_loops(sch.get_block("C"))[0]
        sch.split(i, factors=sch.sample_perfect_tile(i, n=2))
        trace = sch.trace
        self.assertEqual(hone.Trace(trace.json()), trace)
        self.assertEqual(hone.Trace(trace.as_json()), trace)
        self.assertEqual(hone.Trace("\n".join(trace.as_python())), trace)
        self.assertEqual(trace.insts[2], "SamplePerfectTile")
        changed = trace.with_decision(2, [16, 2])
        self.assertEqual(changed.decisions, {2: [16, 2]})
        again = hone.Schedule(matmul())
        changed.apply_to_schedule(again)
        self.assertIn("T.grid(16, 2, 32, 32)", again.mod.script())
        third = hone.Schedule(matmul())
        hone.Trace.apply_json_to_schedule(trace.as_json(), third)
        self.assertEqual(third.mod, sch.mod)
        unused = hone.Schedule(matmul())
        unused.get_block("C")
        self.assertEqual(len(unused.trace.simplified()), 0)
        with self.assertRaisesRegex(IndexError, "instruction"):
            trace.with_decision(99, 1)


class Rows(Folder):
    def test_builder(self):
        with self.assertRaisesRegex(ValueError, "local or remote"):
            ms.Builder.create("distant")
        remote = ms.Builder.create("remote")
        self.assertIsInstance(remote, ms.Builder)
        without = remote.build([ms.BuilderInput(matmul(), TARGET)])[0]
        self.assertIsNone(without.artifact_path)
        packed = remote.build([ms.BuilderInput(matmul(), TARGET, workload=matmul(), trace_json="[[],[]]")])[0]
        self.assertTrue(os.path.exists(packed.artifact_path))
        shutil.rmtree(os.path.dirname(packed.artifact_path))
        with self.assertRaisesRegex(ValueError, "either"):
            ms.BuilderResult()

    def test_runner(self):
        with self.assertRaisesRegex(ValueError, "local or rpc"):
            ms.Runner.create("pigeon")
        with self.assertRaisesRegex(ValueError, "server"):
            ms.Runner.create("rpc")
        future = ms.RunnerFuture()
        self.assertFalse(future.done())
        threading.Timer(0, lambda: future.set(ms.RunnerResult([3, 1, 2]))).start()
        self.assertEqual(future.result().median, 2)  # Waits without the interpreter's lock.
        self.assertTrue(future.done())
        self.assertEqual(ms.EvaluatorConfig().min_repeat_ms, 100)

    def test_cost_model(self):
        tuned = context()
        candidates = some_candidates(tuned, 4)
        results = [ms.RunnerResult([1e-3 * (i + 1)]) for i in range(len(candidates))]
        for kind in ("xgb", "mlp", "random"):
            model = ms.CostModel.create(kind)
            self.assertIsInstance(model, ms.CostModel)
            model.update(tuned, candidates, results)
            self.assertEqual(len(model.predict(tuned, candidates)), 4)
            model.save(os.path.join(self.dir, kind))
            model.load(os.path.join(self.dir, kind))
        self.assertIsNone(ms.CostModel.create("none"))
        with self.assertRaisesRegex(ValueError, "mlp"):
            ms.CostModel.create("oracle")
        with self.assertRaisesRegex(ValueError, "results"):
            ms.CostModel.create("random").update(tuned, candidates, [])

    def test_database(self):
        for kind in ("json", "memory"):
            database = ms.Database.create(kind, work_dir=self.folder("database"))
            self.assertIsInstance(database, ms.Database)
            self.check_database(database)
        with self.assertRaisesRegex(ValueError, "json"):
            ms.Database.create("card-index")
        self.check_database(ListDatabase())

    def check_database(self, database):
        trace = [[["GetBlock", [], ["C", "main"], ["b0"]]], []]
        self.assertFalse(database.has_workload(matmul()))
        workload = database.commit_workload(matmul())
        self.assertTrue(database.has_workload(matmul()))
        for secs in (2e-3, 1e-3, 1e10):
            database.commit_tuning_record(ms.TuningRecord(trace, workload, [secs], TARGET))
        self.assertEqual(len(database), 3)
        self.assertEqual([r.run_secs for r in database.get_top_k(workload, 5)], [[1e-3], [2e-3]])
        self.assertEqual(len(database.get_all_tuning_records()), 3)
        self.assertIsInstance(database.query(matmul(), TARGET), hone.Schedule)
        self.assertEqual(database.query(matmul(), TARGET, kind="record").run_secs, [1e-3])
        self.assertEqual(database.query(matmul(), TARGET, kind="ir_module"), database.query_schedule(matmul(), TARGET).mod)
        self.assertIsNone(database.query_ir_module(matmul(16), TARGET))
        with self.assertRaisesRegex(ValueError, "record"):
            database.query(matmul(), TARGET, kind="best")
        pruned = ms.Database.create("memory")
        database.dump_pruned(pruned)
        self.assertEqual(len(pruned), 1)
        record = pruned.get_all_tuning_records()[0]
        self.assertEqual(ms.TuningRecord.from_json(record.as_json(), workload).as_json(), record.as_json())
        self.assertEqual(len(record.as_measure_candidate().args_info), 3)

    def test_database_scopes_unions_and_functions(self):
        trace = [[["GetBlock", [], ["C", "main"], ["b0"]]], []]
        slow, fast = ms.Database.create("memory"), ListDatabase()
        for database, secs in ((slow, 2e-3), (fast, 1e-3)):
            database.commit_tuning_record(ms.TuningRecord(trace, database.commit_workload(matmul()), [secs], TARGET))
        best = ms.Database.create("union", databases=[slow, fast]).query_tuning_record(matmul(), TARGET)
        self.assertEqual(best.run_secs, [1e-3])
        first = ms.Database.create("ordered_union", databases=[slow, fast]).query_tuning_record(matmul(), TARGET)
        self.assertEqual(first.run_secs, [2e-3])
        with self.assertRaises(NotImplementedError):
            ms.Database.create("union", databases=[slow]).get_all_tuning_records()

        def in_parallel(sch):
            sch.parallel(sch.get_loops(sch.get_block("C"))[0])
            return True

        made = ms.Database.create(in_parallel).query_ir_module(matmul(), TARGET)
        self.assertIn("T.parallel", made.script())
        self.assertIsNone(ms.Database.create(lambda sch: False).query_schedule(matmul(), TARGET))
        self.assertIsNone(ms.Database.current())
        with slow, fast:
            self.assertIs(ms.Database.current(), fast)
        with slow as outer:
            self.assertIs(ms.Database.current(), outer)

    def test_extracted_task(self):
        def task(name, n):
            return ms.ExtractedTask(name, None, TARGET, [matmul(n)])

        merged = ms.merge_tasks([task("a", 16), task("b", 32), task("c", 16)])
        self.assertEqual([(t.task_name, t.weight) for t in merged], [("a", 2), ("b", 1)])
        contexts, weights = ms.extracted_tasks_to_tune_contexts(merged, num_tuning_cores=1)
        self.assertEqual([c.task_name for c in contexts], ["a", "b"])
        self.assertEqual(weights, [2, 1])

    def test_feature_extractor(self):
        tuned = context()
        candidates = some_candidates(tuned, 3)
        features = ms.FeatureExtractor.create().extract_from(tuned, candidates)
        self.assertEqual([m.shape[1] for m in features], [164] * 3)
        self.assertEqual(memoryview(features[0]).format, "d")
        self.assertEqual(memoryview(features[0]).tolist(), features[0].tolist())
        wide = ms.FeatureExtractor.create(extract_workload=True).extract_from(tuned, candidates)
        self.assertEqual(wide[0].shape[1], 172)
        with self.assertRaisesRegex(ValueError, "per-store-feature"):
            ms.FeatureExtractor.create("per-loop")
        self.assertEqual(len(CountStores().extract_from(tuned, candidates)), 3)

    def test_feature_extractor_of_ones_own_under_a_stock_model(self):
        asked = []

        @hone.derived_object
        class Counting(CountStores):
            def extract_from(self, context, candidates):
                asked.append(len(candidates))
                return super().extract_from(context, candidates)

        model = ms.CostModel.create("xgb", extractor=Counting())
        database = ms.tune_tasks(
            tasks=[context(ms.SearchStrategy.create(**SMALL_SEARCH))],
            task_weights=[1],
            work_dir=self.folder("extractor"),
            max_trials_global=8,
            num_trials_per_iter=4,
            builder=FakeBuilder(),
            runner=FakeRunner(),
            database="memory",
            cost_model=model,
        )
        self.assertEqual(len(database), 8)
        self.assertGreater(sum(asked), 8)  # What was measured, and the populations it was chosen from.

        @hone.derived_object
        class Ragged(ms.FeatureExtractor):
            def extract_from(self, context, candidates):
                return [[[1.0, 2.0], [3.0]] for _ in candidates]

        tuned = context()
        with self.assertRaisesRegex((hone.HoneError, ValueError), "row of features has 1 values"):
            ms.CostModel.create("xgb", extractor=Ragged()).predict(tuned, some_candidates(tuned, 2))
        with self.assertRaisesRegex(TypeError, "FeatureExtractor"):
            ms.CostModel.create("xgb", extractor=3)

    def test_measure_callbacks(self):
        with self.assertRaisesRegex(ValueError, "default"):
            ms.MeasureCallback.create("shout")
        names = [callback.name for callback in ms.MeasureCallback.create()]
        self.assertEqual(names, ["AddToDatabase", "RemoveBuildArtifact", "UpdateCostModel"])

    def test_rules_postprocs_and_mutators(self):
        for kind in ("llvm", "cuda", "cuda-tensorcore", "hexagon"):
            self.assertTrue(ms.ScheduleRule.create(kind))
            self.assertTrue(ms.Postproc.create(kind))
            self.assertAlmostEqual(sum(ms.Mutator.create(kind).values()), 1.0, places=6)
        with self.assertRaisesRegex(ValueError, "llvm"):
            ms.ScheduleRule.create("abacus")
        rule = next(r for r in ms.ScheduleRule.create("llvm") if r.name == "MultiLevelTiling")
        rule.initialize(TARGET)
        sch = hone.Schedule(matmul(), seed=1)
        grown = rule.apply(sch, sch.get_block("C"))
        self.assertGreaterEqual(len(grown), 1)
        self.assertIn("SamplePerfectTile", grown[0].trace.insts)
        postproc = ms.Postproc.create("llvm")[0].clone()
        postproc.initialize(TARGET)
        self.assertIs(postproc.apply(grown[0].copy()), True)
        mutator = next(m for m in ms.Mutator.create("llvm") if m.name == "MutateTileSize")
        mutator.initialize(TARGET, matmul())
        changed = [mutator.apply(grown[0].trace, seed) for seed in range(1, 9)]
        self.assertEqual(changed, [mutator.apply(grown[0].trace, seed) for seed in range(1, 9)])
        self.assertTrue(any(trace is not None and trace != grown[0].trace for trace in changed))

    def test_measure_candidate_and_arg_info(self):
        info = ms.ArgInfo("float32", [1, 224, 3])
        self.assertEqual(info.as_json(), ["TENSOR", "float32", [1, 224, 3]])
        self.assertEqual(ms.ArgInfo.from_json(info.as_json()), info)
        candidate = ms.MeasureCandidate(hone.Schedule(matmul()))
        self.assertEqual(candidate.args_info, ms.ArgInfo.from_entry_func(matmul()))
        self.assertEqual(candidate.sch.mod, matmul())

    def test_profiler(self):
        self.assertIsNone(ms.Profiler.current())
        with ms.Profiler() as profiler:
            self.assertIs(ms.Profiler.current(), profiler)
            with ms.Profiler.timeit("mine"):
                pass
            context()
        self.assertLessEqual({"mine", "InitializeTask", "Total"}, set(profiler.get()))
        self.assertIn("mine", profiler.table())

    def test_search_strategy(self):
        with self.assertRaisesRegex(ValueError, "evolutionary"):
            ms.SearchStrategy.create("dowsing")
        with self.assertRaisesRegex(ValueError, "population"):
            ms.SearchStrategy.create(population=3)
        for strategy in (
            ms.SearchStrategy.create(**SMALL_SEARCH),
            ms.SearchStrategy.create("replay-trace"),
            ms.SearchStrategy.create("replay-func"),
        ):
            tuned = context(strategy)
            with self.assertRaisesRegex(hone.HoneError, "PreTuning"):
                tuned.generate_measure_candidates()
            tuned.pre_tuning(6, 4)
            batches = 0
            while (candidates := tuned.generate_measure_candidates()) is not None:
                tuned.notify_runner_results(candidates, [ms.RunnerResult([1e-3]) for _ in candidates])
                batches += 1
            self.assertGreaterEqual(batches, 2)
            tuned.post_tuning()
            self.assertIsInstance(tuned.search_strategy, ms.SearchStrategy)
        alone = ms.SearchStrategy.create("replay-trace")
        alone.initialize(context())
        alone.pre_tuning(2, 2, context().generate_design_space())
        self.assertEqual(len(alone.generate_measure_candidates()), 2)

    def test_space_generator(self):
        with self.assertRaisesRegex(ValueError, "post-order-apply"):
            ms.SpaceGenerator.create("vacuum")
        stock = ms.SpaceGenerator.create()
        with self.assertRaisesRegex(hone.HoneError, "initialize"):
            stock.generate_design_space(matmul())
        stock.initialize(TARGET, matmul())
        one = len(stock.generate_design_space(matmul()))
        rules = [rule.name for rule in context(space="hone").space_generator.sch_rules]
        self.assertIn("AddNestedRFactor", rules)  # Hone's own.
        self.assertNotIn("AddNestedRFactor", [rule.name for rule in context().space_generator.sch_rules])
        union = ms.SpaceGenerator.create("union", space_generators=["post-order-apply", stock])
        self.assertEqual(len(context(space=union).generate_design_space()), 2 * one)

        def in_place(sch):
            sch.parallel(sch.get_loops(sch.get_block("C"))[0])

        spaces = context(space=in_place).generate_design_space()
        self.assertIn("T.parallel", spaces[0].mod.script())
        self.assertEqual(len(context(space=lambda sch: [sch, sch.copy()]).generate_design_space()), 2)
        self.assertEqual(len(context(space=lambda sch: sch.copy()).generate_design_space()), 1)
        self.assertIsInstance(context().space_generator, ms.SpaceGenerator)

    def test_tune_context(self):
        empty = ms.TuneContext()
        self.assertEqual(empty.task_name, "main")
        self.assertGreaterEqual(empty.num_threads, 1)
        with self.assertRaisesRegex(hone.HoneError, "module"):
            empty.generate_design_space()
        with self.assertRaisesRegex(ValueError, "physical"):
            ms.TuneContext(num_threads="all")
        whole = context()
        clone = whole.clone()
        self.assertNotEqual(clone.rand_state, whole.rand_state)
        self.assertEqual(len(clone.generate_design_space()), len(whole.generate_design_space()))

    def test_task_scheduler(self):
        with self.assertRaisesRegex(ValueError, "gradient"):
            ms.TaskScheduler.create("lottery")
        for kind in ("gradient", "round-robin"):
            scheduler = ms.TaskScheduler.create(kind, seed=5)
            order = Order()
            database = ms.Database.create("memory")
            scheduler.tune(
                [context(n=16), context(n=32)], [1.0, 1.0], 16, None, 4, FakeBuilder(fail_every=4), FakeRunner(),
                ms.MeasureCallback.create() + [order], database, ms.CostModel.create("random"),
            )
            self.assertEqual(len(database), 16)
            self.assertEqual(sum(len(task.latency_ms) for task in scheduler.tasks), 16)
            self.assertEqual(sum(task.build_error_count for task in scheduler.tasks), 4)
            self.assertIn("Total trials: 16", scheduler.tuning_statistics())
            if kind == "round-robin":
                self.assertEqual(order.order, [0, 1, 0, 1])
            with self.assertRaisesRegex(hone.HoneError, "terminated"):
                scheduler.terminate_task(0)
            with self.assertRaisesRegex(hone.HoneError, "no batch"):
                scheduler.join_running_task(0)
            with self.assertRaises(IndexError):
                scheduler.touch_task(7)
            with self.assertRaisesRegex(hone.HoneError, "lent"):
                order.kept.tuning_statistics()

    def test_tune_tasks(self):
        database = ms.tune_tasks(
            tasks=[context(OnlyTheProgram())], task_weights=[1.0], work_dir=self.folder("work"), max_trials_global=10,
            builder=FakeBuilder(), runner=FakeRunner(), database="memory", cost_model="none",
        )
        self.assertEqual(len(database), 1)
        with self.assertRaisesRegex(ValueError, "weights"):
            ms.tune_tasks(tasks=[], task_weights=[], work_dir="", max_trials_global=1)

    def test_tune_tir(self):
        folder = self.folder("tune_tir")
        arguments = dict(
            num_trials_per_iter=4, builder=FakeBuilder(), runner=FakeRunner(), strategy="replay-trace",
            cost_model="random", seed=3,
        )
        database = hone.tune_tir(matmul(), TARGET, folder, 8, post_optimization=True, **arguments)
        self.assertGreaterEqual(len(database), 8)
        self.assertIsInstance(ms.compile_tir(database, matmul(), TARGET), hone.Schedule)
        bare = hone.IRModule(matmul().script().replace('T.func_attr({"tir.noalias": T.bool(True)})', ""))
        self.assertNotEqual(bare, matmul())
        self.assertIsInstance(ms.compile_tir(database, bare, TARGET), hone.Schedule)
        for name in ("database_workload.json", "database_tuning_record.json",
                     "logs/tvm.meta_schedule.logging.task_scheduler.log"):
            self.assertTrue(os.path.exists(os.path.join(folder, name)), name)
        with self.assertRaisesRegex(ValueError, "no task"):
            hone.tune_tir(matmul(), TARGET, folder, 8, special_space={"main": None}, **arguments)
        with self.assertRaisesRegex(ValueError, "structural"):
            hone.tune_tir(matmul(), TARGET, folder, 8, module_equality="loose", **arguments)
        stopped = hone.tune_tir(matmul(), TARGET, folder, 8, database="memory", stop=lambda: True, **arguments)
        self.assertEqual(len(stopped), 0)
        self.assertEqual(ms.fork_seeds(0, 3), [209652397, 398764592, 924231286])


class DerivedObjects(Folder):
    def test_the_decorator_says_what_is_missing(self):
        with self.assertRaisesRegex(TypeError, "lacks apply, which ScheduleRule"):
            hone.derived_object(type("Empty", (ms.ScheduleRule,), {}))
        with self.assertRaisesRegex(TypeError, "derives from none of Builder"):
            hone.derived_object(type("Stranger", (), {}))
        with self.assertRaisesRegex(TypeError, "classes"):
            hone.derived_object(7)

    def test_objects_of_all_kinds_tune_together(self):
        rule, order, model, database = ParallelRule(), Order(), ShortTraceModel(), ListDatabase()
        runner, scheduler = FakeRunner(), LastFirst()
        NeedsParallel.calls = 0
        CountingMutator.seeds.clear()
        spaces = {
            "rule": ms.SpaceGenerator.create(
                sch_rules=[rule], postprocs=[NeedsParallel()], mutator_probs={CountingMutator(): 1.0}
            ),
            "space": OwnSpace(),
        }
        self.assertIs(context(space=spaces["rule"]).space_generator.sch_rules[0].__class__, ParallelRule)
        tasks = [
            context(ms.SearchStrategy.create(**SMALL_SEARCH), 64, name, space) for name, space in spaces.items()
        ] + [context(OnlyTheProgram(), 64, "program")]
        out = ms.tune_tasks(
            tasks=tasks, task_weights=[1.0] * 3, work_dir=self.folder("work"), max_trials_global=9,
            max_trials_per_task=4, num_trials_per_iter=2, builder=FakeBuilder(), runner=runner, database=database,
            cost_model=model, measure_callbacks=ms.MeasureCallback.create() + [order], task_scheduler=scheduler,
        )
        self.assertIs(out, database)
        self.assertEqual(len(database), runner.runs)
        self.assertEqual(model.seen, runner.runs)
        self.assertGreater(model.asked, 0)
        self.assertGreater(NeedsParallel.calls, 0)
        self.assertGreater(len(CountingMutator.seeds), 0)
        self.assertEqual(order.order[0], 2)  # The last task first.
        self.assertEqual(scheduler.joined, len(order.order))
        self.assertIs(order.kept, scheduler)
        best = database.query_schedule(matmul(64), TARGET)
        self.assertIsInstance(best, hone.Schedule)

    def test_exceptions_of_users_are_errors_with_their_text(self):
        class Broken(ms.ScheduleRule):
            def apply(self, sch, block):
                raise KeyError("of the user")

        generator = ms.SpaceGenerator.create(sch_rules=[Broken()])
        with self.assertRaisesRegex(hone.HoneError, r"Broken: KeyError: 'of the user' \(python_api_test.py:\d+, in apply\)") as caught:
            context(space=generator).generate_design_space()
        self.assertIsInstance(caught.exception.__cause__, KeyError)
        self.assertEqual(caught.exception.__cause__.__traceback__.tb_frame.f_code.co_name, "apply")

        class Wrong(ms.ScheduleRule):
            def apply(self, sch, block):
                return 7

        with self.assertRaisesRegex(hone.HoneError, "not iterable"):
            context(space=ms.SpaceGenerator.create(sch_rules=[Wrong()])).generate_design_space()

        def fails(*_):
            raise RuntimeError("callback failed")

        settings = dict(
            tasks=[context()], task_weights=[1.0], work_dir="", max_trials_global=2, builder=FakeBuilder(),
            runner=FakeRunner(), database="memory", cost_model="none",
        )
        with self.assertRaisesRegex(hone.HoneError, "callback failed"):
            ms.tune_tasks(**settings, measure_callbacks=[fails])

        class NoBuilder(ms.Builder):
            def build(self, build_inputs):
                raise OSError("no compiler")

        database = ms.Database.create("memory")
        ms.tune_tasks(**{**settings, "builder": NoBuilder(), "database": database, "tasks": [context()]})
        self.assertEqual([r.trust for r in database.get_all_tuning_records()], ["failed"] * 2)

        class ShortModel(ms.CostModel):
            def predict(self, context, candidates):
                return []

        settings["tasks"] = [context(ms.SearchStrategy.create(**SMALL_SEARCH))]
        with self.assertRaisesRegex(ValueError, "scores"):
            ms.tune_tasks(**{**settings, "cost_model": ShortModel()})

    def test_what_is_lent_raises_afterwards(self):
        kept = []

        def keeps(sch):
            kept.append(sch)

        context(space=keeps).generate_design_space()
        with self.assertRaisesRegex(hone.HoneError, "lent"):
            kept[0].mod

    def test_the_callables_exceptions_and_ctrl_c_stop_a_tuning(self):
        settings = dict(
            tasks=[context()], task_weights=[1.0], work_dir="", max_trials_global=64, num_trials_per_iter=2,
            builder=FakeBuilder(), runner=FakeRunner(), database="memory", cost_model="none",
        )

        def raises():
            raise ZeroDivisionError("asked too much")

        with self.assertRaisesRegex(ZeroDivisionError, "asked too much"):
            ms.tune_tasks(**settings, stop=raises)
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            settings["tasks"] = [context()]
            with self.assertRaises(KeyboardInterrupt):
                ms.tune_tasks(**settings, measure_callbacks=[lambda *_: signal.raise_signal(signal.SIGALRM)])
        finally:
            signal.signal(signal.SIGALRM, before)


class LocalTuning(Folder):
    def test_kernels_are_built_checked_and_timed(self):
        target = hone.Target.host()
        rule, order = ParallelRule(), []
        database = hone.tune_tir(
            matmul(64), target, self.folder("work"), 6, num_trials_per_iter=6, strategy="replay-trace",
            cost_model="random", seed=1, num_tuning_cores=2,
            space=ms.SpaceGenerator.create(sch_rules=[rule] + ms.ScheduleRule.create("llvm")[-1:], postprocs=[NeedsParallel()]),
            measure_callbacks=ms.MeasureCallback.create() + [lambda *arguments: order.append(arguments[1])],
        )
        top = database.get_top_k(database.commit_workload(matmul(64)), 100)
        self.assertGreaterEqual(len(top), 3)
        self.assertEqual({record.trust for record in top}, {"verified"})
        self.assertEqual(order, [0])
        self.assertIn("T.parallel", database.query_ir_module(matmul(64), target).script())


if __name__ == "__main__":
    harness.main()
