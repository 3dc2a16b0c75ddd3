// One kernel, loaded in a sandboxed process of its own, as the runner sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/measure/failure.h"
#include "common/support/random.h"
#include "worker/runner/shared_file.h"
#include "worker/runner/wire.h"
#include "worker/runner/zygote.h"

namespace hone::runner {

struct CandidateOptions {
  std::string_view object;  // Relocatable ELF.
  std::string entry;
  std::vector<WireArg> args;
  std::shared_ptr<SharedFile> inputs;        // Set 0.
  std::shared_ptr<SharedFile> fresh_inputs;  // Set 1; may be `inputs` again.
  std::shared_ptr<SharedFile> shared;        // A page, then the buffers' contents after kCheck and kCollect.
  std::vector<int> cpus;                     // One thread each.
  bool pin = true;
  uint64_t memory_bytes = 0;
  absl::Time deadline;  // Of everything that this process does.
};

// What taking samples of a kernel needs of its process.
class TimedProcess {
 public:
  // What to time besides the number of calls.
  struct Timing {
    bool flush = false;       // Evict the buffers before every call.
    bool probe = false;       // Probe clock and shared cache before and after.
    uint32_t slices = 1;      // Groups of calls, timed one by one with probes of the core between.
    uint32_t warm_calls = 0;  // Untimed, right before the timed ones of every slice.
  };

  virtual ~TimedProcess() = default;
  // Calls the kernel `calls` times. `reply` has the times as the candidate saw them, `wall` the time this took as seen
  // from here, which no kernel can change.
  virtual std::optional<Failure> Run(uint64_t calls, const Timing& timing, Reply* reply, absl::Duration* wall) = 0;
  virtual std::optional<Failure> Poison() = 0;
  // CPU time of all threads since the process began, as the system counts it: no kernel can change it either.
  virtual std::optional<Failure> CpuTime(absl::Duration* cpu) = 0;
  // Moves the deadline, e.g. after the runner itself was busy with something else.
  virtual void PostponeDeadline(absl::Duration duration) = 0;
};

// Not thread-safe. The process ends with this object. Every method that returns a failure has ended the process.
class CandidateProcess final : public TimedProcess {
 public:
  // Forks and loads. On success `candidate` is set.
  static std::optional<Failure> Open(Zygote& zygote, CandidateOptions options,
                                     std::unique_ptr<CandidateProcess>* candidate);
  ~CandidateProcess() override;
  CandidateProcess(const CandidateProcess&) = delete;
  CandidateProcess& operator=(const CandidateProcess&) = delete;

  // Runs the kernel once on input set `set` with poisoned outputs; the contents of all buffers are then in Contents().
  std::optional<Failure> Check(int set);
  std::optional<Failure> Run(uint64_t calls, const Timing& timing, Reply* reply, absl::Duration* wall) override;
  std::optional<Failure> Poison() override;
  std::optional<Failure> CpuTime(absl::Duration* cpu) override;
  std::optional<Failure> Collect();
  std::optional<Failure> ProbeGhz(double* ghz);

  void SetDeadline(absl::Time deadline) { deadline_ = deadline; }
  void PostponeDeadline(absl::Duration duration) override { deadline_ += duration; }

  // Of parameter `i`, after Check or Collect.
  const uint8_t* Contents(size_t i) const;
  // The sandbox layers that this candidate reported, on top of the zygote's.
  const std::string& layers() const { return layers_; }

 private:
  CandidateProcess(Zygote& zygote, CandidateOptions options);
  std::optional<Failure> Load();
  std::optional<Failure> Execute(Op op, uint64_t argument, const Timing& timing, Reply* reply, absl::Duration* wall);
  std::optional<Failure> Await(Reply* reply);
  std::optional<Failure> Died();
  std::optional<Failure> TimedOut();
  std::optional<Failure> Kill(FailureKind kind, std::string message);
  FaultNote Note() const;

  Zygote& zygote_;
  const CandidateOptions options_;
  absl::Time deadline_;
  CounterRandom nonces_;
  int socket_ = -1;
  uint64_t number_ = 0;
  bool alive_ = false;
  std::string layers_;
};

}  // namespace hone::runner
