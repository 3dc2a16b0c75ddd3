"""Plug-ins built by plain g++ against installed headers, used by an embedded tune and by a farm; one that crashes."""
import json
import os
import re
import shutil
import subprocess
import tempfile

import harness


class PluginTest(harness.SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.prefix = tempfile.mkdtemp(prefix="hone-pt.", dir="/tmp")
        env = {**os.environ, "HONE_BIN_DIR": os.getcwd()}
        subprocess.run(["bash", "deploy/install.sh", cls.prefix, "--no-build"], check=True, env=env, capture_output=True)
        cls.good = cls.build("examples/plugin/plugin.cc", "plugin.so")
        cls.crash = cls.build("tests/plugin/crash.cc", "crash.so")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.prefix, ignore_errors=True)

    @classmethod
    def build(cls, source, name):
        """As a user does: outside of the tree, with the flags of the installed hone-plugin.pc."""
        with open(f"{cls.prefix}/lib/pkgconfig/hone-plugin.pc", encoding="utf-8") as file:
            flags = re.search(r"^Cflags: (.*)$", file.read(), re.M).group(1).replace("${prefix}", cls.prefix).split()
        shutil.copy(source, f"{cls.prefix}/{name}.cc")
        flags = ["-O0" if flag == "-O2" else flag for flag in flags]  # For the time that this test takes.
        command = ["g++", *flags, "-shared", f"{name}.cc", "-o", name]
        result = subprocess.run(command, cwd=cls.prefix, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return f"{cls.prefix}/{name}"

    def tune(self, *args):
        return self.hone("tune", self.matmul(64), "--target", "llvm", "--max-trials", "4", "--trials-per-iter", "4", "--seed", "1", *args)

    def spaces(self, *args):
        path = self.matmul(64)
        return self.hone_json("inspect", "space", path, "--target", "llvm -mcpu=haswell -num-cores=2", *args)["spaces"]

    def test_installed_programs_run(self):
        result = subprocess.run([f"{self.prefix}/bin/hone", "--help"], capture_output=True)
        self.assertEqual(result.returncode, 0)

    def test_its_rule_forks_spaces_and_its_space_has_a_name(self):
        self.assertEqual(len(self.spaces()), 3)
        self.assertEqual(len(self.spaces("--plugin", self.good)), 6)
        transposed = self.spaces("--plugin", self.good, "--space", "transposed")
        self.assertEqual([inst[0] for inst in transposed[0][0]], ["GetBlock", "GetChildBlocks", "GetLoops", "Reorder"])
        self.assertEqual(len(self.spaces("--plugin", self.good, "--space", "union")), 7)
        result = self.hone("inspect", "space", self.matmul(64), "--target", "llvm -num-cores=2", "--space", "transpose", "--plugin", self.good)
        self.assertIn('the nearest is "transposed"', result.stderr)

    def test_an_embedded_tune_uses_it(self):
        result = self.tune("--plugin", self.good, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["tasks"][0]["trials"], 4)
        result = self.tune("--plugin", self.good, "--special-space", "matmul=transposed", "--strategy", "replay-trace")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_one_that_crashes_fails_its_job_with_the_reason(self):
        result = self.tune("--plugin", self.crash)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("crash.so", result.stdout + result.stderr)
        self.assertIn("signal 11", result.stdout + result.stderr)

    def test_files_that_are_no_plugins_are_refused_with_the_reason(self):
        for file, reason in [("none.so", "No such file"), (self.write("text.so", "text"), "text.so")]:
            result = self.tune("--plugin", file)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(reason, result.stdout + result.stderr)

    def test_a_farm_uses_those_that_are_installed_and_one_that_crashes_harms_no_other_job(self):
        self.start_server("--plugin", self.good, "--plugin", self.crash)  # For the search worker that it starts.
        self.start_worker("build,run", "measurer")
        jobs = {}
        for name in ("plugin", "crash", "absent"):
            args = ["tune", self.matmul(64), "--target", self.host_target(), "--max-trials", "4", "--trials-per-iter", "4", "--seed", "1"]
            jobs[name] = self.hone_json(*args, "--detach", "--plugin", name)["id"]
        plain = self.hone_json(*args, "--detach")["id"]

        def ended(job_id):
            job = self.hone_json("jobs", "show", job_id)
            return job["state"] not in ("running", "queued", "pending") and job

        results = {name: harness.eventually(f"job {name} ends", lambda i=i: ended(i), 120) for name, i in [*jobs.items(), ("plain", plain)]}
        self.assertEqual(results["plain"]["state"], "done", results["plain"])
        self.assertEqual(results["plugin"]["state"], "done", results["plugin"])
        self.assertEqual(results["crash"]["state"], "failed", results["crash"])
        self.assertIn("signal 11", json.dumps(results["crash"]))
        self.assertIn("is not installed on this search worker", json.dumps(results["absent"]))


if __name__ == "__main__":
    harness.main()
