"""Asks `hone inspect` the questions of a corpus folder and counts the answers that agree with what was recorded.

usage: corpus.py --corpus FOLDER --hone BIN [--show N] [--limit N] [--exact] [CHECK...]

CHECK is any of parse, replay, trace, primitives, spaces, postprocs, features; all that FOLDER has cases for by default.
FOLDER holds workloads.jsonl, samples.jsonl, primitives.jsonl, primitives_directed.jsonl, spaces.jsonl, any of them.
Programs are compared after both went through the parser and the printer: names, structure and annotations to the letter,
index expressions by value (same_program.py). Exits 0 when every check reaches its bar, and every primitive its own,
accepted and refused cases counted apart; --exact wants all cases to agree.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict

from same_program import same_program

BARS = {"parse": 100, "replay": 99.5, "trace": 100, "primitives": 98, "spaces": 98, "postprocs": 98, "features": 99}
PRIMITIVE_BAR = 95  # Or one miss.
COLUMN_BAR = 98  # Of the rows, for every column of the features.


def load(folder, name):
    path = os.path.join(folder, name + ".jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


class Hone:
    def __init__(self, binary):
        self.binary = binary

    def ask(self, what, cases):
        """Answers of `hone inspect`, in the order of the cases; a missing one is an error."""
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            for number, case in enumerate(cases):
                file.write(json.dumps({"id": number, **case}) + "\n")
            file.flush()
            run = subprocess.run([self.binary, "inspect", what, "--cases", file.name], capture_output=True, text=True)
        answers = [json.loads(line) for line in run.stdout.splitlines()]
        if [answer["id"] for answer in answers] != list(range(len(cases))):
            sys.exit(f"hone inspect {what} answered {len(answers)} of {len(cases)} cases: {run.stderr[-500:]}")
        return answers

    def normal(self, texts):
        """Each text as the printer writes it; what cannot be parsed stays."""
        answers = self.ask("parse", [{"module": text} for text in texts])
        return [answer.get("module", text) for answer, text in zip(answers, texts)]


def compare_modules(hone, pairs):
    """pairs: (label, recorded text, answer). Yields (label, difference or None)."""
    answered = [(label, text, answer) for label, text, answer in pairs if answer.get("ok")]
    recorded = hone.normal([text for _, text, _ in answered])
    ours = hone.normal([answer["module"] for _, _, answer in answered])
    for (label, _, _), a, b in zip(answered, recorded, ours):
        line = next((f"{x!r} became {y!r}" for x, y in zip(a.split("\n"), b.split("\n")) if x != y), "one is longer")
        yield label, None if same_program(a, b) else line
    for label, _, answer in pairs:
        if not answer.get("ok"):
            yield label, answer["error"]


def label_of(sample):
    return f'{sample.get("workload")} {sample.get("kind", "")} {sample.get("space", "")} {sample.get("seed", "")}'.strip()


def check_parse(hone, folder, modules, limit):
    texts = dict(list(modules.items())[:limit])
    answers = hone.ask("parse", [{"module": text} for text in texts.values()])
    for (label, text), answer in zip(texts.items(), answers):
        yield label, None if answer.get("module") == text else answer.get("error", "printed differently")


def samples_with(folder, key, limit):
    return [sample for sample in load(folder, "samples") if key in sample][:limit]


def check_replay(hone, folder, modules, limit):
    samples = samples_with(folder, "module", limit)
    answers = hone.ask("replay", [{"module": modules[s["workload"]], "trace": s["trace"]} for s in samples])
    yield from compare_modules(hone, [(label_of(s), s["module"], a) for s, a in zip(samples, answers)])


def check_trace(hone, folder, modules, limit):
    samples = samples_with(folder, "module", limit)
    answers = hone.ask("replay", [{"module": modules[s["workload"]], "trace": s["trace"]} for s in samples])
    for sample, answer in zip(samples, answers):
        same = answer.get("ok") and answer["trace"] == sample["trace"]
        yield label_of(sample), None if same else answer.get("error", "the trace is written differently")


def check_primitives(hone, folder, modules, limit):
    cases = (load(folder, "primitives") + load(folder, "primitives_directed"))[:limit]
    answers = hone.ask("replay", [{"module": modules[c["workload"]], "trace": c["trace"]} for c in cases])
    accepted = []
    for case, answer in zip(cases, answers):
        label = f'{case["workload"]} {case["trace"][0][-1][0]} {"accepted" if case["accepted"] else "refused"}'
        if case["accepted"]:
            accepted.append((label, case["module"], answer))
        else:
            yield label, None if not answer["ok"] else "accepted what is refused"
    yield from compare_modules(hone, accepted)


def check_spaces(hone, folder, modules, limit):
    cases = [case for case in load(folder, "spaces") if "spaces" in case][:limit]
    answers = hone.ask("space", [{"module": modules[c["workload"]], "target": c["target"], "kind": c["kind"]} for c in cases])
    for case, answer in zip(cases, answers):
        same = answer.get("ok") and [t[0] for t in answer["spaces"]] == [t[0] for t in case["spaces"]]
        yield f'{case["workload"]} {case["kind"]}', None if same else answer.get("error", "other design spaces")


def check_postprocs(hone, folder, modules, limit):
    samples = samples_with(folder, "postproc_ok", limit)
    answers = hone.ask(
        "replay",
        [{"module": modules[s["workload"]], "trace": s["trace"], "target": s["target"], "kind": s["kind"], "postprocs": True} for s in samples],
    )
    passed = []
    for sample, answer in zip(samples, answers):
        if not answer.get("ok"):
            yield label_of(sample), answer["error"]
        elif answer["passed"] != sample["postproc_ok"]:
            yield label_of(sample), f'passed: {answer["passed"]}, recorded: {sample["postproc_ok"]} ({sample["postproc_failed"]})'
        elif answer["passed"]:
            passed.append((label_of(sample), sample["final"], answer))
        else:
            same = sample["postproc_failed"].split(".")[-1] in answer["failed_postproc"]
            yield label_of(sample), None if same else f'{answer["failed_postproc"]} refused, recorded: {sample["postproc_failed"]}'
    yield from compare_modules(hone, passed)


class BelowBar(Exception):
    """A part of a check lies below its own bar."""


def primitives_below(results):
    """Which primitives have too many cases that do not agree."""
    of = defaultdict(lambda: [0, 0])
    for label, why in results:
        of[" ".join(label.split()[-2:])][why is None] += 1
    for primitive, (wrong, right) in sorted(of.items()):
        if wrong > 1 and right < PRIMITIVE_BAR / 100 * (wrong + right):
            yield f"{primitive}: {right} of {wrong + right} agree"


def check_features(hone, folder, modules, limit):
    columns = defaultdict(lambda: [0, 0])
    samples = samples_with(folder, "features", limit)
    answers = hone.ask("features", [{"module": modules[s["workload"]], "trace": s["final_trace"], "target": s["target"]} for s in samples])
    for sample, answer in zip(samples, answers):
        if not answer.get("ok"):
            yield label_of(sample), answer["error"]
            continue
        if len(answer["features"]) != len(sample["features"]):
            yield label_of(sample), f'{len(answer["features"])} rows, recorded: {len(sample["features"])}'
            continue
        far = 0
        for ours, recorded in zip(answer["features"], sample["features"]):
            for column, (x, y) in enumerate(zip(ours, recorded)):
                good = abs(x - y) <= 1e-3 * max(1.0, abs(x), abs(y))
                columns[column][good] += 1
                far += not good
        count = sum(map(len, sample["features"]))
        yield label_of(sample), None if far <= 0.01 * count else f"{far} of {count} numbers differ"
    for column, (wrong, right) in sorted(columns.items()):
        if right < COLUMN_BAR / 100 * (wrong + right):
            raise BelowBar(f"column {column} of the features is right in {right} of {wrong + right} rows")


CHECKS = {
    "parse": check_parse,
    "replay": check_replay,
    "trace": check_trace,
    "primitives": check_primitives,
    "spaces": check_spaces,
    "postprocs": check_postprocs,
    "features": check_features,
}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("checks", nargs="*", default=[])
    parser.add_argument("--hone", required=True)
    parser.add_argument("--show", type=int, default=5)
    parser.add_argument("--limit", type=int, default=10**9)
    parser.add_argument("--exact", action="store_true")
    arguments = parser.parse_args()
    hone = Hone(os.path.abspath(arguments.hone))
    modules = {workload["id"]: workload["script"] for workload in load(arguments.corpus, "workloads")}
    enough = True
    for name in arguments.checks or CHECKS:
        results = []
        below = []
        try:
            for result in CHECKS[name](hone, arguments.corpus, modules, arguments.limit):
                results.append(result)
        except BelowBar as error:
            below.append(str(error))
        if not results:
            continue
        if name == "primitives":
            below += primitives_below(results)
        bad = [(label, why) for label, why in results if why is not None]
        share = 100.0 * (len(results) - len(bad)) / len(results)
        print(f"{name}: {len(results) - len(bad)} of {len(results)} agree ({share:.2f} %)")
        for label, why in bad[: arguments.show]:
            print(f"  {label}: {str(why)[:300]}")
        for line in below:
            print(f"  below its bar: {line}")
        enough = enough and not below and share >= (100 if arguments.exact else BARS[name])
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
