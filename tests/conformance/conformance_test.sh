#!/usr/bin/env bash
# usage: conformance_test.sh [--corpus FOLDER]
# Every answer on our own corpus must agree. FOLDER (or HONE_CORPUS) names a further one of the same form, of which each
# check must reach its bar.
set -e
corpus=${HONE_CORPUS:-}
[ "${1:-}" != --corpus ] || corpus=$2
cd "$(dirname "$0")/../.."
python3 tests/conformance/same_program_test.py
python3 tests/conformance/corpus.py --corpus tests/conformance/data --hone client/cli/hone --exact
# Every program is read alike however it is written.
python3 tests/conformance/rewritten_texts.py tests/conformance/data --hone client/cli/hone
# Schedules come out alike however program and trace are written, and traces in every form.
python3 tests/conformance/rewritten_cases.py tests/conformance/data --hone client/cli/hone
common/schedule/testing/trace_check tests/conformance/data/{samples,primitives}.jsonl
if [ -n "$corpus" ]; then
  python3 tests/conformance/corpus.py --corpus "$corpus" --hone client/cli/hone
  python3 tests/conformance/rewritten_texts.py "$corpus" --hone client/cli/hone --limit 100
  python3 tests/conformance/rewritten_cases.py "$corpus" --hone client/cli/hone --limit 60
  common/schedule/testing/trace_check "$corpus"/{samples,primitives,primitives_directed}.jsonl
fi
