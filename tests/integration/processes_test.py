"""A server, its workers and a client as separate processes."""
import signal

import harness


class FarmTest(harness.SystemTest):
    def submit(self, trials, n=64):
        report = self.hone_json(
            "tune", self.matmul(n), "--target", self.host_target(), "--max-trials", str(trials), "--trials-per-iter", "4", "--seed", "1", "--detach"
        )
        return report["id"]

    def job(self, job_id):
        return self.hone_json("jobs", "show", job_id)

    def trials(self, job_id):
        return self.job(job_id)["trials"]

    def test_a_job_is_tuned_by_separate_workers_and_its_records_are_served(self):
        self.start_server()
        self.start_worker("build", "builder")
        self.start_worker("run", "runner")
        job_id = self.submit(8)
        watched = self.hone("jobs", "watch", job_id)
        self.assertEqual(watched.returncode, 0, watched.stderr)
        job = self.job(job_id)
        self.assertEqual((job["state"], job["trials"]), ("done", 8))
        best = self.hone_json("records", "top", job_id)["records"]
        self.assertEqual(len(best), 1)
        self.assertEqual((best[0]["trust"], best[0]["measurement"]["verdict"]), ("verified", "right"))

    def test_killing_the_run_worker_and_starting_another_finishes_the_job(self):
        self.start_server()
        self.start_worker("build", "builder")
        runner = self.start_worker("run", "runner-1")
        job_id = self.submit(24)
        harness.eventually("the first trials are measured", lambda: self.trials(job_id) > 0)
        self.stop(runner, signal.SIGKILL)
        self.start_worker("run", "runner-2")
        job = harness.eventually("the job ends", lambda: (j := self.job(job_id))["state"] != "running" and j, 180)
        self.assertEqual((job["state"], job["trials"]), ("done", 24), job)

    def test_ctrl_c_detaches_and_says_how_to_come_back(self):
        self.start_server()
        job_id = self.submit(8)  # No worker: it waits.
        watcher = self.start("watch", harness.HONE, "jobs", "watch", job_id)
        harness.eventually("the watcher shows something", lambda: self.log_of(watcher))
        watcher.send_signal(signal.SIGINT)
        self.assertEqual(watcher.wait(20), 130)
        self.assertIn(f"hone jobs watch {job_id}", self.log_of(watcher))
        self.assertEqual(self.job(job_id)["state"], "running")

    def test_a_job_that_nobody_can_serve_says_what_is_missing(self):
        self.start_server()
        job_id = self.submit(8)
        reason = harness.eventually("a reason is given", lambda: self.job(job_id)["reason"])
        self.assertIn("worker", reason)

    def test_jobs_are_paused_resumed_and_cancelled(self):
        self.start_server()
        job_id = self.submit(8)
        self.assertEqual(self.hone_json("jobs", "pause", job_id)["state"], "paused")
        self.assertEqual(self.hone_json("jobs", "resume", job_id)["state"], "running")
        self.assertEqual(self.hone_json("jobs", "cancel", job_id)["state"], "cancelled")
        self.assertEqual(self.hone("jobs", "pause", job_id).returncode, 1)

    def test_unknown_jobs_and_workers_are_not_found(self):
        self.start_server()
        self.assertEqual(self.hone("jobs", "show", "nope").returncode, 3)
        self.assertEqual(self.hone("workers", "drain", "nope").returncode, 3)
        self.assertEqual(self.hone("records", "show", "0123456789").returncode, 3)

    def test_a_missing_database_stops_the_server_with_one_line(self):
        server = self.start("server", harness.SERVER, "--listen", f"unix:{self.dir}/s", "--database", f"postgresql:///none?host={self.dir}&user=nobody")
        self.assertEqual(server.wait(30), 5, self.log_of(server))
        self.assertIn("postgresql", self.log_of(server))
        self.assertEqual(self.log_of(server).count("\n"), 1, self.log_of(server))


if __name__ == "__main__":
    harness.main()
