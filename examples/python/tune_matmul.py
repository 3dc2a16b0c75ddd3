#!/usr/bin/env python3
"""Tunes a matrix product on this machine, with a schedule rule and a measure callback of one's own.

    bazel build //client/python:hone_py
    PYTHONPATH=bazel-bin/client/python/lib python3 examples/python/tune_matmul.py --size 256 --trials 32
"""
import argparse
import statistics

import hone
from hone import meta_schedule as ms

MATMUL = """
@T.prim_func
def main(A: T.Buffer(({n}, {n}), "float32"), B: T.Buffer(({n}, {n}), "float32"), C: T.Buffer(({n}, {n}), "float32")):
    T.func_attr({{"tir.noalias": T.bool(True)}})
    for i, j, k in T.grid({n}, {n}, {n}):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
"""


@hone.derived_object
class TileForCores(ms.ScheduleRule):
    """Tiles the output twice, keeps the reduction between the tiles, and gives the outer tiles to the cores."""

    def initialize(self, target):
        self.lanes = 16 if target.has_feature("avx512f") else 8

    def apply(self, sch, block):
        if sch.get(block).iter_types != ["spatial", "spatial", "reduce"]:
            return [sch]
        i, j, k = sch.get_loops(block)
        i0, i1, i2 = sch.split(i, factors=sch.sample_perfect_tile(i, n=3, max_innermost_factor=8))
        j0, j1, j2 = sch.split(j, factors=sch.sample_perfect_tile(j, n=3, max_innermost_factor=4 * self.lanes))
        k0, k1 = sch.split(k, factors=sch.sample_perfect_tile(k, n=2, max_innermost_factor=16))
        sch.reorder(i0, j0, i1, j1, k0, k1, i2, j2)
        sch.parallel(sch.fuse(i0, j0))
        sch.vectorize(j2)
        sch.decompose_reduction(block, k0)
        return [sch]


@hone.derived_object
class Progress(ms.MeasureCallback):
    """Says after each batch what is best so far."""

    best = 1e10

    def apply(self, task_scheduler, task_id, measure_candidates, builder_results, runner_results):
        times = [min(result.run_secs) for result in runner_results if result.run_secs]
        self.best = min(times + [self.best])
        print(f"{len(times)} of {len(measure_candidates)} ran; best so far {self.best * 1e3:.4f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Tunes a matrix product with a rule of one's own.")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--work-dir", default="tune_matmul.work", help="gets the database and the logs")
    arguments = parser.parse_args()

    mod = hone.IRModule(MATMUL.format(n=arguments.size))
    target = hone.Target.host()
    database = hone.tune_tir(
        mod,
        target,
        arguments.work_dir,
        arguments.trials,
        num_trials_per_iter=min(16, arguments.trials),
        space=ms.SpaceGenerator.create(sch_rules=[TileForCores()]),
        strategy="replay-trace" if arguments.trials < 16 else "evolutionary",
        measure_callbacks=ms.MeasureCallback.create() + [Progress()],
        seed=1,
    )
    record = database.query_tuning_record(mod, target)
    if record is None:
        raise SystemExit(f"none of {arguments.trials} trials worked; see {arguments.work_dir}/logs")
    seconds = statistics.median(record.run_secs)
    print(f"best of {arguments.trials} trials: {seconds * 1e3:.4f} ms, {2 * arguments.size**3 / seconds / 1e9:.1f} GFLOP/s")
    print(record.replay().mod.script())


if __name__ == "__main__":
    main()
