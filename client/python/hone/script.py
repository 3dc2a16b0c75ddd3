"""TVMScript in Python files: `from hone.script import ir as I, tir as T`.

    @I.ir_module
    class Module:
        @T.prim_func
        def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
            for i in range(16):
                with T.block("B"):
                    vi = T.axis.spatial(16, i)
                    B[vi] = A[vi] + T.float32(1)

makes `Module` an IRModule. The source text is what is parsed: it must be in a file, and names of the surrounding Python
are not seen.
"""
import inspect
import textwrap

from ._hone import IRModule


def _parse(source):
    """An IRModule of the source text of a class or function."""
    return IRModule(textwrap.dedent(inspect.getsource(source)))


def _is_method(function):
    return not function.__qualname__.endswith("<locals>." + function.__name__) and "." in function.__qualname__


class _Anything:
    """Stands for whatever T.Buffer(...) and the like name while Python reads annotations."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything()

    def __call__(self, *args, **kwargs):
        return _Anything()

    def __getitem__(self, item):
        return _Anything()


class _Ir(_Anything):
    @staticmethod
    def ir_module(cls=None, **_):
        """A class of tensor programs as an IRModule."""
        return _parse(cls) if cls is not None else _parse


class _Tir(_Anything):
    @staticmethod
    def prim_func(function=None, **_):
        """A function as an IRModule of its own; left alone inside of a module class."""

        def decorate(f):
            return f if _is_method(f) else _parse(f)

        return decorate(function) if function is not None else decorate


ir = _Ir()
tir = _Tir()


def from_source(text):
    """An IRModule from TVMScript text."""
    return IRModule(text)
