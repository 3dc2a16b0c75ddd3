#!/usr/bin/env bash
# Builds the libFuzzer targets with clang, ASan and UBSan, and runs each over its seeds and what earlier runs found.
# usage: deploy/fuzz.sh [--seconds N | --seeds] [--out FOLDER] [TARGET...]     TARGET: fuzz_parser, ...; default all
#   --seconds N   of each target (default 60; the long form has 600)
#   --seeds       instead: only the seeds that are kept, so that the outcome is the same every time
#   --out FOLDER  logs, grown corpora and findings (crash-*, timeout-*), default .fuzz
# Exit status: 0 without a finding, 1 with one or when something did not build, 2 for usage.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$hone_root" || exit 1

declare -A places=(
  [fuzz_parser]=common/script/testing [fuzz_graph]=common/script/testing
  [fuzz_trace]=common/schedule/testing [fuzz_primitives]=common/schedule/testing
  [fuzz_target]=common/target/testing [fuzz_record]=common/record/testing
  [fuzz_service]=server/service/testing [fuzz_import]=server/database/testing
  [fuzz_http]=server/http/testing [fuzz_worker]=worker/testing
)
seconds=60 seeds_only=0 out=.fuzz
chosen=()
while [ $# -gt 0 ]; do
  case "$1" in
    --seconds) seconds="${2:-}"; shift ;;
    --seeds) seeds_only=1 ;;
    --out) out="${2:-}"; shift ;;
    -h | --help) sed -n '2,7s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *)
      [ -n "${places[$1]:-}" ] || die "deploy/fuzz.sh: unknown argument $1 (targets: ${!places[*]})" 2
      chosen+=("$1")
      ;;
  esac
  shift
done
[[ "$seconds" =~ ^[0-9]+$ ]] || die "deploy/fuzz.sh: --seconds wants a number" 2
[ ${#chosen[@]} -gt 0 ] || mapfile -t chosen < <(printf '%s\n' "${!places[@]}" | sort)

labels=()
for target in "${chosen[@]}"; do labels+=("//${places[$target]}:$target"); done
bazel build --config=asan-ubsan "${labels[@]}" </dev/null || exit 1
# The output folder of this configuration; bazel-bin may point to another one.
bin="$(bazel info --config=asan-ubsan bazel-bin 2>/dev/null)"

# The service must run for months: its parsers may not leak. A compiler's arenas live as long as its process.
declare -A leak_checked=([fuzz_service]=1 [fuzz_import]=1 [fuzz_record]=1 [fuzz_http]=1 [fuzz_worker]=1)
export UBSAN_OPTIONS=print_stacktrace=1
mkdir -p "$out"
status=0
for target in "${chosen[@]}"; do
  folder="${places[$target]}"
  grown="$out/${target}_corpus"
  length=(-max_total_time="$seconds")
  if [ "$seeds_only" -eq 1 ]; then
    grown="$(mktemp -d "$out/fresh.XXXXXX")"
    length=(-runs=0)
  fi
  mkdir -p "$grown"
  export ASAN_OPTIONS="detect_container_overflow=0:detect_leaks=${leak_checked[$target]:-0}"
  # The entropic schedule keeps a sorted list of features an input; with the 80,000 features of these programs most of
  # the time went there (primitives: 26 inputs a second with it, 100 without).
  options=("${length[@]}" -entropic=0 -timeout=25 -rss_limit_mb=3000 -max_len=20000 -artifact_prefix="$out/$target-")
  [ ! -f "$folder/$target.dict" ] || options+=(-dict="$folder/$target.dict")
  if "$bin/$folder/$target" "${options[@]}" "$grown" "$folder/seeds/$target" >"$out/$target.log" 2>&1; then
    say "$target: $(grep -E '^Done|^stat::number_of_executed_units' "$out/$target.log" | tail -1)"
  else
    say "$target: FINDING, see $out/$target.log"
    tail -25 "$out/$target.log" >&2
    status=1
  fi
  [ "$seeds_only" -eq 0 ] || rm -rf "$grown"
done
exit $status
