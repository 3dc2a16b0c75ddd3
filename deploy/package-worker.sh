#!/usr/bin/env bash
# Makes a worker bundle: one archive with hone-worker, hone and the shared libraries that they need, which runs on another
# distribution (x86-64, glibc 2.36 or later) without root and with nothing installed.
# usage: deploy/package-worker.sh [--without-llvm] [--output FILE] [--with PROGRAM]... [--built FOLDER]
#   --without-llvm   leave out the LLVM code generator: the worker builds for GPUs only, and the archive is half as large
#   --output FILE    FILE.tar.xz, or FILE.tar.gz for hosts without xz (a third larger, the limits do not hold);
#                    default: hone-worker.tar.xz, or hone-worker-gpu.tar.xz without LLVM
#   --with PROGRAM   a further program (a Bazel label) to put beside them, such as //bench:gpu_faults
#   --built FOLDER   pack what lies built in FOLDER (a bazel-bin) instead of building
# Unpack it anywhere: bin/hone-worker --server HOST:PORT --roles build,run
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

flags=() output="" extra=() llvm=1 built=""
while [ $# -gt 0 ]; do
  case "$1" in
    --without-llvm) llvm=0; flags+=(--define hone_llvm=off) ;;
    --output) output="${2:?deploy/package-worker.sh: --output needs a file}"; shift ;;
    --with) extra+=("${2:?deploy/package-worker.sh: --with needs a label}"); shift ;;
    --built) built="$(realpath "${2:?deploy/package-worker.sh: --built needs a folder}")"; shift ;;
    -h | --help) sed -n '2,11s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) die "deploy/package-worker.sh: unknown option $1" 2 ;;
  esac
  shift
done
[ -n "$output" ] || output="hone-worker$([ "$llvm" -eq 1 ] || printf -- -gpu).tar.xz"
case "$output" in
  *.tar.xz) compress=(xz -9e) limit=$((llvm == 1 ? 40000000 : 15000000)) ;;
  *.tar.gz) compress=(gzip -9) limit="" ;;
  *) die "deploy/package-worker.sh: --output $output: expected a name that ends in .tar.xz or .tar.gz" 2 ;;
esac
output="$(realpath -m "$output")"
mkdir -p "$(dirname "$output")"

programs=(//worker:hone-worker //client/cli:hone "${extra[@]}")
if [ -z "$built" ]; then
  cd "$hone_root"
  bazel build "${flags[@]}" "${programs[@]}" </dev/null >&2
  built="$(realpath bazel-bin)"
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
name="$(basename "$output")"
name="${name%.tar.*}"
mkdir -p "$work/$name/bin" "$work/$name/lib"
for label in "${programs[@]}"; do
  path="${label#//}"
  install -m 755 "$built/${path/://}" "$work/$name/bin/"
done

# Links the parts of LLVM that the programs call anew, from the archives, under the shared library's name: all of LLVM
# has 150 MB and wants ICU and Z3. What both the programs and LLVM define, such as the keys of templates, must be
# one object for both: it is exported too.
link_llvm() { # link_llvm LIBRARY OUTPUT PROGRAM...
  local library="$1" result="$2" prefix soname version archives
  shift 2
  prefix="$(dirname "$(dirname "$library")")"
  soname="$(basename "$library")"
  nm -D "$@" | awk 'NF > 1 { sub(/@.*/, "", $NF); print $NF }' | sort -u > "$work/ours"
  nm -D --defined-only "$library" | awk '{ print $NF }' > "$work/theirs"
  version="$(sed -n 's/.*@//p' "$work/theirs" | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')"
  sed 's/@.*//' "$work/theirs" | sort -u | comm -12 "$work/ours" - > "$work/wanted"
  archives="$("$prefix/bin/llvm-config" --link-static --libs x86 passes)"
  { echo "$version { global:"; sed 's/$/;/' "$work/wanted"; echo "local: *; };"; } > "$work/exports"
  g++ -shared -fuse-ld=lld -o "$result" -Wl,-soname,"$soname" -Wl,--gc-sections,-z,defs,-O2,--strip-all \
    -Wl,-Bsymbolic-functions -Wl,--version-script="$work/exports" $(sed 's/^/-Wl,-u,/' "$work/wanted") \
    -L"$prefix/lib" $archives -lrt -ldl -lm -lz -lzstd
}

# What every Linux has, and what has to fit its kernel and loader, stays behind.
needed() { # needed FILE...: the libraries to pack, one a line
  ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
    grep -Ev '/(libc|libm|libdl|librt|libpthread|libresolv|libanl|libutil|ld-linux[^/]*)\.so'
}

library="$(ldd "$work/$name/bin/hone-worker" | awk '$1 ~ /^libLLVM/ { print $3 }')"
if [ -n "$library" ]; then
  link_llvm "$library" "$work/$name/lib/$(basename "$library")" "$work/$name"/bin/*
fi
# With our LLVM in its place, the libraries that only the whole one needs are not found any more.
LD_LIBRARY_PATH="$work/$name/lib" needed "$work/$name"/bin/* > "$work/libraries"
while read -r library; do
  [ -e "$work/$name/lib/$(basename "$library")" ] ||
    install -m 644 "$(realpath "$library")" "$work/$name/lib/$(basename "$library")"
done < "$work/libraries"

# Licences of what is packed: LICENSE and THIRD_PARTY.md are ours, the rest is what Debian keeps of each package.
package_of() { # package_of FILE: the package that owns it, under the name of either side of /usr
  { dpkg-query -S "$1" || dpkg-query -S "${1#/usr}" || dpkg-query -S "/usr$1"; } 2>/dev/null | head -n 1 | sed 's/[:,].*//' || true
}
doc="$work/$name/share/doc"
install -D -m 644 -t "$doc/hone" "$hone_root/LICENSE" "$hone_root/THIRD_PARTY.md"
{
  while read -r library; do
    owner="$(package_of "$(realpath "$library")")"
    [ -n "$owner" ] || [[ "$library" == "$work"/* ]] || die "$library: no package owns it, so its licence is not known" 1
    printf '%s\n' "$owner"
  done < "$work/libraries"
  # Compiled in: headers, and the archives of LLVM and what it calls.
  printf '%s\n' libcli11-dev libeigen3-dev nlohmann-json3-dev
  [ "$llvm" -eq 0 ] || printf '%s\n' llvm-22-dev zlib1g-dev libzstd-dev
} | sort -u | while read -r package; do
  [ -z "$package" ] || install -D -m 644 "/usr/share/doc/$package/copyright" "$doc/$package/copyright"
done
# Debian's texts leave long licences to files that other hosts lack.
grep -rhoE '/usr/share/common-licenses/[A-Za-z0-9.-]+[A-Za-z0-9]' "$doc" | sort -u | while read -r licence; do
  [ ! -f "$licence" ] || install -D -m 644 -t "$doc/common-licenses" "$licence"
done

strip --strip-unneeded "$work/$name"/bin/* "$work/$name"/lib/*
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -c "$name" | "${compress[@]}" > "$output"

bytes="$(stat -c %s "$output")"
say "$output: $bytes bytes${limit:+, limit $limit}"
[ -z "$limit" ] || [ "$bytes" -le "$limit" ] || die "the archive is too large" 1
