#!/bin/sh
# Builds the libFuzzer targets with clang, ASan and UBSan, and runs each over its seeds.
# usage: deploy/fuzz.sh [SECONDS_EACH] [OUTPUT_FOLDER]
# Findings stay in OUTPUT_FOLDER (default .fuzz) as crash-*; the grown corpora in OUTPUT_FOLDER/<target>.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
out=${2:-.fuzz}
clang=${CLANGXX:-clang++}
mkdir -p "$out/obj"

sources() {
  ls common/script/*.cc common/ir/*.cc common/arith/*.cc common/support/strings.cc common/support/sha256.cc \
    common/support/check.cc common/support/log.cc common/support/clock.cc 2>/dev/null | grep -v -e _test.cc -e workload_codec.cc -e _benchmark.cc -e _bench.cc
}
flags="-std=c++20 -g1 -O1 -I. -fsanitize=address,undefined -fno-sanitize-recover=undefined -fsanitize=fuzzer-no-link -Wno-everything"
# Objects are older than the newest header: all are compiled again.
newest=$(ls -t common/*/*.h common/ir/testing/*.h | head -1)
[ ! -e "$out/headers" ] || [ "$newest" -ot "$out/headers" ] || rm -f "$out"/obj/*.o
touch "$out/headers"
objects=""
for source in $(sources); do
  object="$out/obj/$(echo "$source" | tr / _).o"
  objects="$objects $object"
  if [ ! -e "$object" ] || [ "$source" -nt "$object" ]; then
    echo "compiling $source" >&2
    $clang $flags -c "$source" -o "$object"
  fi
done
libraries="-labsl_statusor -labsl_status -labsl_cord -labsl_cordz_info -labsl_cord_internal -labsl_cordz_functions
  -labsl_cordz_handle -labsl_bad_optional_access -labsl_bad_variant_access -labsl_str_format_internal -labsl_strerror
  -labsl_hash -labsl_city -labsl_low_level_hash -labsl_raw_hash_set -labsl_hashtablez_sampler -labsl_exponential_biased
  -labsl_synchronization -labsl_graphcycles_internal -labsl_stacktrace -labsl_symbolize -labsl_malloc_internal
  -labsl_debugging_internal -labsl_demangle_internal -labsl_time -labsl_civil_time -labsl_time_zone -labsl_strings
  -labsl_strings_internal -labsl_int128 -labsl_throw_delegate -labsl_base -labsl_spinlock_wait -labsl_raw_logging_internal
  -labsl_log_severity -lcrypto -lpthread"

status=0
for target in fuzz_parser fuzz_graph; do
  $clang $flags -fsanitize=fuzzer "common/script/testing/$target.cc" $objects $libraries -o "$out/$target"
  mkdir -p "$out/${target}_corpus"
  "$out/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -max_len=20000 -artifact_prefix="$out/" \
    -dict=common/script/testing/script.dict "$out/${target}_corpus" "common/script/testing/seeds/$target" \
    >"$out/$target.log" 2>&1 || status=1
  tail -3 "$out/$target.log"
done
exit $status
