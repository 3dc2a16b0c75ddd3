"""`hone tune` without a server: one process tree, its database in the work folder."""
import json
import os
import signal
import subprocess

import harness


class EmbeddedTest(harness.SystemTest):
    def tune(self, *args, seed=1):
        return self.hone("tune", self.matmul(64), "--target", "llvm", "--trials-per-iter", "4", "--seed", str(seed), *args)

    def test_tunes_a_matmul_and_keeps_the_records(self):
        result = self.tune("--max-trials", "8", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        job = json.loads(result.stdout)
        task = job["tasks"][0]
        self.assertEqual((job["state"], task["name"], task["trials"]), ("done", "matmul", 8))
        self.assertGreater(task["best"], 0)
        self.assertGreater(task["baseline"], 0)
        self.assertIn("llvm", result.stderr)  # The full target.
        self.assertIn("matmul: sampled ", result.stderr)  # The search's log.
        with open(self.path("hone-work/database_tuning_record.json"), encoding="utf-8") as records:
            lines = records.read().splitlines()
        self.assertGreaterEqual(len(lines), 8)
        for line in lines:
            json.loads(line)

    def test_a_second_run_adds_to_the_first(self):
        self.assertEqual(self.tune("--max-trials", "4", "--work-dir", "w").returncode, 0)
        before = os.path.getsize(self.path("w/database_tuning_record.json"))
        self.assertEqual(self.tune("--max-trials", "4", "--work-dir", "w", seed=2).returncode, 0)
        self.assertGreater(os.path.getsize(self.path("w/database_tuning_record.json")), before)
        self.look_up_two_jobs("--work-dir", "w")

    def look_up_two_jobs(self, *folder):
        records = self.hone_json("records", "list", *folder)["records"]
        jobs = list(dict.fromkeys(record["slot"]["job"] for record in records if record["slot"]))
        self.assertEqual(len(jobs), 2, records)
        for job in jobs:
            [top] = self.hone_json("records", "top", job, *folder, "--target", "llvm")["records"]
            self.assertEqual(top["slot"]["job"], job)
            self.assertEqual(top["fit"], "compatible", top["deciding_field"])  # It was made for a full target.
            pruned = self.hone_json("records", "export", self.path("pruned-" + job), "--pruned", "--job", job, *folder)
            self.assertEqual((pruned["workloads"], pruned["records"]), (1, 1))
            [exported] = self.hone_json("records", "list", "--work-dir", self.path("pruned-" + job))["records"]
            self.assertEqual(exported["slot"]["job"], job)
        refused = self.hone("records", "query", self.matmul(64), *folder, "--target", "cuda -arch=sm_80")
        self.assertEqual(refused.returncode, 3, refused.stderr)
        told = self.hone("records", "query", self.matmul(64), *folder, "--target", "cuda -arch=sm_80", "--refused")
        self.assertIn("refused (kind)", told.stdout)
        self.assertEqual(self.hone("records", "query", self.matmul(64), *folder, "--target", "llvvm").returncode, 2)
        # Page by page.
        first = self.hone_json("records", "list", *folder, "--limit", "1")
        rest = self.hone_json("records", "list", *folder, "--after", str(first["cursor"]))
        self.assertEqual([r["id"] for r in first["records"] + rest["records"]], [r["id"] for r in records])
        a, b = records[0]["id"], records[-1]["id"]
        difference = self.hone_json("records", "diff", a, b, *folder)
        self.assertEqual((difference["a"], difference["b"]), (a, b))
        self.assertTrue(difference["trace"])

    def start_long_run(self):
        process = self.start("long", harness.HONE, "tune", self.matmul(64), "--target", "llvm", "--max-trials", "100000", "--trials-per-iter", "4")
        records = self.path("hone-work/database_tuning_record.json")

        def measured():
            self.assertIsNone(process.poll(), self.log_of(process))
            return os.path.exists(records) and os.path.getsize(records) > 0

        harness.eventually("something is measured", measured)
        return process

    def test_a_work_folder_in_use_says_who_holds_it(self):
        process = self.start_long_run()
        result = self.tune("--max-trials", "4")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("hone-work", result.stderr)
        self.assertIn(str(process.pid), result.stderr)

    def test_ctrl_c_stops_cleanly_and_keeps_what_was_measured(self):
        process = self.start_long_run()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 130, self.log_of(process))
        with open(self.path("hone-work/database_tuning_record.json"), encoding="utf-8") as records:
            lines = records.read().splitlines()
        self.assertGreater(len(lines), 0)
        for line in lines:
            json.loads(line)
        left = subprocess.run(["ps", "-o", "args=", "-g", str(process.pid)], capture_output=True, text=True).stdout
        self.assertEqual(left.strip(), "", "processes were left behind")


if __name__ == "__main__":
    harness.main()
