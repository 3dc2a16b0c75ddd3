#!/usr/bin/env bash
# Runs the rolling upgrade under load with a real previous build: builds hone-server and hone-worker of an earlier
# revision out of git's history, in a checkout of its own, and starts from them (HONE_PREVIOUS_FOLDER).
# usage: deploy/upgrade-test.sh [--from REVISION] [--keep FOLDER]
#   --from REVISION  the previous one: a tag or commit of this repository (default: the newest tag that is not at this
#                    commit; without any, the commit that is 100 before this one or, in a short history, the first)
#   --keep FOLDER    build there and keep it, so that the next run is short (default: a temporary folder)
# Exit status: that of the test; 1 when the previous revision could not be built, 2 for usage.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

from="" keep=""
while [ $# -gt 0 ]; do
  case "$1" in
    --from) from="${2:-}"; shift ;;
    --keep) keep="${2:-}"; shift ;;
    -h | --help) sed -n '2,8s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) die "deploy/upgrade-test.sh: unknown argument $1" 2 ;;
  esac
  shift
done
cd "$hone_root"
if [ -z "$from" ]; then
  from="$(git describe --tags --abbrev=0 HEAD~ 2>/dev/null)" || from="$(git rev-list HEAD | sed -n '101p')"
  [ -n "$from" ] || from="$(git rev-list --max-parents=0 HEAD | tail -1)"
fi
revision="$(git rev-parse --verify --quiet "$from^{commit}")" || die "deploy/upgrade-test.sh: no revision $from here" 2

folder="$keep"
if [ -z "$folder" ]; then
  folder="$(mktemp -d "${TMPDIR:-/tmp}/hone-previous.XXXXXX")"
  trap 'rm -rf "$folder"' EXIT
fi
binaries="$folder/$revision"
if [ ! -x "$binaries/hone-worker" ]; then
  say "building ${revision:0:12}, $(git show --no-patch --format=%cs "$revision")"
  mkdir -p "$folder/source" "$binaries"
  git archive "$revision" | tar -x -C "$folder/source"
  # An output folder of its own, so that this checkout's stays; objects that did not change come from the disk cache.
  (cd "$folder/source" && bazel --output_base="$folder/output" build //server:hone-server //worker:hone-worker </dev/null) ||
    die "deploy/upgrade-test.sh: ${revision:0:12} does not build" 1
  cp "$folder/source/bazel-bin/server/hone-server" "$folder/source/bazel-bin/worker/hone-worker" "$binaries/"
  (cd "$folder/source" && bazel --output_base="$folder/output" shutdown)
fi
HONE_PREVIOUS_FOLDER="$binaries" HONE_LONG_TESTS=1 bazel test --test_output=all --nocache_test_results \
  --test_env=HONE_PREVIOUS_FOLDER --test_env=HONE_LONG_TESTS //tests/chaos:upgrade_test </dev/null
