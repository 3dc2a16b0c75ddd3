"""The primitives of Schedule, as methods made from the table of instructions, and the expressions that they take.

A call is written as its line in a trace's Python form, and read by the native module, which knows names, kinds and
defaults of all arguments: there is one place where a primitive is described.
"""
import inspect
import operator

from . import _hone

_DOCS = {
    "sample_categorical": "Samples one of `candidates` with the given probabilities.",
    "sample_perfect_tile": "Samples `n` factors whose product is the loop's extent.",
    "sample_partitioned_tile": "Samples a perfect tile in two parts; the inner part is a multiple of `innerpart_factor`.",
    "sample_compute_location": "Samples a loop at which `block` can be computed.",
    "get_block": "The block called `name`, of the function that is worked on or of `func_name`.",
    "get_loops": "The loops around a block, outermost first.",
    "get_child_blocks": "The blocks directly below a block or loop.",
    "get_producers": "The blocks that a block reads from.",
    "get_consumers": "The blocks that read from a block.",
    "get_output_blocks": "The blocks of a scope that write what the function gives out.",
    "merge": "Merges loops of equal extent, each nested in its own tree, below their lowest common ancestor.",
    "fuse": "Fuses nested loops, outermost first, into one.",
    "split": "Splits a loop; at most one factor is None and follows from the others.",
    "loop_partition": "Splits a loop into consecutive ranges; at most one factor is None.",
    "reorder": "Puts loops of one chain into the given order.",
    "reorder_block_iter_var": "Puts a block's iterators into the given order.",
    "add_unit_loop": "Adds a loop of extent 1 above a block or loop.",
    "parallel": "Runs the loop on several threads.",
    "vectorize": "Runs the loop in vector lanes.",
    "bind": "Binds the loop to a thread axis, as in \"threadIdx.x\".",
    "unroll": "Unrolls the loop.",
    "cache_read": "Reads a buffer through a copy in `storage_scope`; gives the block that copies.",
    "cache_write": "Writes a buffer through a copy in `storage_scope`; gives the block that copies.",
    "reindex_cache_read": "As cache_read, with the copy's layout by `index_map`.",
    "reindex_cache_write": "As cache_write, with the copy's layout by `index_map`.",
    "cache_inplace": "Copies a buffer that the block reads and writes in and out; gives both blocks.",
    "cache_index": "Computes the block's index expressions ahead, into buffers.",
    "reindex": "Gives a buffer (\"read\" or \"write\", index) the layout in which the block's iterators access it.",
    "read_at": "Copies a region at a loop, for a block below it.",
    "write_at": "Copies a region back at a loop, for a block below it.",
    "compute_at": "Moves a producer under a loop of its consumers.",
    "reverse_compute_at": "Moves a consumer under a loop of its producers.",
    "compute_inline": "Inlines a block into its consumers.",
    "reverse_compute_inline": "Inlines a block into its only producer.",
    "decompose_reduction": "Separates the reduction's init, above `loop`.",
    "rfactor": "Factors a reduction by a loop: partial results first, then their combination.",
    "storage_align": "Aligns the stride of one axis of a written buffer.",
    "set_scope": "Sets the storage scope of a written buffer.",
    "unsafe_set_dtype": "Sets the data type of a written buffer.",
    "blockize": "Makes one block of everything below a loop, or of several blocks.",
    "tensorize": "Computes a block, or what a loop holds, by a tensor intrinsic.",
    "annotate": "Notes a value under a key on a block or loop.",
    "unannotate": "Removes a note.",
    "transform_layout": "Changes the layout of a buffer (\"read\" or \"write\", index), e.g. lambda i, j: [i // 4, j, i % 4].",
    "transform_block_layout": "Changes a block's iterators.",
    "set_axis_separator": "Groups the axes of a buffer for its physical layout.",
    "annotate_buffer_access": "States which region of a buffer the block accesses.",
    "unsafe_hide_buffer_access": "Hides accesses of a block from analyses.",
    "decompose_padding": "Separates the constant part of a padding block, above `loop`.",
    "pad_einsum": "Pads the iterators of a contraction to multiples.",
    "rolling_buffer": "Keeps only the live part of a produced buffer, by folding.",
    "enter_postproc": "Starts the postprocessing part of the trace.",
}


class Term:
    """A number that follows from random variables and parameters of an index map; its text is what is computed."""

    __slots__ = ("text",)
    __hash__ = None

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text

    def __bool__(self):
        raise TypeError("an expression of a schedule has no truth value; use hone.schedule.logical_and and _or")


def _text_of_operand(value):
    if isinstance(value, Term):
        return value.text
    if isinstance(value, (int, float, _hone.ExprRV)) and not isinstance(value, bool):
        return f"({value})" if isinstance(value, (int, float)) and value < 0 else repr(value)
    return None


def _binary(symbol, swapped=False):
    def method(a, b):
        texts = [_text_of_operand(a), _text_of_operand(b)]
        if None in texts:
            return NotImplemented
        if swapped:
            texts.reverse()
        return Term(f"({texts[0]} {symbol} {texts[1]})")

    return method


_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "floordiv": "//", "mod": "%", "truediv": "/"}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}
for _type in (Term, _hone.ExprRV):
    for _name, _symbol in _OPERATORS.items():
        setattr(_type, f"__{_name}__", _binary(_symbol))
        setattr(_type, f"__r{_name}__", _binary(_symbol, swapped=True))
    for _name, _symbol in _COMPARISONS.items():
        setattr(_type, f"__{_name}__", _binary(_symbol))
    setattr(_type, "__neg__", lambda a: Term(f"(-{_text_of_operand(a)})"))
Term.__eq__ = _binary("==")
Term.__ne__ = _binary("!=")


def minimum(a, b):
    """The smaller of two expressions."""
    return Term(f"T.min({_text_of_operand(a)}, {_text_of_operand(b)})")


def maximum(a, b):
    """The larger of two expressions."""
    return Term(f"T.max({_text_of_operand(a)}, {_text_of_operand(b)})")


def logical_and(a, b):
    """Whether both conditions hold."""
    return Term(f"({_text_of_operand(a)} and {_text_of_operand(b)})")


def logical_or(a, b):
    """Whether one of the conditions holds."""
    return Term(f"({_text_of_operand(a)} or {_text_of_operand(b)})")


def _lambda_text(function):
    """An index map's text, from a function of its indices. With *args there is no telling how many there are."""
    names = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            raise TypeError("an index map is a function of a fixed number of indices")
        names.append(parameter.name)
    results = function(*[Term(name) for name in names])
    if not isinstance(results, (list, tuple)):
        results = [results]
    items = []
    for item in results:
        if isinstance(item, (list, tuple)):  # The two ends of a range (annotate_buffer_access).
            items.append("(" + ", ".join(_text_of_operand(end) for end in item) + ")")
            continue
        text = _text_of_operand(item)
        if text is None:
            raise TypeError(f"an index map gives index expressions, not {type(item).__name__}")
        items.append(text)
    return f"lambda {', '.join(names)}: ({' '.join(item + ',' for item in items)})"


def _text(value):
    """An argument as Python writes it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, (_hone.BlockRV, _hone.LoopRV, _hone.ExprRV, Term)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{str(key)!r}: {_text(item)}" for key, item in value.items()) + "}"
    if callable(value):
        return _lambda_text(value)
    for convert in (operator.index, list, float):  # Of numpy, too: arrays are lists here, scalars are numbers.
        try:
            plain = convert(value)
        except TypeError:
            continue
        return "[" + ", ".join(_text(item) for item in plain) + "]" if convert is list else repr(plain)
    raise TypeError(f"a {type(value).__name__} cannot be an argument of a primitive")


_DEFAULTS = {"None": None, "True": True, "False": False, "[]": None}


def _signature(parameters, results, kind):
    out = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
    seen_variadic = False
    for name, variadic, default in parameters:
        if variadic:
            out.append(inspect.Parameter(name, inspect.Parameter.VAR_POSITIONAL))
            seen_variadic = True
            continue
        how = inspect.Parameter.KEYWORD_ONLY if seen_variadic else inspect.Parameter.POSITIONAL_OR_KEYWORD
        if default == "":
            out.append(inspect.Parameter(name, how))
        else:
            value = _DEFAULTS[default] if default in _DEFAULTS else int(default)
            out.append(inspect.Parameter(name, how, default=value))
    one = {"b": "BlockRV", "l": "LoopRV", "v": "ExprRV", " ": "None"}[kind]
    gives = {"none": "None", "one": one, "list": f"List[{one}]", "two": f"List[{one}]"}[results]
    return inspect.Signature(out, return_annotation=gives)


def _make_method(name, parameters, results, kind):
    signature = _signature(parameters, results, kind)
    variadic = next((p[0] for p in parameters if p[1]), None)

    def method(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs)
        texts = []
        for key, value in list(bound.arguments.items())[1:]:
            if key == variadic:
                texts = [_text(item) for item in value] + texts
            elif value is not None or signature.parameters[key].default is not None:
                texts.append(f"{key}={_text(value)}")
        outputs = self._call(f"sch.{name}({', '.join(texts)})", kind)
        if results == "none":
            return None
        return outputs[0] if results == "one" else outputs

    method.__name__ = name
    method.__qualname__ = f"Schedule.{name}"
    method.__doc__ = _DOCS.get(name)
    method.__signature__ = signature
    return method


for _row in _hone.schedule_methods():
    setattr(_hone.Schedule, _row[0], _make_method(*_row))

Schedule = _hone.Schedule
Trace = _hone.Trace
