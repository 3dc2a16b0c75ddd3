"""What people get wrong gives one clear line and the exit code that the design promises."""
import os

import harness


class ErrorsTest(harness.SystemTest):
    def check(self, result, code, *parts):
        self.assertEqual(result.returncode, code, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)
        return result.stderr

    def test_syntax_error_is_shown_with_its_place(self):
        program = harness.MATMUL.format(n=8).replace("T.reads(A[v_i, v_k], B[v_k, v_j])", "T.reads(A[v_i, v_k, B[v_k, v_j])")
        line = next(n for n, text in enumerate(program.split("\n"), 1) if "T.reads" in text)
        path = self.write("bad.py", program)
        stderr = self.check(self.hone("tune", path, "--target", "llvm"), 1, f"{path}:", "T.reads(A[v_i, v_k, B[v_k, v_j])", "^")
        self.assertRegex(stderr, rf"bad\.py:({line}|{line + 1}):\d+: ")

    def test_type_error_is_shown_with_its_place(self):
        program = harness.MATMUL.format(n=8).replace("A[v_i, v_k] * B[v_k, v_j]", "A[v_i] * B[v_k, v_j]")
        path = self.write("bad.py", program)
        stderr = self.check(self.hone("tune", path, "--target", "llvm"), 1, "^")
        self.assertRegex(stderr, r"bad\.py:\d+:\d+: ")

    def test_unknown_name_is_shown_with_its_place(self):
        program = harness.MATMUL.format(n=8).replace("A[v_i, v_k] * B[v_k, v_j]", "Q[v_i, v_k] * B[v_k, v_j]")
        path = self.write("bad.py", program)
        stderr = self.check(self.hone("tune", path, "--target", "llvm"), 1, "Q", "^")
        self.assertRegex(stderr, r"bad\.py:\d+:\d+: ")

    def test_empty_file(self):
        self.check(self.hone("tune", self.write("empty.py", ""), "--target", "llvm"), 1, "empty.py")

    def test_binary_file(self):
        path = self.path("binary.py")
        with open(path, "wb") as file:
            file.write(bytes(range(256)) * 10)
        self.check(self.hone("tune", path, "--target", "llvm"), 1, "binary.py")

    def test_missing_file(self):
        self.check(self.hone("tune", self.path("none.py"), "--target", "llvm"), 3, "none.py")

    def test_unknown_target(self):
        stderr = self.check(self.hone("tune", self.matmul(), "--target", "lvm"), 2, "lvm")
        self.assertEqual(stderr.count("\n"), 1, stderr)

    def test_unknown_attribute_of_a_target(self):
        self.check(self.hone("tune", self.matmul(), "--target", "llvm -mcup=znver4"), 2, "mcup")

    def test_no_target(self):
        self.check(self.hone("tune", self.matmul()), 2, "target")

    def test_trials_that_are_no_number(self):
        self.check(self.hone("tune", self.matmul(), "--target", "llvm", "--max-trials", "many"), 2, "max-trials")
        self.check(self.hone("tune", self.matmul(), "--target", "llvm", "--max-trials", "0"), 2, "max-trials")

    def test_weights_that_do_not_fit(self):
        self.check(self.hone("tune", self.matmul(), "--target", "llvm", "--weights", "1,2"), 2, "weights")

    def test_unreachable_server(self):
        stderr = self.check(self.hone("jobs", "list", "--server", f"unix:{self.dir}/none"), 5, "not reachable")
        self.assertEqual(stderr.count("\n"), 1, stderr)
        self.check(self.hone("tune", self.matmul(), "--target", "llvm", "--server", "127.0.0.1:1"), 5, "not reachable")

    def test_no_server_given(self):
        self.check(self.hone("jobs", "list"), 2, "--server")

    def test_priority_and_detach_without_a_server(self):
        for flags in (["--priority", "3"], ["--detach"]):
            self.check(self.hone("tune", self.matmul(), "--target", "llvm", *flags), 2, flags[0], "needs a server")

    def test_a_server_and_a_folder_at_once(self):
        both = ["--server", "127.0.0.1:1", "--work-dir", self.path("work")]
        for command in (["tune", self.matmul(), "--target", "llvm"], ["records", "list"]):
            self.check(self.hone(*command, *both), 2, "--work-dir", "exclude each other")

    def test_a_folder_that_is_given_wins_over_a_server_from_the_environment(self):
        os.mkdir(self.path("work"))
        command = ["tune", self.matmul(8), "--target", "llvm -num-cores=1", "--max-trials", "1", "--strategy", "replay-trace", "--cost-model", "none"]
        result = self.hone(*command, "--work-dir", self.path("work"), HONE_SERVER="127.0.0.1:1")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_half_a_certificate(self):
        for flag in ("--tls-cert", "--tls-key"):
            self.check(self.hone("jobs", "list", "--server", "x:1", flag, "x.pem"), 2, flag, "give both or neither")

    def test_version_tells_the_release(self):
        result = self.hone("--version")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"^hone \d+\.\d+\n$")

    def test_unknown_command(self):
        self.check(self.hone("tone"), 2)
        self.check(self.hone(), 2)


if __name__ == "__main__":
    harness.main()
