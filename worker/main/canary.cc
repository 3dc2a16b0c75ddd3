#include "worker/main/canary.h"

#include <algorithm>

namespace hone {
namespace {

constexpr char kCanary[] = R"(# from tvm.script import ir as I
# from tvm.script import tir as T

@I.ir_module
class Module:
    @T.prim_func
    def main(A: T.Buffer((96, 96), "float32"), B: T.Buffer((96, 96), "float32"), C: T.Buffer((96, 96), "float32")):
        T.func_attr({"tir.noalias": T.bool(True)})
        # with T.block("root"):
        for i, j, k in T.grid(96, 96, 96):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                T.reads(A[vi, vk], B[vk, vj])
                T.writes(C[vi, vj])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";

MeasurementPolicy CanaryPolicy() {
  MeasurementPolicy policy;
  policy.repeat = 7;
  policy.max_repeat = 7;
  policy.min_repeat = absl::Milliseconds(3);
  policy.abandon_ratio = 0;
  return policy;
}

}  // namespace

RunResult TimeCanary(LocalMeasure& measure, const std::string& target_json) {
  RunResult run = BuildAndRun(measure, kCanary, "", target_json, CanaryPolicy());
  if (!run.samples.empty()) run.median = *std::min_element(run.samples.begin(), run.samples.end());
  return run;
}

RunResult SyntheticCanary(absl::Duration run_takes) {
  RunResult run;
  run.median = absl::ToDoubleSeconds(run_takes) + 1e-6;
  run.samples = {run.median};
  return run;
}

}  // namespace hone
