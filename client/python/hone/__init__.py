"""Hone: schedules of tensor programs, and the search for fast ones.

    import hone
    mod = hone.IRModule(open("matmul.py").read())
    database = hone.tune_tir(mod, hone.Target.host(), "work", 64)
    print(database.query_schedule(mod, hone.Target.host()).mod.script())

Call tune_tir with the local builder and runner before the process starts threads: they fork (docs/python.md).
"""
from ._hone import (
    BlockRV,
    Connection,
    ExprRV,
    HoneError,
    IRModule,
    LoopRV,
    Schedule,
    ScheduleError,
    Target,
    Trace,
    structural_equal,
    structural_hash,
)
from . import schedule  # Gives Schedule its methods.
from . import meta_schedule, script
from .meta_schedule import derived_object, tune_tasks, tune_tir

__all__ = [
    "BlockRV",
    "Connection",
    "ExprRV",
    "HoneError",
    "IRModule",
    "LoopRV",
    "Schedule",
    "ScheduleError",
    "Target",
    "Trace",
    "derived_object",
    "meta_schedule",
    "schedule",
    "script",
    "structural_equal",
    "structural_hash",
    "tune_tasks",
    "tune_tir",
]
