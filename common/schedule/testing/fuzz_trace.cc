// libFuzzer target: any text is refused as a trace, JSON or Python, or loads as one that is written and read again and
// that applies to programs, or is refused by them, without harm.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/intrin/intrin.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_from_python.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/check.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

constexpr std::string_view kProgram = R"(
@T.prim_func
def main(X: T.Buffer((4, 10), "float32"), W: T.Buffer((10, 6), "float32"), Y: T.Buffer((4, 6), "float32")):
    P = T.alloc_buffer((4, 12))
    C = T.alloc_buffer((4, 6))
    for i, j in T.grid(4, 12):
        with T.block("P"):
            vi, vj = T.axis.remap("SS", [i, j])
            P[vi, vj] = T.if_then_else(1 <= vj and vj < 11, X[vi, vj - 1], T.float32(0))
    for i, j, k in T.grid(4, 6, 10):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + P[vi, vk + 1] * W[vk, vj]
    for i, j in T.grid(4, 6):
        with T.block("Y"):
            vi, vj = T.axis.remap("SS", [i, j])
            Y[vi, vj] = T.max(C[vi, vj], T.float32(0))
)";

// A trace of many partitions makes a program that is exponentially large.
constexpr size_t kMaxInstructions = 48;
constexpr int kMaxPartitions = 5;

void CheckRoundTrip(const Trace& trace) {
  const absl::StatusOr<std::string> json = TraceToJson(trace);
  if (json.ok()) {
    const absl::StatusOr<Trace> again = TraceFromJson(*json);
    HONE_CHECK(again.ok()) << std::string(again.status().message()) << "\n" << *json;
    const absl::StatusOr<std::string> twice = TraceToJson(*again);
    HONE_CHECK(twice.ok() && *twice == *json) << *json;
  }
  TraceFromPython(trace.ToString()).status().IgnoreError();
  trace.Simplified(/*remove_postproc=*/true);
  const Trace skeleton = SkeletonOf(trace);
  const absl::StatusOr<Trace> decided = WithDecisions(skeleton, DecisionsToJson(trace));
  HONE_CHECK(decided.ok()) << std::string(decided.status().message());
}

void Apply(const Trace& trace) {
  int partitions = 0;
  for (const Instruction& instruction : trace.instructions()) partitions += instruction.row->name == "LoopPartition";
  if (trace.size() > kMaxInstructions || partitions > kMaxPartitions) return;
  const absl::StatusOr<ir::IRModule> module = script::ParseModule(kProgram);
  HONE_CHECK(module.ok());
  ScheduleOptions options;
  options.seed = 7;
  options.intrinsics = FindTensorIntrin;
  absl::StatusOr<Schedule> schedule = Schedule::Create(*module, options);
  HONE_CHECK(schedule.ok());
  const absl::Status status = trace.ApplyTo(*schedule);
  schedule->state().VerifyTree();
  HONE_CHECK(status.ok() || !status.message().empty());
  (void)script::PrintModule(schedule->module());
  CheckRoundTrip(schedule->trace());
}

}  // namespace
}  // namespace hone::schedule

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<hone::schedule::Trace> trace = hone::schedule::TraceFromText(text);
  if (!trace.ok()) return 0;
  hone::schedule::CheckRoundTrip(*trace);
  hone::schedule::Apply(*trace);
  return 0;
}
