#!/usr/bin/env bash
# Every answer must agree. HONE_CORPUS names a further folder of the same form, which is then checked as well: its texts
# line by line, so that an index written in another order counts as a difference.
set -e
python3 tests/conformance/corpus.py tests/conformance/data --hone client/cli/hone
# Every program is read alike however it is written.
python3 tests/conformance/rewritten_texts.py tests/conformance/data --hone client/cli/hone
# Schedules come out alike however program and trace are written, and traces in every form.
python3 tests/conformance/rewritten_cases.py tests/conformance/data --hone client/cli/hone
common/schedule/testing/trace_check tests/conformance/data/{samples,primitives}.jsonl
if [ -n "${HONE_CORPUS:-}" ]; then
  python3 tests/conformance/corpus.py "$HONE_CORPUS" --hone client/cli/hone --bar 98
  python3 tests/conformance/rewritten_texts.py "$HONE_CORPUS" --hone client/cli/hone --limit 100
  python3 tests/conformance/rewritten_cases.py "$HONE_CORPUS" --hone client/cli/hone --limit 60
  common/schedule/testing/trace_check "$HONE_CORPUS"/{samples,primitives,primitives_directed}.jsonl
fi
