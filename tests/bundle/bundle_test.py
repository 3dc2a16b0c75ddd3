"""The worker bundle on a host with nothing installed: a root folder with the least that Debian has, an ordinary user."""
import os
import re
import shutil
import socket
import subprocess

import harness

ENTER = os.path.abspath("tests/bundle/enter_root.sh")
PACKAGE = os.path.abspath("deploy/package-worker.sh")
# deploy/test.sh --long packs it: a bundle without LLVM is built anew, which no test can do under Bazel.
GPU_BUNDLE = os.environ.get("HONE_GPU_BUNDLE")
MIRROR = os.environ.get("HONE_DEBIAN_MIRROR", "http://deb.debian.org/debian")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class BundleTest(harness.SystemTest):
    def bare_root(self):
        """A root folder of another host, with the bundle unpacked in a home folder."""
        # Tests get a short PATH, without the folders of the administrator's tools.
        tools = os.environ["PATH"] + ":/usr/sbin:/sbin"
        debootstrap = shutil.which("debootstrap", path=tools)
        if os.geteuid() != 0 or debootstrap is None:
            self.skipTest("needs root and debootstrap")
        root = self.path("root")
        made = subprocess.run(
            [debootstrap, "--variant=minbase", "bookworm", root, MIRROR], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1500,
            env=dict(os.environ, PATH=tools)
        )
        if "Failed getting release file" in made.stdout + made.stderr:
            self.skipTest(f"no Debian mirror at {MIRROR}")
        self.assertEqual(made.returncode, 0, made.stdout[-2000:] + made.stderr[-2000:])
        return root

    def unpack(self, root):
        bundle = self.path("hone-worker.tar.xz")
        packed = subprocess.run([PACKAGE, "--built", os.getcwd(), "--output", bundle], capture_output=True, text=True, timeout=1500)
        self.assertEqual(packed.returncode, 0, packed.stderr)
        print(packed.stderr.strip())
        self.assertLess(os.path.getsize(bundle), 40_000_000)
        home = os.path.join(root, "home/farm")
        os.makedirs(home)
        subprocess.run(["tar", "-C", home, "--no-same-owner", "-xf", bundle], check=True)
        subprocess.run(["chown", "-R", "1000:1000", home], check=True)

    def test_the_host_gives_nothing_but_a_glibc_as_old_as_debian_12s(self):
        """Ubuntu 24.04 has 2.39: what needs no more than 2.36 starts there."""
        folder = self.path("root")
        os.makedirs(folder)
        self.unpack(folder)
        bundle = os.path.join(folder, "home/farm/hone-worker")
        files = [os.path.join(bundle, part, name) for part in ("bin", "lib") for name in os.listdir(os.path.join(bundle, part))]
        needed, versions = set(), set()
        for file in files:
            dynamic = subprocess.run(["readelf", "--dynamic", "--version-info", "--wide", file], capture_output=True, text=True, check=True).stdout
            needed |= set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
            versions |= {tuple(map(int, version.split("."))) for version in re.findall(r"Name: GLIBC_([0-9.]+)", dynamic)}
        own = set(os.listdir(os.path.join(bundle, "lib")))
        self.assertLessEqual(needed - own, {"libc.so.6", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "libdl.so.2", "librt.so.1", "ld-linux-x86-64.so.2"})
        self.assertLessEqual(max(versions), (2, 36))
        self.check_licences(bundle)

    def check_licences(self, bundle):
        """Whoever gets the bundle gets the licence of all that is in it."""
        doc = os.path.join(bundle, "share/doc")
        self.assertLessEqual({"LICENSE", "THIRD_PARTY.md"}, set(os.listdir(os.path.join(doc, "hone"))))
        packages = set(os.listdir(doc)) - {"hone", "common-licenses"}
        self.assertLessEqual({"llvm-22-dev", "libgrpc++1.51", "libxgboost0", "libstdc++6", "nlohmann-json3-dev"}, packages)
        for package in packages:
            self.assertGreater(os.path.getsize(os.path.join(doc, package, "copyright")), 100, package)
        self.assertLessEqual({"GPL-3", "LGPL-2.1", "Apache-2.0"}, set(os.listdir(os.path.join(doc, "common-licenses"))))
        # Each library's package is one of them.
        for library in os.listdir(os.path.join(bundle, "lib")):
            if "LLVM" in library:
                continue
            found = subprocess.run(["dpkg-query", "-S", f"*/{library}*"], capture_output=True, text=True, check=True).stdout
            self.assertTrue(any(line.split(":")[0].split(",")[0] in packages for line in found.splitlines()), library)

    def test_without_llvm_it_is_small_and_starts_and_builds_for_no_cpu(self):
        if GPU_BUNDLE is None:
            self.skipTest("HONE_GPU_BUNDLE names no archive of deploy/package-worker.sh --without-llvm (deploy/test.sh --long makes one)")
        self.assertLess(os.path.getsize(GPU_BUNDLE), 15_000_000)
        print(f"{GPU_BUNDLE}: {os.path.getsize(GPU_BUNDLE)} bytes")
        subprocess.run(["tar", "-C", self.path("."), "--no-same-owner", "-xf", GPU_BUNDLE], check=True)
        bundle = self.path("hone-worker-gpu")
        self.assertFalse([name for name in os.listdir(os.path.join(bundle, "lib")) if "LLVM" in name])

        def worker(*arguments):
            return subprocess.run([os.path.join(bundle, "bin/hone-worker"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

        told = worker("--help")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("--roles", told.stdout)
        address = f"127.0.0.1:{free_port()}"  # Nobody listens: it has to refuse before it looks for a server.
        refused = worker("--server", address, "--roles", "build", "--target", "llvm")
        self.assertNotEqual(refused.returncode, 0, refused.stderr)
        self.assertIn("the build role has no compiler for llvm: this program was built without LLVM", refused.stderr)
        version = subprocess.run([os.path.join(bundle, "bin/hone"), "--version"], capture_output=True, text=True, timeout=60)
        self.assertEqual(version.returncode, 0, version.stderr)

    def test_a_worker_from_the_bundle_completes_a_job_of_a_server_outside(self):
        root = self.bare_root()
        self.unpack(root)
        bundle = "/home/farm/hone-worker/bin/"
        doctor = subprocess.run([ENTER, root, bundle + "hone", "doctor"], capture_output=True, text=True, timeout=120)
        self.assertEqual(doctor.returncode, 0, doctor.stdout + doctor.stderr)

        address = f"127.0.0.1:{free_port()}"
        self.start("server", harness.SERVER, "--listen", address, "--database", "memory:")
        self.env["HONE_SERVER"] = address
        harness.eventually("the server answers", lambda: self.hone("workers", "list").returncode == 0)
        worker = self.start("worker", ENTER, root, bundle + "hone-worker", "--server", address, "--roles", "build,run", "--name", "bare")
        harness.eventually("the worker is connected", lambda: any(w["name"] == "bare" for w in self.hone_json("workers", "list")["workers"]))
        report = self.hone_json(
            "tune", self.matmul(64), "--target", self.host_target(), "--max-trials", "16", "--trials-per-iter", "8", "--seed", "1", "--detach"
        )

        def ended():
            self.assertIsNone(worker.poll(), self.log_of(worker))
            job = self.hone_json("jobs", "show", report["id"])
            return job["state"] != "running" and job

        job = harness.eventually("the job ends", ended, 300)
        self.assertEqual((job["state"], job["trials"]), ("done", 16), job)
        best = self.hone_json("records", "top", report["id"])["records"]
        self.assertEqual((best[0]["trust"], best[0]["measurement"]["verdict"]), ("verified", "right"))


if __name__ == "__main__":
    harness.main()
