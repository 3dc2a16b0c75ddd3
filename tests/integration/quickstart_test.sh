#!/usr/bin/env bash
# The quickstart in a short form, with the binaries of this build: it must end with its table and leave nothing behind.
set -u
bin="$TEST_TMPDIR/bin"
mkdir -p "$bin"
for file in client/cli/hone server/hone-server worker/hone-worker bench/limits bench/peers; do
  ln -s "$PWD/$file" "$bin/"
done
export HONE_BIN_DIR="$bin" HOME="$TEST_TMPDIR"
before="$(ls -d /tmp/hone-qs.* 2>/dev/null)"
deploy/quickstart.sh --no-build --trials 4 examples/matmul.py examples/softmax.py >"$TEST_TMPDIR/out" 2>"$TEST_TMPDIR/err" </dev/null
status=$?
cat "$TEST_TMPDIR/out" "$TEST_TMPDIR/err"
fail() { echo "FAILED: $*"; exit 1; }
[ "$status" -eq 0 ] || fail "exit status $status"
grep -q '^workload .*unscheduled .*best' "$TEST_TMPDIR/out" || fail "no table"
grep -Eq '^matmul +[0-9.]+ [mu]s +[0-9.]+ [mu]s ' "$TEST_TMPDIR/out" || fail "no row for matmul"
grep -Eq '^softmax +[0-9.]+ [mu]s +[0-9.]+ [mu]s ' "$TEST_TMPDIR/out" || fail "no row for softmax"
grep -q 'limits of .* FMA' "$TEST_TMPDIR/out" || fail "no limits"
grep -q 'verified' "$TEST_TMPDIR/out" || fail "no verified record"
[ "$(ls -d /tmp/hone-qs.* 2>/dev/null)" = "$before" ] || fail "a folder was left behind"
