"""Whether two printed programs are the same: structure, names, kinds, extents and annotations to the letter, and index
expressions by value, on points of their domain that the loops and blocks around them span."""
import ast
import random

POINTS = 48

BINARY = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.LShift: lambda a, b: a << b,
    ast.RShift: lambda a, b: a >> b,
    ast.BitAnd: lambda a, b: a & b,
    ast.BitOr: lambda a, b: a | b,
}
COMPARE = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
LOOPS = {"serial", "parallel", "vectorized", "unroll", "thread_binding"}


class Unknown(Exception):
    """An expression whose value is not known: it reads a buffer, or calls something."""


def value(node, point):
    """The integer or truth value of an index expression, with the variables of `point`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name) and node.id in point:
        return point[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        a, b = value(node.left, point), value(node.right, point)
        if isinstance(node.op, (ast.FloorDiv, ast.Mod)) and b == 0:
            raise Unknown
        return BINARY[type(node.op)](a, b)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -value(node.operand, point)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not value(node.operand, point)
    if isinstance(node, ast.BoolOp):
        combine = all if isinstance(node.op, ast.And) else any
        return combine([value(part, point) for part in node.values])
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARE:
        return COMPARE[type(node.ops[0])](value(node.left, point), value(node.comparators[0], point))
    if isinstance(node, ast.Call) and called(node) in ("min", "max") and len(node.args) == 2:
        pick = min if called(node) == "min" else max
        return pick(value(argument, point) for argument in node.args)
    raise Unknown


def called(node):
    """`name` of T.name(...) or of name(...); None for anything else."""
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


class Comparer:
    def __init__(self, seed=1):
        self.random = random.Random(seed)
        self.points = [{} for _ in range(POINTS)]

    def same(self, a, b):
        if isinstance(a, list):
            return isinstance(b, list) and len(a) == len(b) and all(self.same(x, y) for x, y in zip(a, b))
        if not isinstance(a, ast.AST):
            return type(a) is type(b) and a == b
        if isinstance(a, ast.expr) and isinstance(b, ast.expr):
            return ast.dump(a) == ast.dump(b) or self.same_value(a, b) or self.same_parts(a, b)
        if type(a) is not type(b):
            return False
        if isinstance(a, ast.For):
            return self.same_loop(a, b)
        if isinstance(a, ast.Assign):
            return self.same_parts(a, b) and self.define(a)
        return self.same_parts(a, b)

    def same_parts(self, a, b):
        return type(a) is type(b) and all(
            self.same(getattr(a, field, None), getattr(b, field, None)) for field in a._fields if field != "ctx"
        )

    def same_value(self, a, b):
        try:
            return all(value(a, point) == value(b, point) for point in self.points)
        except Unknown:
            return False

    def same_loop(self, a, b):
        if not (self.same_parts(a.target, b.target) and self.same(a.iter, b.iter)):
            return False
        names = [n.id for n in (a.target.elts if isinstance(a.target, ast.Tuple) else [a.target])]
        kept = [dict(point) for point in self.points]
        self.bind(names, a.iter)
        alike = self.same(a.body, b.body)
        self.points = kept
        return alike

    def bind(self, names, domain):
        """Gives loop variables values within their extents."""
        if called(domain) not in LOOPS | {"grid", "range"}:
            return
        extents = domain.args if called(domain) == "grid" else domain.args[-1:]
        begin = domain.args[0] if called(domain) != "grid" and len(domain.args) > 1 else None
        for name, extent in zip(names, extents):
            for point in self.points:
                try:
                    low = value(begin, point) if begin is not None else 0
                    point[name] = low + self.random.randrange(max(1, value(extent, point) - low))
                except Unknown:
                    point.pop(name, None)

    def define(self, node):
        """A block's variable is what it is bound to: T.axis.spatial(extent, value), T.axis.remap(kinds, values)."""
        call = node.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            return True
        if not (isinstance(call.func.value, ast.Attribute) and call.func.value.attr == "axis"):
            return True
        target = node.targets[0]
        names = [n.id for n in (target.elts if isinstance(target, ast.Tuple) else [target])]
        values = call.args[1].elts if call.func.attr == "remap" else [call.args[-1]]
        for point in self.points:
            known = []
            for bound in values:
                try:
                    known.append(value(bound, point))
                except Unknown:
                    known.append(None)
            for name, number in zip(names, known):
                if number is None:
                    point.pop(name, None)
                else:
                    point[name] = number
        return True


def same_program(a, b):
    if a == b:
        return True
    try:
        return Comparer().same(ast.parse(a), ast.parse(b))
    except (SyntaxError, RecursionError):
        return False
