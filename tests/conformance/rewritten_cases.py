"""Writes the programs and traces of a corpus folder in other ways and checks that schedules come out alike.

usage: rewritten_cases.py FOLDER --hone BIN [--show N] [--limit N] [WAY...]

Every sample and every sequence of primitives is applied to its program as it is, and again with the change; a refusal must
stay a refusal. Ways: `loops`, `single_loops`, `axes`, `blanks` (the program in another notation; the trace as it is);
`names` (every parameter, variable, buffer and block is called otherwise in both, and the names made from them follow);
`dead` (look-ups that nothing uses between the instructions); `numbers` (literal factors sampled by SampleCategorical
before). Exits 0 when all agree.
"""
import ast
import os
import random
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rewriting  # noqa: E402
from corpus import load  # noqa: E402
from rewritten_texts import HEADER, WAYS, Rename, defined_names  # noqa: E402

MARK = "Zq"  # Begins no name of the programs.


def notation(way):
    def change(text, trace, rng):
        return WAYS[way](text, rng), trace

    return change


def names(text, trace, rng):
    # Blocks of the one have names of loops in the middle, buffers of the other may be called as those of an intrinsic.
    if any(inst[0] in ("LoopPartition", "Tensorize") for inst in trace[0]):
        return text, trace
    tree = ast.parse(text)
    blocks = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "T.block" and node.args:
            if node.args[0].value != "root":
                blocks.add(node.args[0].value)
                node.args[0].value = MARK + node.args[0].value
    defined = defined_names(tree)
    # `v_i` for an iter says that the program was made from tensor expressions (differences.md).
    tree = Rename({n: "v_" + MARK + n[2:] if n.startswith("v_") else MARK + n for n in defined}).visit(tree)
    # Names of blocks that primitives make begin with that of a buffer or block, but for these.
    made = re.compile(r"(root|index_\d+)$|outer_")
    insts = [list(inst) for inst in trace[0]]
    for inst in insts:
        if inst[0] == "GetBlock":
            name = inst[2][0]
            inst[2] = [name if made.match(name) else MARK + name, inst[2][1]]
    return HEADER + ast.unparse(ast.fix_missing_locations(tree)) + "\n", [insts, trace[1]]


def rename(value, named):
    if isinstance(value, list):
        return [rename(item, named) for item in value]
    return named.get(value, value) if isinstance(value, str) else value


def renumbered(insts, decisions, count):
    """Names of outputs as the writer of traces gives them: inputs are named by the instruction and output they come from."""
    named, out = {}, []
    for inst in insts:
        outputs = []
        inputs = [rename(value, named) for value in inst[1]]
        for name in inst[3]:
            fresh = name if name == "_" else name.lstrip("#")[0] + str(count)
            named[name] = fresh
            outputs.append(fresh)
            count += 1
        out.append([inst[0], inputs, inst[2], outputs])
    return [out, decisions]


def has_map(trace):
    return any(isinstance(value, str) and value.startswith("{") for inst in trace[0] for value in inst[1])


def dead(text, trace, rng):
    """Unused look-ups; variables in index maps are not renamed, so such traces stay as they are."""
    if has_map(trace):
        return text, trace
    moved, insts = {}, []
    for number, inst in enumerate(trace[0]):
        if rng.random() < 0.4:
            insts.append(["GetBlock", [], ["root", "main"], [f"#b{number}"]])
        moved[number] = len(insts)
        insts.append(inst)
    return text, renumbered(insts, [[moved[at], decision] for at, decision in trace[1]], 0)


def numbers(text, trace, rng):
    if has_map(trace):
        return text, trace
    moved, insts = {}, []
    decided = []
    for number, inst in enumerate(trace[0]):
        inputs = list(inst[1])
        if inst[0] in ("Split", "LoopPartition"):
            for k, value in enumerate(inputs):
                if isinstance(value, int) and value > 0:
                    name = f"#v{number}_{k}"
                    decided.append([len(insts), 1])
                    insts.append(["SampleCategorical", [], [[value + 1, value, 1], [0.25, 0.5, 0.25]], [name]])
                    inputs[k] = name
        moved[number] = len(insts)
        insts.append([inst[0], inputs, inst[2], inst[3]])
    decisions = [[moved[at], decision] for at, decision in trace[1]] + decided
    return text, renumbered(insts, sorted(decisions, key=lambda d: d[0]), 0)


CHANGES = {
    "loops": notation("grids"), "single_loops": notation("single_loops"), "axes": notation("single_axes"),
    "blanks": notation("spaced"), "names": names, "dead": dead, "numbers": numbers,
}


def cases_of(folder, limit):
    modules = {w["id"]: w["script"] for w in load(folder, "workloads")}
    return [
        (f"{name}:{number + 1}", modules[case["workload"]], case["trace"])
        for name in ("samples", "primitives", "primitives_directed")
        for number, case in enumerate(load(folder, name)[:limit])
        if "trace" in case
    ]


def checker(hone, cases):
    plain = hone.ask("replay", [{"module": text, "trace": trace} for _, text, trace in cases])

    def check(way):
        changed = [CHANGES[way](text, trace, random.Random(f"{way} {label}")) for label, text, trace in cases]
        answers = hone.ask("replay", [{"module": text, "trace": trace} for text, trace in changed])
        for (label, _, _), answer, want in zip(cases, answers, plain):
            module = answer.get("module", "")
            if way == "names":
                module = module.replace(MARK, "")
            wanted = want.get("module", "")
            yield label, answer["ok"] == want["ok"] and module == wanted, answer, module, wanted

    return check


if __name__ == "__main__":
    rewriting.main(__doc__, CHANGES, cases_of, checker)
