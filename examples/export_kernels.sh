#!/usr/bin/env bash
# Tunes matmul and softmax a little, exports the best kernels, links them into call_kernels.c and runs it.
# usage: examples/export_kernels.sh [HONE [FOLDER [TRIALS]]]    (bazel-bin/client/cli/hone, ./hone-export, 16)
# Needs a C compiler and libgomp. Exit status: that of the program, or of what failed before it.
set -euo pipefail
examples="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
hone="$(realpath "${1:-bazel-bin/client/cli/hone}")"
folder="${2:-hone-export}"
trials="${3:-16}"
mkdir -p "$folder"
cd "$folder"
for name in matmul softmax; do
  "$hone" tune "$examples/$name.py" --target llvm --max-trials "$trials" --work-dir "work-$name" >/dev/null
  record="$("$hone" records query "$examples/$name.py" --work-dir "work-$name" --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["records"][0]["id"])')"
  "$hone" kernels export "$record" --work-dir "work-$name" --name "$name" --output "$name.o"
  "$hone" kernels export "$record" --work-dir "work-$name" --name "$name" --format header --output "$name.h"
done
cc -O2 -I. "$examples/call_kernels.c" matmul.o softmax.o -lgomp -lm -o call_kernels
./call_kernels
