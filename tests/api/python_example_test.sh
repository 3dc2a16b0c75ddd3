#!/usr/bin/env bash
# Runs the example of docs/python.md with a small budget; a kernel was found when it prints the schedule.
set -euo pipefail
export PYTHONPATH="$PWD/client/python/lib" PYTHONDONTWRITEBYTECODE=1
python3 examples/python/tune_matmul.py --size 64 --trials 4 --work-dir "$TEST_TMPDIR/work" | tee "$TEST_TMPDIR/out"
grep -q "best of 4 trials" "$TEST_TMPDIR/out"
grep -q "T.parallel" "$TEST_TMPDIR/out"
