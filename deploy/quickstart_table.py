"""Prints the quickstart's closing table.

usage: quickstart_table.py JOB.json RECORDS.json LIMITS.jsonl PEERS.json FILE...

JOB is `hone jobs show --json`, RECORDS `hone records top --json`, LIMITS and PEERS what //bench:limits (a line each time) and //bench:peers
printed; the FILEs say which line of PEERS is the same work. The binding limit of a program is the larger of its arithmetic at the machine's FMA peak and its parameters,
each moved once, at copy bandwidth; the share is that time over the measured one.
"""
import json
import os
import sys

SPEC = "# The same work for bench/peers: "
BYTES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "uint32": 4, "float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1}


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def best_limits(path):
    """The largest figures of several measurements, one a line: a disturbance only lowers them."""
    with open(path, encoding="utf-8") as file:
        measured = [json.loads(line) for line in file if line.strip()]
    best = dict(measured[0])
    for name in ("fma_peak_gflops", "copy_gb_s"):
        best[name] = max(one[name] for one in measured)
    return best


def seconds(value):
    if not value:
        return "-"
    for unit, scale in (("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        if value * scale >= 1:
            return f"{value * scale:.3g} {unit}"
    return f"{value:.3g} s"


def parameter_bytes(record):
    total = 0
    for arg in record["args"]:
        size = BYTES.get(arg["dtype"], 4)
        for dim in arg["shape"]:
            size *= dim
        total += size
    return total


def libraries(peers, files):
    """The fastest library's (seconds, name) by the name of the program's file."""
    by_spec = {peer["workload"]: peer["best"] for peer in peers if peer.get("best")}
    found = {}
    for path in files:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.startswith(SPEC):
                    found[os.path.splitext(os.path.basename(path))[0]] = by_spec.get(line[len(SPEC) :].strip())
    return found


def binding_limit(task, record, limits):
    """(seconds at the limit, its name)."""
    compute = (task["flops"] or 0) / (limits["fma_peak_gflops"] * 1e9)
    memory = parameter_bytes(record) / (limits["copy_gb_s"] * 1e9) if record else 0
    return (compute, "FMA") if compute >= memory else (memory, "copy")


def row(task, record, limits, peer):
    best, baseline = task["best"], task["baseline"]
    limit, limit_name = binding_limit(task, record, limits)
    return [
        task["name"],
        seconds(baseline),
        seconds(best),
        f"{baseline / best:.3g}x" if best and baseline else "-",
        f"{task['flops'] / best / 1e9:.3g}" if best and task["flops"] else "-",
        f"{100 * limit / best:.0f} % of {limit_name}" if best and limit else "-",
        f"{seconds(peer['seconds'])} {peer['library']}" if peer else "-",
        str(task["trials"]),
        str(task["failed"]),
    ]


def print_columns(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(r, widths))).rstrip())


def main():
    job, records, peers = load(sys.argv[1]), load(sys.argv[2]), load(sys.argv[4])
    limits = best_limits(sys.argv[3])
    peers = libraries(peers, sys.argv[5:])
    by_id = {record["id"]: record for record in records["records"]}
    by_workload = {record["workload_id"]: record for record in records["records"]}
    rows = [["workload", "unscheduled", "best", "speed-up", "GFLOP/s", "share of limit", "library", "trials", "failed"]]
    for task in job["tasks"]:
        record = by_id.get(task["best_record_id"]) or by_workload.get(task["workload_id"])
        rows.append(row(task, record, limits, peers.get(task["name"])))
    print_columns(rows)
    print()
    print(
        f"limits of {limits['threads']} cores, measured now: FMA {limits['fma_peak_gflops']:.4g} GFLOP/s "
        f"({limits['isa']}), copy {limits['copy_gb_s']:.3g} GB/s"
    )
    failures = ", ".join(f"{failure['count']} {failure['kind']}" for failure in job["failures"])
    print(f"failures by kind: {failures or 'none'}")
    time = job["time"]
    print(
        f"seconds: searching {time['search_secs']:.1f}, training the cost model {time['model_secs']:.1f}, "
        f"building {time['build_secs']:.1f}, measuring {time['run_secs']:.1f}; {time['wall_secs']:.1f} in all"
    )


if __name__ == "__main__":
    main()
