#!/usr/bin/env python3
"""Tunes kernels on this machine's GPU and compares them with NVIDIA's libraries.

usage: gpu.py [--row NAME[,NAME...]] [--dir FOLDER] [--hone PROGRAM] [--seconds N] [--trials N] [--list]

Every row is tuned with at most --trials candidates within --seconds (default 420) and stops there; what was measured is
in FOLDER, and the next run of the row goes on from it. The table at the end shows all rows that FOLDER knows.
  copy            device-to-device copy bandwidth: bytes read and written
  f32-N           float32 matrix product N x N x N (1024, 2048, 4096) beside cuBLAS
  f16-N           float16 matrix product with float32 accumulation on tensor cores beside cuBLAS
  softmax         65536 x 4096, share of the copy bandwidth, beside PyTorch
  layer-norm      65536 x 1024, likewise
  conv2d          the standard workload, beside PyTorch (cuDNN)
  correctness     the 15 standard workloads, 30 random schedules each, checked on the device
  farm            float32 1024 through a hone-server, a worker that builds and sees no GPU, and one that runs on all GPUs
  faults          broken kernels in a job: see gpu_faults
Both sides are timed cold: before every call the second-level cache is filled with something else; medians.
Needs PyTorch for the libraries' numbers; without it those columns stay empty.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HEADER = "from tvm.script import tir as T\n@T.prim_func\n"


def matmul(n, in_dtype, out_dtype):
    a, b = "A[vi, vk]", "B[vk, vj]"
    if in_dtype != out_dtype:
        a, b = f'T.Cast("{out_dtype}", {a})', f'T.Cast("{out_dtype}", {b})'
    return HEADER + f'''def main(A: T.Buffer(({n}, {n}), "{in_dtype}"), B: T.Buffer(({n}, {n}), "{in_dtype}"), C: T.Buffer(({n}, {n}), "{out_dtype}")):
    for i, j, k in T.grid({n}, {n}, {n}):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.{out_dtype}(0)
            C[vi, vj] = C[vi, vj] + {a} * {b}
'''


def softmax(rows, columns):
    return HEADER + f'''def main(A: T.Buffer(({rows}, {columns}), "float32"), B: T.Buffer(({rows}, {columns}), "float32")):
    M = T.alloc_buffer(({rows},))
    E = T.alloc_buffer(({rows}, {columns}))
    S = T.alloc_buffer(({rows},))
    for i, k in T.grid({rows}, {columns}):
        with T.block("M"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                M[vi] = T.float32(-3.4028234663852886e+38)
            M[vi] = T.max(M[vi], A[vi, vk])
    for i, j in T.grid({rows}, {columns}):
        with T.block("E"):
            vi, vj = T.axis.remap("SS", [i, j])
            E[vi, vj] = T.exp(A[vi, vj] - M[vi])
    for i, k in T.grid({rows}, {columns}):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(0)
            S[vi] = S[vi] + E[vi, vk]
    for i, j in T.grid({rows}, {columns}):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = E[vi, vj] / S[vi]
'''


def layer_norm(rows, columns):
    return HEADER + f'''def main(A: T.Buffer(({rows}, {columns}), "float32"), G: T.Buffer(({columns},), "float32"), H: T.Buffer(({columns},), "float32"), B: T.Buffer(({rows}, {columns}), "float32")):
    S = T.alloc_buffer(({rows},))
    Q = T.alloc_buffer(({rows},))
    for i, k in T.grid({rows}, {columns}):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = T.float32(0)
                Q[vi] = T.float32(0)
            v_S: T.float32 = S[vi] + A[vi, vk]
            v_Q: T.float32 = Q[vi] + A[vi, vk] * A[vi, vk]
            S[vi] = v_S
            Q[vi] = v_Q
    for i, j in T.grid({rows}, {columns}):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = (A[vi, vj] - S[vi] / T.float32({columns})) * T.rsqrt(Q[vi] / T.float32({columns}) - S[vi] / T.float32({columns}) * (S[vi] / T.float32({columns})) + T.float32(1e-05)) * G[vj] + H[vj]
'''


def conv2d():
    # The standard workload C2D:0.
    n, h, w, ci, co, k, s, p = 1, 224, 224, 3, 64, 7, 2, 3
    oh = (h + 2 * p - k) // s + 1
    return HEADER + f'''def main(inputs: T.Buffer(({n}, {h}, {w}, {ci}), "float32"), weight: T.Buffer(({k}, {k}, {ci}, {co}), "float32"), out: T.Buffer(({n}, {oh}, {oh}, {co}), "float32")):
    P = T.alloc_buffer(({n}, {h + 2 * p}, {w + 2 * p}, {ci}))
    for i0, i1, i2, i3 in T.grid({n}, {h + 2 * p}, {w + 2 * p}, {ci}):
        with T.block("P"):
            v0, v1, v2, v3 = T.axis.remap("SSSS", [i0, i1, i2, i3])
            P[v0, v1, v2, v3] = T.if_then_else({p} <= v1 and v1 < {h + p} and {p} <= v2 and v2 < {w + p}, inputs[v0, v1 - {p}, v2 - {p}, v3], T.float32(0))
    for n, y, x, c, ry, rx, rc in T.grid({n}, {oh}, {oh}, {co}, {k}, {k}, {ci}):
        with T.block("conv"):
            vn, vy, vx, vc, vry, vrx, vrc = T.axis.remap("SSSSRRR", [n, y, x, c, ry, rx, rc])
            with T.init():
                out[vn, vy, vx, vc] = T.float32(0)
            out[vn, vy, vx, vc] = out[vn, vy, vx, vc] + P[vn, vy * {s} + vry, vx * {s} + vrx, vrc] * weight[vry, vrx, vrc, vc]
'''


class Row:
    def __init__(self, name, script, peer, flops=0, data_bytes=0, bar=""):
        self.name, self.script, self.peer = name, script, peer
        self.flops, self.data_bytes, self.bar = flops, data_bytes, bar


def rows():
    out = []
    for n in (1024, 2048, 4096):
        out.append(Row(f"f32-{n}", matmul(n, "float32", "float32"), ("matmul", n, "float32"), flops=2 * n**3,
                       bar="80 % of cuBLAS"))
    for n in (1024, 2048, 4096):
        out.append(Row(f"f16-{n}", matmul(n, "float16", "float32"), ("matmul", n, "float16"), flops=2 * n**3,
                       bar="50 % of cuBLAS"))
    out.append(Row("softmax", softmax(65536, 4096), ("softmax", 65536, 4096), data_bytes=2 * 4 * 65536 * 4096,
                   bar="85 % of copy"))
    out.append(Row("layer-norm", layer_norm(65536, 1024), ("layer-norm", 65536, 1024),
                   data_bytes=2 * 4 * 65536 * 1024, bar="85 % of copy"))
    out.append(Row("conv2d", conv2d(), ("conv2d",), flops=2 * 112 * 112 * 64 * 7 * 7 * 3))
    return out


# ---- the libraries, through PyTorch

def cold_median(torch, call, calls=25):
    """Seconds: the median of single calls, each after the second-level cache was filled with something else."""
    flush = torch.empty(2 * torch.cuda.get_device_properties(0).L2_cache_size, dtype=torch.int8, device="cuda")
    call()
    torch.cuda.synchronize()
    times = []
    for _ in range(calls):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        flush.zero_()
        start.record()
        call()
        end.record()
        times.append((start, end))
    torch.cuda.synchronize()
    return statistics.median(s.elapsed_time(e) for s, e in times) * 1e-3


def peer_seconds(peer):
    try:
        import torch
    except ImportError:
        return None
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    with torch.no_grad():
        if peer[0] == "copy":
            a = torch.rand(1 << 29, device="cuda")
            b = torch.empty_like(a)
            return 2 * a.numel() * 4 / cold_median(torch, lambda: b.copy_(a))
        if peer[0] == "matmul":
            _, n, dtype = peer
            a = (torch.rand(n, n, device="cuda") * 2 - 1).to(getattr(torch, dtype))
            b = (torch.rand(n, n, device="cuda") * 2 - 1).to(getattr(torch, dtype))
            return cold_median(torch, lambda: a @ b)
        if peer[0] == "softmax":
            a = torch.rand(peer[1], peer[2], device="cuda")
            return cold_median(torch, lambda: torch.softmax(a, dim=1))
        if peer[0] == "layer-norm":
            a = torch.rand(peer[1], peer[2], device="cuda")
            g, h = torch.rand(peer[2], device="cuda"), torch.rand(peer[2], device="cuda")
            return cold_median(torch, lambda: torch.nn.functional.layer_norm(a, (peer[2],), g, h))
        if peer[0] == "conv2d":
            a = torch.rand(1, 3, 224, 224, device="cuda").to(memory_format=torch.channels_last)
            w = torch.rand(64, 3, 7, 7, device="cuda").to(memory_format=torch.channels_last)
            return cold_median(torch, lambda: torch.nn.functional.conv2d(a, w, stride=2, padding=3))
    return None


# ---- one row

class Bench:
    def __init__(self, arguments):
        self.a = arguments
        os.makedirs(self.a.dir, exist_ok=True)
        self.path = os.path.join(self.a.dir, "rows.json")
        self.known = json.load(open(self.path)) if os.path.exists(self.path) else {}

    def save(self, name, **values):
        self.known.setdefault(name, {}).update(values)
        with open(self.path + ".new", "w") as out:
            json.dump(self.known, out, indent=1)
        os.replace(self.path + ".new", self.path)

    def hone(self, arguments, seconds):
        """Runs hone; when the time is over it is interrupted, which loses nothing."""
        begun = time.time()
        process = subprocess.Popen([self.a.hone] + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(2)
            try:
                out, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
        return out, err, time.time() - begun

    def tune(self, row, seconds):
        folder = os.path.join(self.a.dir, row.name)
        os.makedirs(folder, exist_ok=True)
        script = os.path.join(folder, row.name + ".py")
        with open(script, "w") as out:
            out.write(row.script)
        left = self.a.trials - self.known.get(row.name, {}).get("trials", 0)
        if left <= 0:
            return
        out, err, wall = self.hone(["tune", script, "--target", self.a.target, "--max-trials", str(left),
                                    "--trials-per-iter", str(self.a.round), "--work-dir", folder, "--json"], seconds)
        try:
            report = json.loads(out)
        except ValueError:
            self.save(row.name, error=(err or out)[-600:])
            return
        task = report["tasks"][0]
        before = self.known.get(row.name, {})
        best = min(x for x in (task["best"], before.get("best")) if x) if task["best"] or before.get("best") else None
        self.save(row.name, best=best, trials=before.get("trials", 0) + report["trials"],
                  failed=before.get("failed", 0) + task["failed"], wall=before.get("wall", 0) + wall,
                  failures=report["failures"], time=report["time"], error=task["error"] or report["reason"])

    def run(self, name):
        if name == "copy":
            self.save("copy", bytes_per_second=peer_seconds(("copy",)))
            return
        if name == "correctness":
            return self.correctness()
        if name == "farm":
            return self.farm()
        if name == "faults":
            out, err, _ = self.run_program(os.path.join(os.path.dirname(os.path.abspath(self.a.hone)), "gpu_faults"))
            self.save("faults", text=out[-3000:], error=err[-600:])
            return
        row = next((r for r in rows() if r.name == name), None)
        if row is None:
            sys.exit(f"gpu.py: there is no row {name} (see --list)")
        if row.data_bytes:
            self.save(name, copy=peer_seconds(("copy",)))
        self.save(name, peer=peer_seconds(row.peer))
        self.tune(row, self.a.seconds)

    def farm(self):
        """A server, a builder without a GPU, and a runner; their programs lie beside hone."""
        folder = os.path.abspath(os.path.join(self.a.dir, "farm"))
        os.makedirs(folder, exist_ok=True)
        programs = os.path.dirname(os.path.abspath(self.a.hone))
        address = f"unix:{folder}/server.sock"
        row = next(r for r in rows() if r.name == "f32-1024")
        script = os.path.join(folder, row.name + ".py")
        with open(script, "w") as out:
            out.write(row.script)
        no_gpu = dict(os.environ, CUDA_VISIBLE_DEVICES="")
        # hone-server is no part of a worker bundle, but may lie in one.
        libraries = os.path.join(programs, "..", "lib") + ":" + os.environ.get("LD_LIBRARY_PATH", "")
        worker = [os.path.join(programs, "hone-worker"), "--server", address, "--target", self.a.target]
        started = []

        def start(name, command, **more):
            log = open(os.path.join(folder, name + ".log"), "w")
            started.append(subprocess.Popen(command, stdout=log, stderr=log, **more))

        try:
            start("server", [os.path.join(programs, "hone-server"), "--listen", address],
                  env=dict(no_gpu, LD_LIBRARY_PATH=libraries))
            start("builder", worker + ["--roles", "build", "--name", "builder"], env=no_gpu)
            start("runner", worker + ["--roles", "run", "--name", "runner"])
            for _ in range(150):
                listed, _, _ = self.hone(["workers", "list", "--server", address], 10)
                if "builder" in listed and "runner" in listed:
                    break
                time.sleep(0.2)
            out, err, wall = self.hone(["tune", script, "--target", self.a.target, "--server", address, "--max-trials",
                                        str(self.a.trials), "--trials-per-iter", str(self.a.round), "--json"],
                                       self.a.seconds - 30)
            listed, _, _ = self.hone(["workers", "list", "--server", address], 10)
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                process.wait()
        try:
            report = json.loads(out)
        except ValueError:
            return self.save("farm", error=(err or out)[-600:], text=listed)
        task = report["tasks"][0]
        self.save("farm", trials=report["trials"], failed=task["failed"], best=task["best"], wall=wall,
                  failures=report["failures"], time=report["time"], error=task["error"] or report["reason"], text=listed)

    def run_program(self, program):
        begun = time.time()
        done = subprocess.run([program], capture_output=True, text=True, timeout=self.a.seconds, check=False)
        return done.stdout, done.stderr, time.time() - begun

    def correctness(self):
        folder = self.a.workloads or os.path.join(self.a.dir, "workloads")
        if not self.a.workloads:
            os.makedirs(folder, exist_ok=True)
            subprocess.run([os.path.join(os.path.dirname(os.path.abspath(self.a.hone)), "print_workloads"), folder],
                           check=True)
        files = sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".py"))
        for kind in ("cuda", "cuda-tensorcore"):
            # float32 has no tensor cores: the rules of plain cuda are what is left. float16 has them.
            mine = [f for f in files if os.path.basename(f).startswith("f32-" if kind == "cuda" else "f16-")]
            work = os.path.join(self.a.dir, "correctness-" + kind)
            per = 30
            out, err, wall = self.hone(["tune", *mine, "--target", self.a.target, "--strategy", "replay-trace",
                                        "--cost-model", "none", "--scheduler", "round-robin",
                                        "--max-trials", str(per * len(mine)), "--max-trials-per-task", str(per),
                                        "--trials-per-iter", str(per), "--work-dir", work, "--json"], self.a.seconds / 2)
            try:
                report = json.loads(out)
            except ValueError:
                self.save("correctness-" + kind, error=(err or out)[-600:])
                continue
            self.save("correctness-" + kind, trials=report["trials"], failures=report["failures"], wall=wall,
                      time=report["time"],
                      tasks={t["name"]: [t["trials"], t["failed"], t["best"], t["error"]] for t in report["tasks"]})

    def table(self):
        print(f"{'row':18} {'hone':>10} {'library':>10} {'rate':>16} {'share':>18} {'trials':>7} {'failed':>6} {'a minute':>8}  bar")
        for row in rows():
            k = self.known.get(row.name)
            if not k:
                continue
            best, peer = k.get("best"), k.get("peer")
            text = lambda s: f"{s * 1e6:.1f} us" if s else "-"
            rate, share = "-", "-"
            if best and row.flops:
                rate = f"{row.flops / best / 1e12:.1f} TFLOP/s"
                share = f"{100 * peer / best:.0f} % of library" if peer else "-"
            if best and row.data_bytes:
                rate = f"{row.data_bytes / best / 1e12:.2f} TB/s"
                share = f"{100 * row.data_bytes / best / k['copy']:.0f} % of copy" if k.get("copy") else "-"
            minute = f"{60 * k['trials'] / k['wall']:.0f}" if k.get("wall") else "-"
            print(f"{row.name:18} {text(best):>10} {text(peer):>10} {rate:>16} {share:>18} {k.get('trials', 0):>7} "
                  f"{k.get('failed', 0):>6} {minute:>8}  {row.bar}")
            for failure in k.get("failures") or []:
                print(f"    {failure['count']} {failure['kind']}: {failure['example'][:160]}")
            if k.get("error"):
                print(f"    {k['error'][:400]}")
            if k.get("time"):
                print("    " + ", ".join(f"{n[:-5]} {v:.1f} s" for n, v in k["time"].items()))
        for name, k in self.known.items():
            if name == "copy":
                print(f"copy: {k['bytes_per_second'] / 1e12:.2f} TB/s read and written" if k["bytes_per_second"] else "copy: -")
            elif name.startswith("correctness") or name in ("faults", "farm"):
                print(f"{name}: {json.dumps({x: y for x, y in k.items() if x != 'text'})}\n{k.get('text', '')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", default="")
    parser.add_argument("--dir", default="gpu-bench")
    parser.add_argument("--hone", default="hone")
    parser.add_argument("--target", default="nvidia/nvidia-h200")
    parser.add_argument("--seconds", type=float, default=420)
    parser.add_argument("--trials", type=int, default=512)
    parser.add_argument("--round", type=int, default=32)
    parser.add_argument("--workloads", default="", help="folder of f32-*.py and f16-*.py")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(["copy"] + [r.name for r in rows()] + ["correctness", "farm", "faults"]))
        return
    bench = Bench(arguments)
    for name in filter(None, arguments.row.split(",")):
        bench.run(name)
    bench.table()


if __name__ == "__main__":
    main()
