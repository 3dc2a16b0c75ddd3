#include "worker/runner/candidate.h"

#include <alloca.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "worker/runner/elf_loader.h"
#include "worker/runner/guarded_buffers.h"
#include "worker/runner/probes.h"
#include "worker/runner/sandbox.h"
#include "worker/runner/symbols.h"
#include "worker/runner/wire.h"

namespace hone::runner {
namespace {

using Kernel = int32_t (*)(void** buffers);

// Of this process; read by the fault handlers.
GuardedBuffers* g_buffers = nullptr;
FaultNote* g_note = nullptr;

uint64_t Now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

void OnFault(int signal, siginfo_t* info, void* context) {
  g_note->signal = signal;
  g_note->refused_bytes = RefusedAllocationBytes();
  if (signal == SIGSYS) {
    g_note->syscall = info->si_syscall;
  } else {
    g_note->address = reinterpret_cast<uint64_t>(info->si_addr);
    const auto* registers = static_cast<ucontext_t*>(context);
    g_note->is_write = (registers->uc_mcontext.gregs[REG_ERR] & 2) != 0;
    g_note->buffer = g_buffers->Nearest(g_note->address, &g_note->buffer_offset);
  }
  _exit(kFaultExitBase + signal);
}

// The handlers run on a stack of their own: a kernel may have used up the ordinary one.
void InstallFaultHandlers() {
  constexpr size_t kStackBytes = 64 << 10;
  stack_t stack = {};
  stack.ss_sp = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack.ss_size = kStackBytes;
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = OnFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS}) sigaction(signal, &action, nullptr);
}

const uint8_t* MapRead(int fd, uint64_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<const uint8_t*>(memory);
}

// Leaves poison on the stack that the kernel is about to use, so that reading what was never written shows.
__attribute__((noinline)) void PoisonStack() {
  constexpr size_t kBytes = 512 << 10;
  void* memory = alloca(kBytes);
  std::memset(memory, kPoisonByte, kBytes);
  __asm__ volatile("" : : "r"(memory) : "memory");
}

class Candidate {
 public:
  explicit Candidate(const int* fds) : socket_(fds[kSpawnSocket]) {
    job_ = MapRead(fds[kSpawnJob], sizeof(JobHeader));
    std::memcpy(&header_, job_, sizeof(header_));
    job_ = MapRead(fds[kSpawnJob], header_.object_offset + header_.object_bytes);
    inputs_[0] = MapRead(fds[kSpawnInputs], header_.inputs_bytes);
    inputs_[1] = MapRead(fds[kSpawnFreshInputs], header_.inputs_bytes);
    void* shared = mmap(nullptr, header_.shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds[kSpawnShared], 0);
    shared_ = shared == MAP_FAILED ? nullptr : static_cast<uint8_t*>(shared);
    for (int i = kSpawnJob; i < kSpawnFds; ++i) close(fds[i]);
  }

  // Empty, or what went wrong.
  std::string Prepare() {
    if (job_ == nullptr || shared_ == nullptr) return "the job could not be mapped";
    g_note = reinterpret_cast<FaultNote*>(shared_);
    g_buffers = &buffers_;
    const auto* args = reinterpret_cast<const WireArg*>(job_ + sizeof(JobHeader));
    if (!buffers_.Map(args, header_.num_args)) return "no memory for the buffers";
    InstallFaultHandlers();
    StartThreadPool({header_.num_threads, header_.pin != 0, header_.cpus});
    for (const std::string& layer : ApplyLimits(ComputeLimits())) AddLayer(layer);
    if (InstallSeccomp(socket_)) AddLayer("seccomp");
    // From here on nothing that the object holds can do more than compute.
    const std::string_view object(reinterpret_cast<const char*>(job_) + header_.object_offset, header_.object_bytes);
    LoadedObject loaded;
    std::string error = LoadElfObject(object, header_.entry, ResolveKernelSymbol, &loaded);
    kernel_ = reinterpret_cast<Kernel>(loaded.entry);
    return error;
  }

  void SendReady() { SendText(ReplyType::kReady, layers_); }
  void SendText(ReplyType type, const std::string& text) {
    Reply reply = {};
    reply.type = type;
    std::strncpy(reply.text, text.c_str(), sizeof(reply.text) - 1);
    SandboxedSend(socket_, &reply, sizeof(reply));
  }

  // Serves commands until the runner closes the socket.
  void Serve() {
    Command command;
    while (SandboxedReceive(socket_, &command, sizeof(command)) == static_cast<int64_t>(sizeof(command))) {
      Reply reply = {};
      reply.nonce = command.nonce;
      reply.type = ReplyType::kDone;
      reply.damaged_buffer = -1;
      Execute(command, &reply);
      SandboxedSend(socket_, &reply, sizeof(reply));
    }
  }

 private:
  Limits ComputeLimits() const {
    uint64_t buffers = 0;
    for (size_t i = 0; i < header_.num_args; ++i) {
      buffers += reinterpret_cast<const WireArg*>(job_ + sizeof(JobHeader))[i].bytes + (uint64_t{4} << 20);
    }
    // What is mapped already: code and libraries, stacks and heap reservations of the threads, files, buffers.
    constexpr uint64_t kProcess = uint64_t{256} << 20;
    constexpr uint64_t kThread = uint64_t{160} << 20;
    Limits limits;
    limits.address_space_bytes = header_.memory_bytes + kProcess + kThread * header_.num_threads + buffers +
                                 2 * header_.inputs_bytes + header_.shared_bytes + 4 * header_.object_bytes;
    limits.cpu_seconds = header_.cpu_seconds;
    limits.threads = header_.num_threads + 64;
    return limits;
  }

  void AddLayer(const std::string& layer) { layers_ += layers_.empty() ? layer : "," + layer; }

  void Execute(const Command& command, Reply* reply) {
    switch (command.op) {
      case Op::kCheck:
        buffers_.Fill(inputs_[command.argument & 1]);
        SetPoisonAllocations(true);
        PoisonStack();
        reply->return_code = kernel_(buffers_.data());
        SetPoisonAllocations(false);
        Collect(reply);
        break;
      case Op::kRun:
        Time(command, reply);
        break;
      case Op::kPoison:
        buffers_.Poison();
        break;
      case Op::kCollect:
        Collect(reply);
        break;
      case Op::kProbe:
        reply->ghz = ProbeGhz();
        break;
    }
  }

  void Collect(Reply* reply) {
    if (!buffers_.FindDamage(&reply->damaged_buffer, &reply->damaged_offset)) reply->damaged_buffer = -1;
    g_note->refused_bytes = RefusedAllocationBytes();
    buffers_.CopyTo(shared_ + kPageBytes);
  }

  void Time(const Command& command, Reply* reply) {
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    reply->cpu_before = sched_getcpu();
    // The probe behind one sample stands before the next.
    constexpr uint64_t kStillFresh = 20'000'000;
    if (command.probe != 0 && (probed_at_ == 0 || Now(CLOCK_MONOTONIC) - probed_at_ > kStillFresh)) Probe();
    const double ghz_before = ghz_;
    const uint64_t cache_before = cache_ns_;
    const uint64_t cpu_start = Now(CLOCK_THREAD_CPUTIME_ID);
    const uint64_t wall_start = Now(CLOCK_MONOTONIC);
    if (command.flush != 0) {
      TimeFlushed(command, reply);
    } else {
      TimeSlices(command, reply);
    }
    reply->elapsed_ns = Now(CLOCK_MONOTONIC) - wall_start;
    reply->thread_cpu_ns = Now(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
    reply->cpu_after = sched_getcpu();
    if (command.probe != 0) {
      Probe();
      reply->cache_ns = std::max(cache_before, cache_ns_);
      reply->ghz = (ghz_before + ghz_) / 2;
    }
    getrusage(RUSAGE_SELF, &after);
    reply->involuntary_switches = after.ru_nivcsw - before.ru_nivcsw;
  }

  void Probe() {
    ghz_ = ProbeGhz();
    cache_ns_ = ProbeCache();
    probed_at_ = Now(CLOCK_MONOTONIC);
  }

  // Of the slowest core that the kernel computes on.
  uint64_t ProbeCores() {
    if (!UsesThreads()) return ProbeCore();
    uint64_t slowest[kMaxCpus] = {};
    OnAllThreads([](int thread, void* times) { static_cast<uint64_t*>(times)[thread] = ProbeCore(); }, slowest);
    return *std::max_element(slowest, slowest + kMaxCpus);
  }

  void TimeSlices(const Command& command, Reply* reply) {
    const uint64_t slices = std::clamp<uint64_t>(command.slices, 1, kMaxSlices);
    if (command.probe != 0) reply->core_ns[0] = ProbeCores();
    for (uint64_t slice = 0; slice < slices && reply->return_code == 0; ++slice) {
      for (uint32_t i = 0; i < command.warm_calls && reply->return_code == 0; ++i) {
        reply->return_code = kernel_(buffers_.data());
      }
      reply->slice_ns[slice] = TimeCalls(CallsOfSlice(command.argument, slices, slice), reply);
      reply->slices = static_cast<uint32_t>(slice + 1);
      if (command.probe != 0) reply->core_ns[slice + 1] = ProbeCores();
    }
  }

  uint64_t TimeCalls(uint64_t calls, Reply* reply) {
    void** data = buffers_.data();
    int32_t code = reply->return_code;
    const uint64_t start = Now(CLOCK_MONOTONIC);
    for (uint64_t i = 0; i < calls && code == 0; ++i) code = kernel_(data);
    const uint64_t end = Now(CLOCK_MONOTONIC);
    reply->return_code = code;
    return end - start;
  }

  void TimeFlushed(const Command& command, Reply* reply) {
    reply->slices = 1;
    for (uint64_t i = 0; i < command.argument && reply->return_code == 0; ++i) {
      buffers_.Flush();
      reply->slice_ns[0] += TimeCalls(1, reply);
    }
  }

  int socket_;
  JobHeader header_{};
  const uint8_t* job_ = nullptr;
  const uint8_t* inputs_[2] = {};
  uint8_t* shared_ = nullptr;
  std::string layers_;
  GuardedBuffers buffers_;
  Kernel kernel_ = nullptr;
  double ghz_ = 0;  // Of the last probe.
  uint64_t cache_ns_ = 0;
  uint64_t probed_at_ = 0;  // 0 = not yet.
};

}  // namespace

void RunCandidate(const int* fds) {
  Candidate candidate(fds);
  const std::string error = candidate.Prepare();
  if (!error.empty()) {
    candidate.SendText(ReplyType::kLoadError, error);
    _exit(0);
  }
  candidate.SendReady();
  candidate.Serve();
  _exit(0);
}

}  // namespace hone::runner
