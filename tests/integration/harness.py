"""What the whole-system tests share: binaries, scratch folders, processes that never outlive a test, and JUnit output."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.sax.saxutils

HONE = os.path.abspath("client/cli/hone")
SERVER = os.path.abspath("server/hone-server")
WORKER = os.path.abspath("worker/hone-worker")
EXAMPLES = os.path.abspath("examples")

MATMUL = """# from tvm.script import ir as I
# from tvm.script import tir as T

@I.ir_module
class Module:
    @T.prim_func
    def main(A: T.Buffer(({n}, {n}), "float32"), B: T.Buffer(({n}, {n}), "float32"), C: T.Buffer(({n}, {n}), "float32")):
        T.func_attr({{"tir.noalias": T.bool(True)}})
        for i, j, k in T.grid({n}, {n}, {n}):
            with T.block("C"):
                v_i, v_j, v_k = T.axis.remap("SSR", [i, j, k])
                T.reads(A[v_i, v_k], B[v_k, v_j])
                T.writes(C[v_i, v_j])
                with T.init():
                    C[v_i, v_j] = T.float32(0.0)
                C[v_i, v_j] = C[v_i, v_j] + A[v_i, v_k] * B[v_k, v_j]
"""


def eventually(what, condition, timeout_secs=60):
    """The first true value of `condition`, polled; fails the test after `timeout_secs`."""
    deadline = time.monotonic() + timeout_secs
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {timeout_secs} s")


class SystemTest(unittest.TestCase):
    """Gives every test a short scratch folder (unix sockets have short paths) and ends the processes it started."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="hone-it.", dir="/tmp")
        self.processes = []
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("HONE_")}

    def tearDown(self):
        for process in reversed(self.processes):
            self.stop(process)
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def matmul(self, n=32, name="matmul.py"):
        return self.write(name, MATMUL.format(n=n))

    def hone(self, *args, timeout=120, **env):
        """Runs the command line to its end."""
        return subprocess.run(
            [HONE, *args], cwd=self.dir, env={**self.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )

    def hone_json(self, *args, **kwargs):
        result = self.hone(*args, "--json", **kwargs)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def start(self, name, *command, **env):
        """Starts a process with its output in NAME.log; it leads a process group of its own."""
        with open(self.path(name + ".log"), "ab") as log:
            process = subprocess.Popen(
                command, cwd=self.dir, env={**self.env, **env}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        process.log = self.path(name + ".log")
        self.processes.append(process)
        return process

    def stop(self, process, sig=signal.SIGTERM):
        """Ends a process and everything in its group."""
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(sig)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log_of(self, process):
        with open(process.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def start_server(self, *args):
        """A server on a unix socket with its database in memory; later hone() calls speak to it."""
        address = f"unix:{self.dir}/s"
        server = self.start("server", SERVER, "--listen", address, "--database", "memory:", *args)
        self.env["HONE_SERVER"] = address

        def ready():
            self.assertIsNone(server.poll(), self.log_of(server))
            return self.hone("workers", "list").returncode == 0

        eventually("the server answers", ready)
        return server

    def start_worker(self, roles, name, *args):
        worker = self.start(name, WORKER, "--server", self.env["HONE_SERVER"], "--roles", roles, "--name", name, *args)

        def connected():
            self.assertIsNone(worker.poll(), self.log_of(worker))
            return any(w["name"] == name and w["state"] != "lost" for w in self.hone_json("workers", "list")["workers"])

        eventually(f"worker {name} is connected", connected)
        return worker

    def host_target(self):
        return json.dumps(json.loads(self.hone("doctor", "--json").stdout)["target"])


class _XmlResult(unittest.TextTestResult):
    """Also keeps what Bazel's test.xml wants."""

    def __init__(self, *args):
        super().__init__(*args)
        self.cases = []

    def addSuccess(self, test):
        super().addSuccess(test)
        self.cases.append((test.id(), None, None))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.cases.append((test.id(), "failure", self._exc_info_to_string(err, test)))

    def addError(self, test, err):
        super().addError(test, err)
        self.cases.append((test.id(), "error", self._exc_info_to_string(err, test)))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.cases.append((test.id(), "skipped", reason))


def main():
    """Runs the tests of the calling module and writes $XML_OUTPUT_FILE."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=_XmlResult).run(suite)
    path = os.environ.get("XML_OUTPUT_FILE")
    if path:
        escape = xml.sax.saxutils.escape
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'<testsuites><testsuite name="integration" tests="{len(result.cases)}">\n')
            for name, kind, text in result.cases:
                inner = "" if kind is None else f"<{kind}>{escape(text)}</{kind}>"
                file.write(f'<testcase name="{escape(name)}" status="run">{inner}</testcase>\n')
            file.write("</testsuite></testsuites>\n")
    sys.exit(0 if result.wasSuccessful() else 1)
