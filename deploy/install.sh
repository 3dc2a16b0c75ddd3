#!/usr/bin/env bash
# Lays out what users of Hone need under PREFIX: bin/ (hone, hone-server, hone-worker), include/hone/ (the headers that
# plug-ins are written against, and what these include), lib/pkgconfig/hone-plugin.pc, lib/hone-python (the Python client,
# for PYTHONPATH), share/hone/ (the example plug-in), share/doc/hone/ (licences).
# usage: deploy/install.sh PREFIX [--no-build]
#   --no-build   take the programs of the last build (or of HONE_BIN_DIR)
# Exit status: 0 when everything is in place, 1 when the build or a copy failed, 2 for usage.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

prefix=""
build=1
for argument in "$@"; do
  case "$argument" in
    --no-build) build=0 ;;
    -h | --help) sed -n '2,7s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) die "deploy/install.sh: unknown option $argument (known: --no-build)" 2 ;;
    *) prefix="$argument" ;;
  esac
done
[ -n "$prefix" ] || die "usage: deploy/install.sh PREFIX [--no-build]" 2
mkdir -p "$prefix"
prefix="$(cd "$prefix" && pwd)"
cd "$hone_root"

if [ "$build" -eq 1 ]; then
  bazel build //client/cli:hone //server:hone-server //worker:hone-worker //client/python:hone_py </dev/null
fi
bin="${HONE_BIN_DIR:-bazel-bin}"
mkdir -p "$prefix/bin"
for program in client/cli/hone server/hone-server worker/hone-worker; do
  for place in "$bin/$program" "$bin/$(basename "$program")"; do
    if [ -x "$place" ]; then install -m 755 "$place" "$prefix/bin/"; break; fi
  done
  [ -x "$prefix/bin/$(basename "$program")" ] || say "not built, left out: $program"
done

if [ -e "$bin/client/python/lib/hone/_hone.so" ]; then
  mkdir -p "$prefix/lib/hone-python/hone"
  install -m 644 "$bin"/client/python/lib/hone/*.py "$prefix/lib/hone-python/hone/"
  install -m 755 "$bin/client/python/lib/hone/_hone.so" "$prefix/lib/hone-python/hone/"
else
  say "not built, left out: client/python"
fi

# The compiler tells which of our headers a plug-in sees.
headers="$(printf '#include "server/space/plugin.h"\n' | g++ -std=c++20 -I. -MM -MT x -x c++ - | tr ' \\' '\n\n' |
  grep -E '^(\./)?(common|server)/.*\.h$' | sort -u)"
[ -n "$headers" ] || die "the headers of plug-ins were not found" 1
for header in $headers; do
  install -D -m 644 "$header" "$prefix/include/hone/$header"
done

install -d "$prefix/lib/pkgconfig"
cat >"$prefix/lib/pkgconfig/hone-plugin.pc" <<EOF
prefix=\${pcfiledir}/../..

Name: hone-plugin
Description: Headers for plug-ins of Hone; the program that loads a plug-in has the functions
Version: $(sed -n 's/^constexpr char kRelease.* = "\(.*\)";$/\1/p' common/wire/protocol.h)
Cflags: -std=c++20 -O2 -fPIC -I\${prefix}/include/hone
EOF
install -D -m 644 -t "$prefix/share/doc/hone" LICENSE THIRD_PARTY.md
install -D -m 644 examples/plugin/plugin.cc "$prefix/share/hone/plugin/plugin.cc"
install -D -m 644 examples/plugin/README.md "$prefix/share/hone/plugin/README.md"
say "installed under $prefix"
