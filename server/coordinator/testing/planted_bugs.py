"""Writes copies of the coordinator's sources with bugs in them, each behind a number; nothing of this is in production.

usage: planted_bugs.py OUT_DIR SOURCE...     also writes OUT_DIR/planted_bugs.inc, the names in order.
A bug is a text of a source and what stands in its place; HONE_PLANTED(n) is true when bug n is on. A text that is not
found exactly once fails the build: the table follows the sources.
"""
import pathlib
import re
import sys

# (name, file, text, text with the bug; B is the condition)
BUGS = [
    ("an outcome is acknowledged before it is stored", "leases.cc", "  actions_.push_back(std::move(save));",
     "  actions_.push_back(std::move(save));\n  if (B) actions_.push_back(SendAck{lease.worker, {lease.token.lease}});"),
    ("a repeated outcome is acknowledged while it is being stored", "leases.cc", "saving_leases_.contains(token.lease)) return;",
     "saving_leases_.contains(token.lease) && !B) return;"),
    ("a late outcome is never acknowledged", "leases.cc", "  ++counts_.late;", "  ++counts_.late;\n  if (B) return;"),
    ("the fence does not look at the lease's worker and token", "leases.cc", "it->second.token == token && it->second.worker == worker;",
     "(B || (it->second.token == token && it->second.worker == worker));"),
    ("a lost lease is not given out again", "leases.cc", "    job->run->Requeue(lease.ref, rebuild);", "    if (!B) job->run->Requeue(lease.ref, rebuild);"),
    ("a lost lease is given out again though another worker has it", "leases.cc",
     "if (job->holders.contains(lease.ref)) return;", "if (job->holders.contains(lease.ref) && !B) return;"),
    ("attempts are not counted", "leases.cc", "  ++(charge ? slot.attempts : slot.returns);", "  if (!B) ++(charge ? slot.attempts : slot.returns);"),
    ("a dropped artifact is not built again", "leases.cc", "Requeue(lease.ref, rebuild);", "Requeue(lease.ref, rebuild && !B);"),
    ("the copies of a straggler go on after its outcome", "leases.cc", "  auto held = job.holders.find(lease.ref);\n  if (held == job.holders.end()) return;",
     "  auto held = job.holders.find(lease.ref);\n  if (held == job.holders.end() || B) return;"),
    ("a worker's lease is ended and its slot stays taken", "leases.cc", "    --worker->busy[static_cast<int>(lease.role)];",
     "    if (!B) --worker->busy[static_cast<int>(lease.role)];"),
    ("a quarantined slot is forgotten", "leases.cc", "  ++counts_.quarantined_slots;", "  ++counts_.quarantined_slots;\n  if (B) return;"),
    ("a silent worker keeps its leases", "coordinator.cc", '      LoseAll(worker, "its worker fell silent");',
     '      if (!B) LoseAll(worker, "its worker fell silent");'),
    ("leases have no deadline", "coordinator.cc", "if (lease.deadline <= now_) overdue", "if (!B && lease.deadline <= now_) overdue"),
    ("the end of a job leaves its leases", "coordinator.cc", "    if (lease.job_id == id) mine.push_back(lease_id);",
     "    if (lease.job_id == id && !B) mine.push_back(lease_id);"),
    ("leases follow the clock on the wall", "coordinator.cc", "  now_ = time_.Read(wall);", "  now_ = B ? wall : time_.Read(wall);"),
    ("a worker that comes back after silence stays out", "coordinator.cc", "  worker->connected = true;\n", "  if (!B) worker->connected = true;\n"),
    ("leases carry the first leader's epoch", "dispatch.cc", "  lease.token = {id, 1, options_.leader_epoch};",
     "  lease.token = {id, 1, B ? 1 : options_.leader_epoch};"),
    ("a paused job goes on", "dispatch.cc", "if (job->run->state() != JobState::kRunning ||", "if ((job->run->state() != JobState::kRunning && !B) ||"),
    ("a draining worker gets leases", "workers.cc", "worker.connected && !worker.draining &&", "worker.connected && (!worker.draining || B) &&"),
    ("a worker gets one lease more than it has slots", "workers.cc", "worker.busy[role] < worker.info.slots[role];",
     "worker.busy[role] < worker.info.slots[role] + (B ? 1 : 0);"),
    ("a device works while its canary is owed", "workers.cc", "is_free && !worker.health.WantsCanary(now);",
     "is_free && (B || !worker.health.WantsCanary(now));"),
    ("the search of a round does not wait for the one before the last", "job_run.cc", "static_cast<int>(first_open_) + 1 < sequence",
     "static_cast<int>(first_open_) + (B ? 2 : 1) < sequence"),
    ("the task of a round depends on results that may not be there", "job_run.cc", "Histories(sequence - 2), last", "Histories(sequence - (B ? 1 : 2)), last"),
    ("a round is not cut to what is left of the budget", "job_run.cc", "  if (static_cast<int64_t>(round.candidates.size()) > left)",
     "  if (static_cast<int64_t>(round.candidates.size()) > left && !B)"),
    ("stored outcomes are not restored", "job_run.cc", "  if (!ref || slot(*ref).stage != SlotStage::kQueuedBuild) return;",
     "  if (B || !ref || slot(*ref).stage != SlotStage::kQueuedBuild) return;"),
    ("a job is done while slots are open", "job_run.cc", "  if (open_slots_ > 0) return false;", "  if (open_slots_ > (B ? 2 : 0)) return false;"),
    ("a slot given back is queued twice", "job_run.cc", "  (build ? task.build_queue : task.run_queue).push_front(ref);",
     "  (build ? task.build_queue : task.run_queue).push_front(ref);\n  if (B) (build ? task.build_queue : task.run_queue).push_front(ref);"),
]
HEAD = "namespace hone {\nextern int planted_bug;\n}\n#define HONE_PLANTED(n) (::hone::planted_bug == (n))\n"


def main():
    out = pathlib.Path(sys.argv[1])
    texts = {pathlib.Path(p).name: pathlib.Path(p).read_text() for p in sys.argv[2:]}
    for number, (name, file, before, after) in enumerate(BUGS, 1):
        found = texts[file].count(before)
        if found != 1:
            sys.exit(f"planted bug {number} ({name}): {file} has its text {found} times, expected once:\n{before}")
        texts[file] = texts[file].replace(before, re.sub(r"\bB\b", f"HONE_PLANTED({number})", after))
    for file, text in texts.items():
        (out / file).write_text(HEAD + text)
    (out / "planted_bugs.inc").write_text("".join(f'"{name}",\n' for name, *_ in BUGS))


main()
