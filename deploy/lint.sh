#!/usr/bin/env bash
# Checks layout (clang-format) and likely bugs (clang-tidy) of C++ files, and builds with clang's thread-safety analysis.
# usage: deploy/lint.sh [--fix] [--no-tidy] [--no-build] [FILE...]     FILE: default every tracked .h and .cc
#   --fix       rewrite the layout instead of reporting it
# Exit status: 0 clean, 1 findings, 2 usage or missing packages.
set -uo pipefail
invoked_from="$PWD"
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fix=0 tidy=1 build=1
files=()
for argument in "$@"; do
  case "$argument" in
    --fix) fix=1 ;;
    --no-tidy) tidy=0 ;;
    --no-build) build=0 ;;
    -h | --help) sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) die "deploy/lint.sh: unknown option $argument" 2 ;;
    *) files+=("$(realpath --relative-to="$hone_root" "$invoked_from/$argument")") ;;
  esac
done
install_packages
cd "$hone_root" || exit 1
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files '*.h' '*.cc')

status=0
if [ "$fix" -eq 1 ]; then
  printf '%s\0' "${files[@]}" | xargs -0 -n 50 clang-format -i
else
  printf '%s\0' "${files[@]}" | xargs -0 -n 50 clang-format --dry-run --Werror || status=1
fi
if [ "$tidy" -eq 1 ]; then
  # Generated protocol headers are looked up where Bazel puts them.
  printf '%s\n' "${files[@]}" | grep '\.cc$' | xargs -r -P "$(nproc)" -I{} \
    clang-tidy --quiet {} -- -std=c++20 -I. -Ibazel-bin -Ibazel-bin/proto -isystem /usr/lib/llvm-22/include -isystem /usr/include/eigen3 -isystem /usr/include/python3.11 \
    2> >(grep -v 'warnings generated\|Suppressed\|Use -header-filter' >&2) || status=1
fi
if [ "$build" -eq 1 ]; then
  bazel build --config=clang //... </dev/null || status=1
fi
exit "$status"
