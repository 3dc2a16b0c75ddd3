#!/usr/bin/env bash
# Runs tune.py with the programs that were built beside it.
exec python3 "$(dirname "$0")/tune.py" --bin "$PWD" "$@"
