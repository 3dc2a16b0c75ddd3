"""The Python client against a hone-server with workers: durable jobs, the farm under a search of one's own, records."""
import os
import sys

sys.path.insert(0, os.path.abspath("client/python/lib"))
import hone  # noqa: E402
from hone import meta_schedule as ms  # noqa: E402

import harness  # noqa: E402


class ServerTest(harness.SystemTest):
    def setUp(self):
        super().setUp()
        self.start_server()
        self.start_worker("search,build,run", "device")
        self.server = hone.Connection(self.env["HONE_SERVER"])
        self.target = hone.Target(self.host_target())

    def program(self, n):
        return hone.IRModule(harness.MATMUL.format(n=n))

    def settings(self, **others):
        return dict(num_trials_per_iter=4, builder="remote", runner="rpc", database="memory", server=self.server, **others)

    def jobs(self):
        return self.hone_json("jobs", "list", "--all")["jobs"]

    def test_tune_tir_by_kinds_is_one_durable_job(self):
        mod = self.program(32)
        database = hone.tune_tir(mod, self.target, self.path("work"), 8, strategy="replay-trace", cost_model="random",
                                 space="hone", seed=1, **self.settings())
        jobs = self.jobs()
        self.assertEqual([(job["state"], job["trials"]) for job in jobs], [("done", 8)])
        self.assertGreaterEqual(len(database), 8)
        self.assertIsNotNone(ms.compile_tir(database, mod, self.target))
        # The records are the server's, too.
        records = ms.Database.create("remote", server=self.server)
        best = records.query_tuning_record(mod, self.target)
        self.assertEqual(best.run_secs, database.query_tuning_record(mod, self.target).run_secs)

    def test_tune_tasks_is_one_job_with_all_tasks(self):
        tasks = [
            ms.TuneContext(self.program(n), target=self.target, space_generator="post-order-apply",
                           search_strategy="replay-trace", task_name=f"m{n}", rand_state=1, num_threads=1)
            for n in (16, 32)
        ]
        database = ms.tune_tasks(tasks=tasks, task_weights=[1, 2], work_dir=self.path("work"), max_trials_global=8,
                                 max_trials_per_task=4, cost_model="random", task_scheduler="round-robin",
                                 **self.settings())
        [job] = self.jobs()
        self.assertEqual([(task["name"], task["weight"], task["trials"]) for task in job["tasks"]],
                         [("m16", 1, 4), ("m32", 2, 4)])
        for n in (16, 32):
            self.assertTrue(database.has_workload(self.program(n)))

    def test_a_search_of_ones_own_is_measured_by_the_farm(self):
        @hone.derived_object
        class OnlyTheProgram(ms.SearchStrategy):
            done = False

            def generate_measure_candidates(self):
                if self.done:
                    return None
                self.done = True
                return [ms.MeasureCandidate(hone.Schedule(self.context.mod))]

        mod = self.program(16)
        database = hone.tune_tir(mod, self.target, self.path("work"), 4, strategy=OnlyTheProgram(), cost_model="none",
                                 **self.settings())
        self.assertEqual(len(database), 1)
        [job] = self.jobs()
        self.assertEqual((job["state"], job["trials"]), ("done", 1))

    def test_a_server_that_is_not_there_is_an_error(self):
        nobody = hone.Connection(f"unix:{self.dir}/nobody")
        with self.assertRaises(hone.HoneError):
            len(ms.Database.create("remote", server=nobody))


if __name__ == "__main__":
    harness.main()
