#!/usr/bin/env bash
# Runs a Python unittest file as a Bazel test: run_python_test.sh FILE. Python needs nothing but its standard library.
export PYTHONPATH="$PWD/tests/integration${PYTHONPATH:+:$PYTHONPATH}" PYTHONDONTWRITEBYTECODE=1
exec python3 "$1"
