# Shared by the scripts of this folder; sourced, never run. Bash.

hone_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '%s\n' "$*" >&2; }
die() { say "$1"; exit "${2:-1}"; }

# Bazel and the disk cache need a home folder that can be written.
if [ -z "${HOME:-}" ] || [ ! -w "$HOME" ]; then
  export HOME="${TMPDIR:-/tmp}/hone-home-$(id -u)"
  mkdir -p "$HOME"
fi
export LC_ALL=C.UTF-8

# Prints the packages of deploy/packages.txt that are not installed.
missing_packages() {
  local name
  sed 's/#.*//' "$hone_root/deploy/packages.txt" | while read -r name; do
    [ -n "$name" ] || continue
    dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || printf '%s\n' "$name"
  done
}

# Installs what is missing as root or through sudo; exits 2 with the line to run where neither is possible.
install_packages() {
  command -v dpkg-query >/dev/null || { say "not a Debian system: install the equivalents of deploy/packages.txt yourself"; return 0; }
  local missing
  missing="$(missing_packages | tr '\n' ' ')"
  [ -n "$missing" ] || return 0
  local become=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
      become=(sudo)
    else
      say "Packages are missing and installing them needs root. Run this, then start again:"
      say "  apt-get install -y --no-install-recommends $missing"
      exit 2
    fi
  fi
  say "installing: $missing"
  # shellcheck disable=SC2086  # One word a package is the point.
  "${become[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
    'apt-get update -q && exec apt-get install -y -q --no-install-recommends "$@"' install $missing </dev/null >&2 ||
    die "apt-get could not install: $missing" 1
}
