"""Tunes standard workloads on this machine and sets what comes out beside the machine's limit and the peer's best.

usage: tune.py [--trials N] [--seeds N] [--workloads NAME:CONFIG,...] [--peer FILE] [--known FILE] [--json FILE]
               [--bin FOLDER]

The table has a row a workload: the median over the seeds of the best latency after N trials, GFLOP/s, the share of the
FMA peak measured before, seconds until the best was within 10, 5 and 1 % of the last, trials a minute, and the share of
the wall in which the device was idle while candidates were owed; and the trials until the best was within 5 % of the best
known, which is the best of all seeds and of what --known names: a file of the best latencies so far, read and kept up to date.
Latencies are compared with the peer's at 128 trials, whatever --trials says. --peer names a file of the peer's best latencies with the
FMA peak of its machine: the peer's time is scaled by the ratio of the peaks before it is compared.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import tempfile

DEFAULT = "GMM:2,C2D:2,C2D:0,DEP:0,CBR:1,SFM:1,TBG:0,C1D:0,NRM:1,GRP:0"
PEER_TRIALS = 128


def run(command, **kwargs):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, **kwargs).stdout


def records(folder):
    """(seconds since the first, best so far) of the trials that ran, in order."""
    found = []
    with open(os.path.join(folder, "hone_record.jsonl"), encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)[2]
            if record.get("slot", {}).get("round") == 2**32 - 1:
                continue  # The unscheduled program.
            run_of = record.get("run", {})
            found.append((record.get("created", 0), run_of.get("median") if not run_of.get("failure") else None))
    found.sort()
    return found


def seconds_to(found, factor):
    times = [median for _, median in found if median]
    if not times:
        return math.nan
    limit = min(times) * factor
    start = found[0][0]
    return next(created - start for created, median in found if median and median <= limit)


def trials_to(found, limit):
    """The number of the first trial that was as fast as `limit`; infinite when none was."""
    return next((i for i, (_, median) in enumerate(found, 1) if median and median <= limit), math.inf)


def best_after(found, trials):
    return min(median for _, median in found[:trials] if median)


def tune(binaries, script, trials, seed):
    with tempfile.TemporaryDirectory(prefix="hone-bench-tune.") as folder:
        work = os.path.join(folder, "work")
        report = json.loads(
            run(
                [os.path.join(binaries, "client/cli/hone"), "tune", script, "--target", "llvm", "--max-trials", str(trials)]
                + ["--seed", str(seed), "--work-dir", work, "--json"]
            )
        )
        return report, records(work)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workloads", default=DEFAULT)
    parser.add_argument("--peer")
    parser.add_argument("--known")
    parser.add_argument("--json")
    parser.add_argument("--bin", default="bazel-bin", help="where the built programs lie")
    args = parser.parse_args()
    names = args.workloads.split(",")
    peak = json.loads(run([os.path.join(args.bin, "bench/limits"), "--json"]))["fma_peak_gflops"]
    peers, peer_peak = {}, None
    if args.peer:
        with open(args.peer, encoding="utf-8") as file:
            content = json.load(file)
        peers = {row["workload"]: row["best_us"] for row in content["rows"]}
        peer_peak = content["fma_peak_gflops"]["2 cores"]
    known = {}
    if args.known and os.path.exists(args.known):
        with open(args.known, encoding="utf-8") as file:
            known = json.load(file)
    rows = []
    print(f"FMA peak {peak:.0f} GFLOP/s" + (f"; the peer's machine {peer_peak:.0f}" if peer_peak else ""))
    print(f"{'workload':10} {'best us':>10} {'GFLOP/s':>8} {'of peak':>8} {'peer us':>10} {'scaled':>10} {'times':>6} "
          f"{'s to 90/95/99 %':>18} {'trials to 95 %':>14} {'trials/min':>10} {'idle':>6}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hone-bench-workloads.") as folder:
        run([os.path.join(args.bin, "bench/print_workloads"), folder, *names])
        for name in names:
            script = os.path.join(folder, name.replace(":", "_") + ".py")
            best, reached, rates, idles, flops, runs = [], [], [], [], 0, []
            for seed in range(1, args.seeds + 1):
                report, found = tune(args.bin, script, args.trials, seed)
                task, time = report["tasks"][0], report["time"]
                flops = task.get("flops", 0)
                best.append(best_after(found, PEER_TRIALS))
                runs.append(found)
                reached.append([seconds_to(found, factor) for factor in (1.1, 1.05, 1.01)])
                rates.append(60 * report["trials"] / time["wall_secs"])
                idles.append(time.get("run_idle_secs", 0) / time["wall_secs"])
            us = statistics.median(best) * 1e6
            known[name] = min([known.get(name, math.inf)] + [best_after(found, len(found)) for found in runs])
            to_known = statistics.median(trials_to(found, 1.05 * known[name]) for found in runs)
            scaled = peers[name] * peer_peak / peak if name in peers else None
            to = [statistics.median(column) for column in zip(*reached)]
            row = {"workload": name, "best_us": us, "gflops": flops / us / 1e3, "share_of_peak": flops / us / 1e3 / peak}
            row |= {"all_best_us": [b * 1e6 for b in best], "seconds_to_90_95_99": to, "seeds": args.seeds}
            row |= {"trials_a_minute": statistics.median(rates), "idle_share": statistics.median(idles), "peer_us": peers.get(name)}
            row |= {"best_known_us": known[name] * 1e6, "trials_to_5_percent": to_known if to_known < math.inf else None}
            row |= {"peer_scaled_us": scaled, "times_better": scaled / us if scaled else None}
            rows.append(row)
            text = "/".join(f"{value:.1f}" for value in to)
            print(f"{name:10} {us:10.1f} {row['gflops']:8.1f} {row['share_of_peak']:8.0%} {peers.get(name) or 0:10.1f} {scaled or 0:10.1f} "
                  f"{row['times_better'] or 0:6.2f} {text:>18} {to_known:14.0f} {row['trials_a_minute']:10.0f} {row['idle_share']:6.1%}", flush=True)
    ratios = [row["times_better"] for row in rows if row["times_better"]]
    mean = math.exp(statistics.fmean(map(math.log, ratios))) if ratios else None
    if mean:
        print(f"geometric mean against the peer, scaled by the peaks: {mean:.2f} times better")
    to_known = [row["trials_to_5_percent"] or math.inf for row in rows]
    print(f"trials to come within 5 % of the best known, median over the workloads: {statistics.median(to_known):.0f}")
    if args.known:
        with open(args.known, "w", encoding="utf-8") as file:
            json.dump(known, file, indent=1)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"fma_peak_gflops": peak, "trials": args.trials, "rows": rows, "geomean_times_better": mean}, file, indent=1)


if __name__ == "__main__":
    main()
