#!/usr/bin/env bash
# Installs what is missing, builds everything, runs every test, and closes with the line "N passed, N failed".
# usage: deploy/test.sh [--long] [TARGET...]
#   --long   the long forms of the tests too (more seeds, larger programs; at most 60 minutes)
# Exit status: 0 when everything was built and no test failed, 1 otherwise, 2 for usage or missing packages.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

long=0
targets=()
for argument in "$@"; do
  case "$argument" in
    --long) long=1 ;;
    -h | --help) sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) die "deploy/test.sh: unknown option $argument (known: --long)" 2 ;;
    *) targets+=("$argument") ;;
  esac
done
[ ${#targets[@]} -gt 0 ] || targets=(//...)

install_packages
cd "$hone_root" || exit 1
events="$(mktemp "${TMPDIR:-/tmp}/hone-tests.XXXXXX")"
trap 'rm -f "$events"' EXIT

# Tests that read HONE_LONG_TESTS=1 take their long form; "manual"-free tags keep both forms in one target list.
filters=(--test_tag_filters=-long)
[ "$long" -eq 0 ] || filters=(--test_env=HONE_LONG_TESTS=1 --test_timeout=300,900,1800,3600)

bazel build --keep_going "${targets[@]}" </dev/null
built=$?
# A test that could not be built is counted as failed below; 4 means that no target is a test.
bazel test --keep_going --build_event_json_file="$events" "${filters[@]}" "${targets[@]}" </dev/null
tested=$?
python3 deploy/count_tests.py "$events"
counted=$?
[ "$built" -eq 0 ] && [ "$counted" -eq 0 ] && { [ "$tested" -eq 0 ] || [ "$tested" -eq 4 ]; } || exit 1
