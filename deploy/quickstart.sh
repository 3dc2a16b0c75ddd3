#!/usr/bin/env bash
# Tunes the programs of examples/ on this machine through the real services: a private PostgreSQL cluster, hone-server, a
# build worker and a run worker, each a process of its own. Ends with a table, asks the record service for the best
# record of each program, and stops everything that it started.
# usage: deploy/quickstart.sh [--trials N] [--no-build] [--keep] [FILE...]
#   --trials N   candidates for each program (default 64)
#   --no-build   use the binaries that are there, or those in $HONE_BIN_DIR
#   --keep       leave the folder with logs and database behind
# Exit status: 0 done, 1 failed, 2 usage or missing packages, 130 interrupted.
set -uo pipefail
invoked_from="$PWD"
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

trials=64 build=1 keep=0
files=()
while [ $# -gt 0 ]; do
  case "$1" in
    --trials) [ $# -gt 1 ] || die "deploy/quickstart.sh: --trials needs a number" 2; trials="$2"; shift ;;
    --no-build) build=0 ;;
    --keep) keep=1 ;;
    -h | --help) sed -n '2,9s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) die "deploy/quickstart.sh: unknown option $1" 2 ;;
    *)
      file="$(cd "$invoked_from" && realpath -e "$1" 2>/dev/null)" || die "deploy/quickstart.sh: there is no file $1" 2
      files+=("$file")
      ;;
  esac
  shift
done
case "$trials" in '' | *[!0-9]* | 0) die "deploy/quickstart.sh: --trials $trials is not a positive number" 2 ;; esac

cd "$hone_root" || exit 1
[ ${#files[@]} -gt 0 ] || files=("$hone_root"/examples/{matmul,conv2d_nhwc,softmax,matmul_bias_relu}.py)
binaries=(//client/cli:hone //server:hone-server //worker:hone-worker //bench:limits //bench:peers)
if [ "$build" -eq 1 ]; then
  install_packages
  say "building (the first time takes minutes)"
  bazel build "${binaries[@]}" </dev/null || die "the build failed" 1
fi

# The path of a binary: below bazel-bin, or flat in $HONE_BIN_DIR.
binary() {
  local label="${1#//}"
  if [ -n "${HONE_BIN_DIR:-}" ]; then printf '%s/%s' "$HONE_BIN_DIR" "${label##*:}"; else printf 'bazel-bin/%s' "${label/://}"; fi
}
hone="$(binary //client/cli:hone)"
for label in "${binaries[@]}"; do
  [ -x "$(binary "$label")" ] || die "$(binary "$label") is missing: run without --no-build" 1
done

# Unix socket paths are short: the folder goes below /tmp.
work="$(mktemp -d /tmp/hone-qs.XXXXXX)" || exit 1
chmod 711 "$work"
processes=()   # Everything that was started, in order.
postgres_up=0

# Runs PostgreSQL's programs as somebody who is not root: they refuse to run as root.
postgres_bin=/usr/lib/postgresql/15/bin
as_postgres() {
  if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi
}

stop_all() {
  local status=$? pid i
  trap '' INT TERM
  trap - EXIT
  for ((i = ${#processes[@]} - 1; i >= 0; i--)); do kill -TERM "${processes[i]}" 2>/dev/null; done
  for pid in "${processes[@]}"; do
    for ((i = 0; i < 100; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  if [ "$postgres_up" -eq 1 ]; then
    (cd / && as_postgres "$postgres_bin/pg_ctl" -D "$work/pg/data" -m fast -w stop >/dev/null 2>&1)
  fi
  if [ "$keep" -eq 1 ]; then say "kept: $work"; else rm -rf "$work"; fi
  exit "$status"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# Starts a program in the background with its output in $work/NAME.log; its process id is in $started.
start() {
  local name="$1"
  shift
  "$@" </dev/null >"$work/$name.log" 2>&1 &
  started=$!
  processes+=("$started")
}
# Fails with the end of the log.
failed() {
  say "$1; the end of its log:"
  tail -n 20 "$work/$2.log" >&2
  exit 1
}
# Waits up to 30 s until a command succeeds while process $3 lives.
wait_for() {
  local what="$1" log="$2" pid="$3" i
  shift 3
  for ((i = 0; i < 150; i++)); do
    "$@" >/dev/null 2>&1 && return 0
    kill -0 "$pid" 2>/dev/null || failed "$what ended" "$log"
    sleep 0.2
  done
  failed "$what is not ready after 30 s" "$log"
}

say "starting PostgreSQL, hone-server and two workers in $work"
mkdir "$work/pg"
[ "$(id -u)" -ne 0 ] || chown postgres: "$work/pg"
chmod 700 "$work/pg"
touch "$work/postgres.log"
(cd / && as_postgres "$postgres_bin/initdb" -D "$work/pg/data" -U hone -A trust -E UTF8 --locale=C.UTF-8 --no-instructions) \
  >"$work/postgres.log" 2>&1 || failed "initdb" postgres
postgres_up=1
(cd / && as_postgres "$postgres_bin/pg_ctl" -D "$work/pg/data" -l "$work/pg/log" -w -t 60 \
  -o "-c listen_addresses='' -c unix_socket_directories='$work/pg'" start) >>"$work/postgres.log" 2>&1 || {
  cat "$work/pg/log" >>"$work/postgres.log" 2>/dev/null
  failed "PostgreSQL did not start" postgres
}
database="postgresql:///postgres?host=$work/pg&user=hone"

# Limits are measured before and after tuning; the table takes the larger, since a disturbance only lowers them.
measure_limits() {
  "$(binary //bench:limits)" --json >>"$work/limits.jsonl" 2>"$work/limits.log" || failed "limits" limits
}
measure_limits

export HONE_SERVER="unix:$work/server.sock"
start server "$(binary //server:hone-server)" --listen "$HONE_SERVER" --database "$database"
wait_for hone-server server "$started" "$hone" workers list
start build-worker "$(binary //worker:hone-worker)" --roles build --name quickstart-build
build_worker="$started"
start run-worker "$(binary //worker:hone-worker)" --roles run --name quickstart-run
run_worker="$started"
workers_ready() { "$hone" workers list | grep -q quickstart-build && "$hone" workers list | grep -q quickstart-run; }
wait_for "the build worker" build-worker "$build_worker" workers_ready
kill -0 "$run_worker" 2>/dev/null || failed "the run worker ended" run-worker

target="$("$hone" doctor --json | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["target"]))')"
say "tuning ${#files[@]} programs, $trials trials each, for $target"
start_secs=$SECONDS
"$hone" tune "${files[@]}" --target "$target" --max-trials $((trials * ${#files[@]})) --max-trials-per-task "$trials" \
  --trials-per-iter $((trials < 16 ? trials : 16)) --detach --json >"$work/submitted.json" || exit $?
job="$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["id"])' "$work/submitted.json")" || exit 1
"$hone" jobs watch "$job" </dev/null >"$work/summary.txt" || { cat "$work/summary.txt"; exit 1; }
"$hone" jobs show "$job" --json >"$work/job.json" || exit 1
"$hone" records top "$job" --json >"$work/records.json" || exit 1
say "tuned in $((SECONDS - start_secs)) s; measuring what this machine can do at best and what libraries reach"

# On a quiet machine.
kill -TERM "$run_worker" "$build_worker"
wait "$run_worker" "$build_worker" 2>/dev/null
for _ in 1 2 3; do measure_limits; done
mapfile -t specs < <(sed -n 's/^# The same work for bench\/peers: //p' "${files[@]}")
if [ ${#specs[@]} -gt 0 ]; then
  "$(binary //bench:peers)" --json "${specs[@]}" >"$work/peers.json" 2>"$work/peers.log" || failed "peers" peers
else
  echo '[]' >"$work/peers.json"
fi

echo
python3 deploy/quickstart_table.py "$work/job.json" "$work/records.json" "$work/limits.jsonl" "$work/peers.json" \
  "${files[@]}" || exit 1
echo
echo "best verified records, from the record service:"
"$hone" records top "$job" || exit 1
