"""Asks `hone inspect` the questions of a corpus folder and counts the answers that agree with what was recorded.

usage: corpus.py FOLDER --hone BIN [--show N] [--limit N] [--bar PERCENT] [CHECK...]

CHECK is any of parse, replay, trace, primitives, spaces, postprocs, features; all that FOLDER has cases for by default.
FOLDER holds workloads.jsonl, samples.jsonl, primitives.jsonl, primitives_directed.jsonl, spaces.jsonl, any of them. Texts
of programs are compared after both went through the parser and the printer, so that how an index is written does not
count but names, structure and annotations do. Exits 0 when every check reaches the bar (default 100 %).
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile


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
        yield label, None if a == b else line
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
        label = f'{case["workload"]} {case["trace"][0][-1][0]}'
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


def check_features(hone, folder, modules, limit):
    samples = samples_with(folder, "features", limit)
    answers = hone.ask("features", [{"module": modules[s["workload"]], "trace": s["final_trace"], "target": s["target"]} for s in samples])
    for sample, answer in zip(samples, answers):
        if not answer.get("ok"):
            yield label_of(sample), answer["error"]
            continue
        ours = [x for row in answer["features"] for x in row]
        recorded = [x for row in sample["features"] for x in row]
        far = sum(abs(x - y) > 1e-3 * max(1.0, abs(x), abs(y)) for x, y in zip(ours, recorded))
        good = len(ours) == len(recorded) and far <= 0.01 * len(recorded)
        yield label_of(sample), None if good else f"{far} of {len(recorded)} numbers differ"


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
    parser.add_argument("folder")
    parser.add_argument("checks", nargs="*", default=[])
    parser.add_argument("--hone", required=True)
    parser.add_argument("--show", type=int, default=5)
    parser.add_argument("--limit", type=int, default=10**9)
    parser.add_argument("--bar", type=float, default=100.0)
    arguments = parser.parse_args()
    hone = Hone(os.path.abspath(arguments.hone))
    modules = {workload["id"]: workload["script"] for workload in load(arguments.folder, "workloads")}
    enough = True
    for name in arguments.checks or CHECKS:
        results = list(CHECKS[name](hone, arguments.folder, modules, arguments.limit))
        if not results:
            continue
        bad = [(label, why) for label, why in results if why is not None]
        share = 100.0 * (len(results) - len(bad)) / len(results)
        print(f"{name}: {len(results) - len(bad)} of {len(results)} agree ({share:.2f} %)")
        for label, why in bad[: arguments.show]:
            print(f"  {label}: {str(why)[:300]}")
        enough = enough and share >= arguments.bar
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
