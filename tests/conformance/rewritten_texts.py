"""Writes every program of a corpus folder in other ways and checks that the same program comes back.

usage: rewritten_texts.py FOLDER --hone BIN [--show N] [--limit N] [WAY...]

WAY is any of those below (all by default). A text that was rewritten must parse to what the text itself parses to, both as
`hone inspect parse` prints them; for other names, after they were changed back. Exits 0 when all do.
"""
import ast
import collections
import io
import os
import random
import sys
import tokenize

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rewriting  # noqa: E402
from corpus import load  # noqa: E402

HEADER = "# from tvm.script import ir as I\n# from tvm.script import tir as T\n"


# ---- ways that keep the tokens


def comments(text, rng):
    """Comments behind lines and on lines of their own, blank lines, blanks at the ends of lines."""
    out = []
    for line in text.split("\n"):
        if rng.random() < 0.2:
            out.append(rng.choice(["", "    ", "# a remark: with T.block(\"x\"):", "            # for i in range(3):"]))
        plain = line.strip() and not line.lstrip().startswith("#")
        out.append(line + rng.choice(["", "   ", "  # why", "  # T.reads(A[0])"]) if plain else line)
    return "\n".join(out)


def indentation(text, rng):
    """Another number of blanks a level."""
    width = rng.choice([1, 2, 3, 8])
    out = []
    for line in text.split("\n"):
        blanks = len(line) - len(line.lstrip(" "))
        out.append(" " * (blanks // 4 * width + blanks % 4) + line.lstrip(" "))
    return "\n".join(out)


def line_ends(text, rng):
    """Carriage returns, and a missing or doubled last newline."""
    return text.replace("\n", "\r\n") + rng.choice(["", "\r\n", "\r\n\r\n"])


def broken_lines(text, rng):
    """Line breaks within brackets, with any indentation behind them."""
    out, depth, quote = [], 0, None
    for line in text.split("\n"):
        if line.lstrip().startswith("#"):
            out.append(line)
            continue
        built = ""
        for c in line:
            built += c
            if quote:
                quote = None if c == quote else quote
            elif c in "\"'":
                quote = c
            else:
                depth += (c in "([{") - (c in ")]}")
                if depth > 0 and c in "(,[" and rng.random() < 0.3:
                    built += "\n" + " " * rng.randrange(9)
        out.append(built)
    return "\n".join(out)


def spaced(text, rng):
    """Any number of blanks between the tokens of a line."""
    out, at = [], (1, 0)
    lines = text.split("\n")
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, IndentationError):
        return text
    by_line = collections.defaultdict(list)
    for token in tokens:
        if token.type not in (tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER):
            by_line[token.start[0]].append(token)
    for number, line in enumerate(lines, 1):
        parts = by_line.get(number, [])
        if not parts or parts[0].type == tokenize.COMMENT or any(p.end[0] != number for p in parts):
            out.append(line)
            continue
        built = line[: parts[0].start[1]] + parts[0].string
        for before, token in zip(parts, parts[1:]):
            gap = token.start[1] - before.end[1]
            words = before.type in (tokenize.NAME, tokenize.NUMBER) and token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING)
            built += " " * (rng.randrange(1, 4) if gap and words else rng.choice([0, 0, 1, 2]) if not words else gap) + token.string
        out.append(built)
    return "\n".join(out)


def joined_lines(text, rng):
    """A backslash at the end of a line goes on with the next one."""
    out = []
    for line in text.split("\n"):
        cut = line.find(" = ")
        simple = cut > 0 and not line.lstrip().startswith(("#", "for ", "with ", "def ", "if ", "T.attr", "@")) and line[:cut].count("(") == line[:cut].count(")")
        in_text = '"' in line[: cut + 1] or "[" in line[:cut] and line[:cut].count("[") != line[:cut].count("]")
        out.append(line[: cut + 2] + " \\\n      " + line[cut + 3 :] if simple and not in_text and rng.random() < 0.5 else line)
    return "\n".join(out)


# ---- ways that rewrite the syntax tree


def through_tree(change):
    def way(text, rng):
        tree = ast.parse(text)
        tree = change(tree, rng)
        return HEADER + ast.unparse(ast.fix_missing_locations(tree)) + "\n"

    way.__doc__ = change.__doc__
    return way


def call_of(node, name):
    return isinstance(node, ast.Call) and ast.unparse(node.func) == name


def unparsed(tree, rng):
    """As Python writes the tree: no comments, other quotes and parentheses."""
    return tree


def single_loops(tree, rng):
    """Nested loops instead of T.grid."""

    class Change(ast.NodeTransformer):
        def visit_For(self, node):
            self.generic_visit(node)
            if not call_of(node.iter, "T.grid"):
                return node
            targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
            body = node.body
            for target, extent in reversed(list(zip(targets, node.iter.args))):
                call = ast.Call(ast.Name("range"), [extent], [])
                if rng.random() < 0.3:
                    call = ast.Call(ast.parse("T.serial", mode="eval").body, [ast.Constant(0), extent], [])
                body = [ast.For(target, call, body, [])]
            return body

    return Change().visit(tree)


def grids(tree, rng):
    """T.grid for every nest of plain loops, and for single ones."""

    def plain(node):
        return isinstance(node, ast.For) and call_of(node.iter, "range") and len(node.iter.args) == 1

    class Change(ast.NodeTransformer):
        def visit_For(self, node):
            targets, extents = [], []
            at = node
            while plain(at) or call_of(getattr(at, "iter", None), "T.grid"):
                named = [t.id for t in targets]
                mentioned = [n.id for e in at.iter.args for n in ast.walk(e) if isinstance(n, ast.Name)]
                if set(named) & set(mentioned):  # A range that depends on an outer loop.
                    break
                targets += at.target.elts if isinstance(at.target, ast.Tuple) else [at.target]
                extents += at.iter.args
                body = at.body
                if len(body) != 1 or not isinstance(body[0], ast.For):
                    break
                at = body[0]
            if not targets:
                self.generic_visit(node)
                return node
            new = ast.For(ast.Tuple(targets) if len(targets) > 1 else targets[0],
                          ast.Call(ast.parse("T.grid", mode="eval").body, extents, []), body, [])
            self.generic_visit(new)
            return new

    return Change().visit(tree)


def single_axes(tree, rng):
    """One axis a line instead of T.axis.remap."""

    class Change(ast.NodeTransformer):
        def __init__(self):
            self.loops = {}

        def visit_For(self, node):
            targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
            args = node.iter.args
            if call_of(node.iter, "T.grid"):
                ranges = [(ast.Constant(0), a) for a in args]
            else:
                ranges = [(ast.Constant(0), args[0]) if len(args) == 1 else (args[0], args[1])]
            before = dict(self.loops)
            self.loops.update({t.id: r for t, r in zip(targets, ranges)})
            self.generic_visit(node)
            self.loops = before
            return node

        def visit_Assign(self, node):
            if not call_of(node.value, "T.axis.remap"):
                return node
            kinds, bindings = node.value.args[0].value, node.value.args[1].elts
            target = node.targets[0]
            targets = target.elts if isinstance(target, ast.Tuple) else [target]
            if not all(isinstance(b, ast.Name) and b.id in self.loops for b in bindings):
                return node
            out = []
            for name, kind, binding in zip(targets, kinds, bindings):
                low, high = self.loops[binding.id]
                domain = high if isinstance(low, ast.Constant) and low.value == 0 else ast.Tuple([low, high])
                long = {"S": "T.axis.spatial", "R": "T.axis.reduce"}[kind]
                short = {"S": "T.axis.S", "R": "T.axis.R"}[kind]
                call = ast.parse(rng.choice([long, short]), mode="eval").body
                out.append(ast.Assign([name], ast.Call(call, [domain, binding], [])))
            return out

    return Change().visit(tree)


def named_arguments(tree, rng):
    """Names for arguments that are mostly given by position."""

    class Change(ast.NodeTransformer):
        def visit_Call(self, node):
            self.generic_visit(node)
            name = ast.unparse(node.func)
            if name == "T.block" and node.args:
                node.keywords, node.args = [ast.keyword("name", node.args[0])], []
            if name == "T.alloc_buffer" and len(node.args) == 2:
                node.keywords = [ast.keyword("dtype", node.args.pop())] + node.keywords
            if name == "T.alloc_buffer" and len(node.args) == 1 and isinstance(node.args[0], ast.Tuple):
                node.args[0] = ast.List(node.args[0].elts)
            return node

    return Change().visit(tree)


def without_regions(tree, rng):
    """Reads and writes are found by the parser (only for programs whose blocks declare no more than that)."""

    class Change(ast.NodeTransformer):
        def visit_Expr(self, node):
            regions = call_of(node.value, "T.reads") or call_of(node.value, "T.writes")
            return None if regions and node.value.args else node

    return Change().visit(tree)


def prefixes(text, rng):
    """Other names for the modules, imported by real statements."""
    tir, ir = rng.choice([("tir", "ir"), ("TT", "II"), ("T", "ir"), ("script_tir", "I")])

    class Change(ast.NodeTransformer):
        def visit_Name(self, node):
            return ast.Name({"T": tir, "I": ir}.get(node.id, node.id))

    tree = ast.fix_missing_locations(Change().visit(ast.parse(text)))
    one = f"from tvm.script import ir as {ir}\nfrom tvm.script import tir as {tir}\n"
    both = f"from tvm.script import ir as {ir}, tir as {tir}\n"
    inner = f"from tvm.script.parser import ir as {ir}\nfrom tvm.script.parser import tir as {tir}\n"
    return rng.choice([one, both, inner]) + ast.unparse(tree) + "\n"


# ---- other names


class Rename(ast.NodeTransformer):
    def __init__(self, names):
        self.names = names

    def visit_Name(self, node):
        return ast.Name(self.names.get(node.id, node.id))

    def visit_arg(self, node):
        self.generic_visit(node)
        node.arg = self.names.get(node.arg, node.arg)
        return node


def defined_names(tree):
    out = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            out.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            out.add(node.id)
    return out - {"T", "I"}


def renamed(text, rng):
    """Another name for every parameter, variable and buffer."""
    tree = ast.parse(text)
    names = {name: "q" + name for name in defined_names(tree)}
    return HEADER + ast.unparse(ast.fix_missing_locations(Rename(names).visit(tree))) + "\n"


def named_back(text):
    tree = ast.parse(text)
    names = {name: name[1:] for name in defined_names(tree) if name.startswith("q")}
    return ast.unparse(ast.fix_missing_locations(Rename(names).visit(tree)))


WAYS = {
    "comments": comments, "indentation": indentation, "line_ends": line_ends, "broken_lines": broken_lines,
    "spaced": spaced, "joined_lines": joined_lines, "unparsed": through_tree(unparsed),
    "single_loops": through_tree(single_loops), "grids": through_tree(grids), "single_axes": through_tree(single_axes),
    "named_arguments": through_tree(named_arguments), "without_regions": through_tree(without_regions),
    "prefixes": prefixes, "renamed": renamed,
}


def texts_of(folder, limit):
    """(label, text, whether it was never scheduled)."""
    out = [(w["id"], w["script"], True) for w in load(folder, "workloads")]
    for name, keys in (("samples", ("module", "final")), ("primitives", ("module", "module_before")),
                       ("primitives_directed", ("module",))):
        for number, case in enumerate(load(folder, name)):
            out += [(f"{name}:{number + 1}:{key}", case[key], False) for key in keys if key in case]
    return out[:limit]


def checker(hone, texts):
    expected = hone.ask("parse", [{"module": text} for _, text, _ in texts])

    def check(name):
        cases = []
        for number, ((label, text, fresh), want) in enumerate(zip(texts, expected)):
            if name != "without_regions" or fresh:
                cases.append((label, WAYS[name](text, random.Random(f"{name} {number}")), want))
        answers = hone.ask("parse", [{"module": new} for _, new, _ in cases])
        for (label, _, want), answer in zip(cases, answers):
            module, wanted = answer.get("module"), want.get("module")
            if name == "renamed" and answer["ok"] and want["ok"]:
                module, wanted = named_back(module), ast.unparse(ast.parse(wanted))
            yield label, module == wanted, answer, module or "", wanted or ""

    return check


if __name__ == "__main__":
    rewriting.main(__doc__, WAYS, texts_of, checker)
