#include "worker/runner/candidate_process.h"

#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/time/clock.h"
#include "common/support/strings.h"
#include "worker/runner/crash_report.h"

namespace hone::runner {
namespace {

uint64_t RandomSeed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != static_cast<ssize_t>(sizeof(seed))) {
    seed = static_cast<uint64_t>(absl::GetCurrentTimeNanos());
  }
  return seed;
}

absl::StatusOr<std::shared_ptr<SharedFile>> WriteJob(const CandidateOptions& options) {
  JobHeader header = {};
  const uint64_t args_bytes = options.args.size() * sizeof(WireArg);
  header.object_offset = sizeof(JobHeader) + args_bytes;
  header.object_bytes = options.object.size();
  header.inputs_bytes = options.inputs->bytes();
  header.shared_bytes = options.shared->bytes();
  header.memory_bytes = options.memory_bytes;
  const absl::Duration left = options.deadline - absl::Now();
  header.cpu_seconds =
      static_cast<uint32_t>((absl::ToDoubleSeconds(left) + 2) * static_cast<double>(options.cpus.size())) + 1;
  header.num_args = static_cast<uint32_t>(options.args.size());
  header.num_threads = static_cast<uint32_t>(options.cpus.size());
  header.pin = options.pin ? 1 : 0;
  std::copy(options.cpus.begin(), options.cpus.end(), header.cpus);
  std::strncpy(header.entry, options.entry.c_str(), sizeof(header.entry) - 1);
  absl::StatusOr<std::shared_ptr<SharedFile>> job = SharedFile::Create(header.object_offset + header.object_bytes);
  if (!job.ok()) return job;
  std::memcpy((*job)->data(), &header, sizeof(header));
  std::memcpy((*job)->data() + sizeof(header), options.args.data(), args_bytes);
  std::memcpy((*job)->data() + header.object_offset, options.object.data(), options.object.size());
  return job;
}

Failure DeviceLost(const absl::Status& status) { return {FailureKind::kDeviceLost, std::string(status.message())}; }

}  // namespace

CandidateProcess::CandidateProcess(Zygote& zygote, CandidateOptions options)
    : zygote_(zygote), options_(std::move(options)), deadline_(options_.deadline), nonces_({RandomSeed()}) {}

std::optional<Failure> CandidateProcess::Open(Zygote& zygote, CandidateOptions options,
                                              std::unique_ptr<CandidateProcess>* candidate) {
  if (options.entry.size() >= sizeof(JobHeader::entry)) {
    return Failure{FailureKind::kRun, StrCat("the entry's name has ", options.entry.size(),
                                             " characters, expected fewer than ", sizeof(JobHeader::entry))};
  }
  if (options.cpus.empty() || options.cpus.size() > kMaxCpus) {
    return Failure{FailureKind::kRun, StrCat(options.cpus.size(), " measuring CPUs, expected 1 to ", kMaxCpus)};
  }
  std::unique_ptr<CandidateProcess> process(new CandidateProcess(zygote, std::move(options)));
  if (std::optional<Failure> failure = process->Load()) return failure;
  *candidate = std::move(process);
  return std::nullopt;
}

std::optional<Failure> CandidateProcess::Load() {
  const absl::StatusOr<std::shared_ptr<SharedFile>> job = WriteJob(options_);
  if (!job.ok()) return DeviceLost(job.status());
  std::memset(options_.shared->data(), 0, sizeof(FaultNote));
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
    return DeviceLost(absl::UnavailableError(StrCat("socketpair: ", std::strerror(errno))));
  }
  socket_ = sockets[0];
  const int fds[kSpawnFds] = {sockets[1], (*job)->fd(), options_.inputs->fd(), options_.fresh_inputs->fd(),
                              options_.shared->fd()};
  const absl::StatusOr<uint64_t> number = zygote_.Spawn(fds);
  close(sockets[1]);
  if (!number.ok()) return DeviceLost(number.status());
  number_ = *number;
  alive_ = true;
  Reply ready;
  if (std::optional<Failure> failure = Await(&ready)) return failure;
  const std::string text(ready.text, strnlen(ready.text, sizeof(ready.text)));
  if (ready.type == ReplyType::kLoadError) return Kill(FailureKind::kRun, text);
  if (ready.type != ReplyType::kReady)
    return Kill(FailureKind::kCrash, "the candidate broke its protocol while loading");
  layers_ = text;
  return std::nullopt;
}

CandidateProcess::~CandidateProcess() {
  if (socket_ >= 0) close(socket_);
  if (alive_) zygote_.KillAndReap(number_).IgnoreError();
}

FaultNote CandidateProcess::Note() const {
  FaultNote note;
  std::memcpy(&note, options_.shared->data(), sizeof(note));
  return note;
}

std::optional<Failure> CandidateProcess::Kill(FailureKind kind, std::string message) {
  alive_ = false;
  zygote_.KillAndReap(number_).IgnoreError();
  return Failure{kind, std::move(message)};
}

std::optional<Failure> CandidateProcess::Died() {
  alive_ = false;
  absl::StatusOr<ProcessEnd> end = zygote_.Reap(number_, absl::Now() + absl::Seconds(2));
  if (absl::IsDeadlineExceeded(end.status())) end = zygote_.KillAndReap(number_);
  if (!end.ok()) return DeviceLost(end.status());
  return DescribeCrash(*end, Note());
}

std::optional<Failure> CandidateProcess::TimedOut() {
  return Kill(FailureKind::kRunTimeout, "the run did not end in time and was killed");
}

std::optional<Failure> CandidateProcess::Await(Reply* reply) {
  while (true) {
    const absl::Duration left = deadline_ - absl::Now();
    if (left <= absl::ZeroDuration()) return TimedOut();
    struct pollfd fd = {socket_, POLLIN, 0};
    const int ready = poll(&fd, 1, static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60'000)));
    if (ready <= 0) continue;
    const ssize_t got = recv(socket_, reply, sizeof(*reply), MSG_DONTWAIT);
    if (got == static_cast<ssize_t>(sizeof(*reply))) return std::nullopt;
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got > 0) return Kill(FailureKind::kCrash, "the kernel wrote to the runner's socket");
    return Died();
  }
}

std::optional<Failure> CandidateProcess::Execute(Op op, uint64_t argument, const Timing& timing, Reply* reply,
                                                 absl::Duration* wall) {
  Command command = {};
  command.nonce = nonces_.Next();
  command.op = op;
  command.flush = timing.flush ? 1 : 0;
  command.argument = argument;
  command.probe = timing.probe ? 1 : 0;
  command.slices = timing.slices;
  command.warm_calls = timing.warm_calls;
  const int64_t start = absl::GetCurrentTimeNanos();
  if (send(socket_, &command, sizeof(command), MSG_NOSIGNAL) < 0) return Died();
  if (std::optional<Failure> failure = Await(reply)) return failure;
  if (wall != nullptr) *wall = absl::Nanoseconds(absl::GetCurrentTimeNanos() - start);
  if (reply->nonce != command.nonce || reply->type != ReplyType::kDone) {
    return Kill(FailureKind::kCrash, "the kernel forged an answer to the runner");
  }
  if (reply->return_code != 0) {
    std::string message = StrCat("the kernel returned ", reply->return_code, ", expected 0");
    const uint64_t refused = Note().refused_bytes;
    if (refused > 0) StrAppend(&message, "; an allocation of ", refused, " bytes was refused by the memory limit");
    return Kill(FailureKind::kRun, std::move(message));
  }
  if (reply->damaged_buffer >= 0 && static_cast<size_t>(reply->damaged_buffer) < options_.args.size()) {
    const int parameter = reply->damaged_buffer;
    return Kill(FailureKind::kCrash,
                StrCat("the kernel wrote out of bounds, ",
                       DescribePlace(parameter, reply->damaged_offset, options_.args[parameter].bytes)));
  }
  return std::nullopt;
}

std::optional<Failure> CandidateProcess::Check(int set) {
  Reply reply;
  return Execute(Op::kCheck, static_cast<uint64_t>(set), {}, &reply, nullptr);
}

std::optional<Failure> CandidateProcess::Run(uint64_t calls, const Timing& timing, Reply* reply, absl::Duration* wall) {
  return Execute(Op::kRun, calls, timing, reply, wall);
}

std::optional<Failure> CandidateProcess::Poison() {
  Reply reply;
  return Execute(Op::kPoison, 0, {}, &reply, nullptr);
}

std::optional<Failure> CandidateProcess::CpuTime(absl::Duration* cpu) {
  const absl::StatusOr<absl::Duration> got = zygote_.CpuTime(number_);
  if (!got.ok()) return Died();
  *cpu = *got;
  return std::nullopt;
}

std::optional<Failure> CandidateProcess::Collect() {
  Reply reply;
  return Execute(Op::kCollect, 0, {}, &reply, nullptr);
}

std::optional<Failure> CandidateProcess::ProbeGhz(double* ghz) {
  Reply reply;
  if (std::optional<Failure> failure = Execute(Op::kProbe, 0, {}, &reply, nullptr)) return failure;
  *ghz = reply.ghz;
  return std::nullopt;
}

const uint8_t* CandidateProcess::Contents(size_t i) const {
  return options_.shared->data() + kPageBytes + options_.args[i].offset;
}

}  // namespace hone::runner
