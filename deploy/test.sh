#!/usr/bin/env bash
# Installs what is missing, builds everything, runs every test, and closes with the line "N passed, N failed".
# usage: deploy/test.sh [--long] [--sanitizers] [TARGET...]
#   --long        the long forms of the tests too (more seeds, larger programs; at most 60 minutes)
#   --sanitizers  also what parses texts and changes programs under ASan and UBSan, with the seeds of every fuzz
#                 target; with --long ten minutes of each, and common/, the coordinator's core and its simulation, and
#                 what of the service links neither gRPC nor PostgreSQL under ThreadSanitizer
# HONE_CORPUS=FOLDER: a corpus of TVM's recorded behaviour to check besides the answers kept in tests/conformance.
# Exit status: 0 when everything was built and no test failed, 1 otherwise, 2 for usage or missing packages.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

long=0
sanitizers=0
targets=()
for argument in "$@"; do
  case "$argument" in
    --long) long=1 ;;
    --sanitizers) sanitizers=1 ;;
    -h | --help) sed -n '2,8s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) die "deploy/test.sh: unknown option $argument (known: --long, --sanitizers)" 2 ;;
    *) targets+=("$argument") ;;
  esac
done
[ ${#targets[@]} -gt 0 ] || targets=(//...)

# For --sanitizers: chosen for what they reach in little time.
sanitized=(
  //common/arith:analyzer_test //common/arith:iter_map_test //common/arith:region_test
  //common/ir:ir_test //common/ir:equality_test
  //common/record/... //common/script/... //common/target/...
  //common/schedule:schedule_test //common/schedule:trace_from_python_test //common/schedule/testing/...
)

# Under ThreadSanitizer: gRPC, libpq and LLVM are not instrumented, so what links them would only tell tales.
threaded=(
  //common/... //server/coordinator/...
  //server/service:batcher_test //server/service:blob_store_test //server/service:limits_test
)

install_packages
cd "$hone_root" || exit 1
events="$(mktemp "${TMPDIR:-/tmp}/hone-tests.XXXXXX")"
trap 'rm -rf "$events" "$events".*' EXIT

# Tests that read HONE_LONG_TESTS=1 take their long form; "manual"-free tags keep both forms in one target list.
filters=(--test_tag_filters=-long)
[ "$long" -eq 0 ] || filters=(--test_env=HONE_LONG_TESTS=1 --test_timeout=300,900,1800,3600)
# A corpus of TVM's recorded behaviour, where one is given, is checked besides the answers kept here.
[ ! -d "${HONE_CORPUS:-}" ] || filters+=("--test_env=HONE_CORPUS=$(realpath "$HONE_CORPUS")")

# Before everything else, because it is built with another setting: a test reads the archive, and fails if there is none.
if [ "$long" -eq 1 ]; then
  deploy/package-worker.sh --without-llvm --output "$events.gpu/hone-worker-gpu.tar.xz"
  filters+=("--test_env=HONE_GPU_BUNDLE=$events.gpu/hone-worker-gpu.tar.xz")
fi

bazel build --keep_going "${targets[@]}" </dev/null
built=$?
# A test that could not be built is counted as failed below; 4 means that no target is a test.
bazel test --keep_going --build_event_json_file="$events" "${filters[@]}" "${targets[@]}" </dev/null
tested=$?
# The rolling upgrade once more, from a build of an earlier revision, where there is a history to take it from.
if [ "$long" -eq 1 ] && git rev-parse --quiet --verify HEAD~ >/dev/null 2>&1; then
  deploy/upgrade-test.sh || tested=1
fi
event_files=("$events")
fuzzed=0
if [ "$sanitizers" -eq 1 ]; then
  bazel test --keep_going --build_tests_only --config=asan-ubsan --build_event_json_file="$events.asan" "${sanitized[@]}" </dev/null
  [ $? -eq 0 ] || tested=1
  event_files+=("$events.asan")
  if [ "$long" -eq 1 ]; then fuzz=(--seconds 600); else fuzz=(--seeds); fi
  deploy/fuzz.sh "${fuzz[@]}" || fuzzed=1
  if [ "$long" -eq 1 ]; then
    bazel test --keep_going --config=tsan --build_event_json_file="$events.tsan" "${threaded[@]}" </dev/null
    [ $? -eq 0 ] || tested=1
    event_files+=("$events.tsan")
  fi
fi
python3 deploy/count_tests.py "${event_files[@]}"
counted=$?
[ "$built" -eq 0 ] && [ "$counted" -eq 0 ] && [ "$fuzzed" -eq 0 ] && { [ "$tested" -eq 0 ] || [ "$tested" -eq 4 ]; } || exit 1
