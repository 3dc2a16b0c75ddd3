#!/usr/bin/env bash
# Makes a worker bundle: one archive with hone-worker, hone and the shared libraries that they need, which runs on another
# distribution (glibc 2.36 or later) without root and with nothing installed.
# usage: deploy/package-worker.sh [--without-llvm] [--output FILE] [--with PROGRAM]...
#   --without-llvm   leave out the LLVM code generator: the worker builds for GPUs only, and the archive is a third as large
#   --output FILE    default: hone-worker.tar.xz, or hone-worker-gpu.tar.xz without LLVM
#   --with PROGRAM   a further program (a Bazel label) to put beside them, such as //bench:gpu_faults
# Unpack it anywhere: bin/hone-worker --server HOST:PORT --roles build,run --target nvidia/nvidia-h200
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

flags=() output="" extra=() llvm=1
while [ $# -gt 0 ]; do
  case "$1" in
    --without-llvm) llvm=0; flags+=(--define hone_llvm=off) ;;
    --output) output="${2:?deploy/package-worker.sh: --output needs a file}"; shift ;;
    --with) extra+=("${2:?deploy/package-worker.sh: --with needs a label}"); shift ;;
    -h | --help) sed -n '2,9s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) die "deploy/package-worker.sh: unknown option $1" 2 ;;
  esac
  shift
done
[ -n "$output" ] || output="hone-worker$([ "$llvm" -eq 1 ] || printf -- -gpu).tar.xz"
output="$(realpath -m "$output")"

cd "$hone_root"
programs=(//worker:hone-worker //client/cli:hone "${extra[@]}")
bazel build "${flags[@]}" "${programs[@]}" </dev/null >&2

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
name="$(basename "${output%.tar.xz}")"
mkdir -p "$work/$name/bin" "$work/$name/lib"
for label in "${programs[@]}"; do
  path="bazel-bin/${label#//}"
  install -m 755 "${path/://}" "$work/$name/bin/"
done
strip --strip-unneeded "$work/$name"/bin/* 2>/dev/null || true

# What every Linux has, and what has to fit its kernel and loader, stays behind.
ldd "$work/$name"/bin/* | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
  grep -Ev '/(libc|libm|libdl|librt|libpthread|libresolv|libanl|libutil|ld-linux[^/]*)\.so' |
  while read -r library; do
    install -m 644 "$(realpath "$library")" "$work/$name/lib/$(basename "$library")"
  done
strip --strip-unneeded "$work/$name"/lib/* 2>/dev/null || true
tar -C "$work" -c "$name" | xz -T0 -9 --memlimit-compress=2GiB > "$output"

bytes="$(stat -c %s "$output")"
limit=$((llvm == 1 ? 40000000 : 15000000))
say "$output: $bytes bytes, limit $limit"
[ "$bytes" -le "$limit" ] || die "the archive is too large" 1
