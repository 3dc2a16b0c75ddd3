// Design spaces of the CPU kinds at full size, as built code: random points of every space of the standard workloads
// compute what the unscheduled workload computes. Kinds whose instructions this machine lacks are skipped.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "common/interp/interpreter.h"
#include "common/intrin/intrin.h"
#include "common/lower/lower.h"
#include "common/support/status_macros.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "common/workload/standard.h"
#include "server/space/space_factory.h"
#include "worker/codegen/llvm/llvm_codegen.h"
#include "worker/runner/elf_loader.h"

namespace hone {
namespace {

using interp::Tensor;
using schedule::Schedule;

constexpr int kPointsASpace = 5;
constexpr int64_t kReductionLength = 1 << 14;

void* Resolve(const char* name) {
  static void* gomp = dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL);
  static void* libm = dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL);
  for (void* library : {static_cast<void*>(RTLD_DEFAULT), gomp, libm}) {
    if (void* symbol = dlsym(library, name)) return symbol;
  }
  return nullptr;
}

// Runs the module's entry as machine code on `args`, in place.
absl::Status RunBuilt(const ir::IRModule& module, const Target& target, std::vector<Tensor>& args) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(module, target));
  HONE_ASSIGN_OR_RETURN(const codegen::CompiledKernel kernel, codegen::CompileCpu(lowered, target, {}));
  runner::LoadedObject loaded;
  const std::string problem = runner::LoadElfObject(kernel.object, kernel.entry, Resolve, &loaded);
  if (!problem.empty()) return absl::InternalError(problem);
  std::vector<void*> buffers;
  for (Tensor& tensor : args) {
    void* memory = std::aligned_alloc(64, (tensor.bytes.size() + 127) / 64 * 64);
    std::memcpy(memory, tensor.bytes.data(), tensor.bytes.size());
    buffers.push_back(memory);
  }
  const int code = reinterpret_cast<int32_t (*)(void**)>(loaded.entry)(buffers.data());
  for (size_t i = 0; i < args.size(); ++i) {
    std::memcpy(args[i].bytes.data(), buffers[i], args[i].bytes.size());
    std::free(buffers[i]);
  }
  return code == 0 ? absl::OkStatus() : absl::InternalError(StrCat("the kernel returned ", code));
}

struct Case {
  std::string name;
  ir::IRModule module;
  std::vector<Tensor> inputs;
  std::vector<Tensor> expected;
};

Case MakeCase(std::string_view name, const Target& target) {
  Case out{StrCat(name, ":0"), {}, {}, {}};
  auto module = workload::Standard(name, 0);
  EXPECT_OK(module);
  out.module = *module;
  auto inputs = interp::RandomArgs(out.module, /*seed=*/5);
  EXPECT_OK(inputs);
  out.inputs = *inputs;
  out.expected = out.inputs;
  EXPECT_OK(RunBuilt(out.module, target, out.expected)) << name;
  return out;
}

absl::Status Compare(const Case& c, const std::vector<Tensor>& got) {
  for (size_t i = 0; i < got.size(); ++i) {
    const double tolerance = 8 * interp::Tolerance(got[i].dtype, kReductionLength);
    const interp::Difference d = interp::Compare(got[i], c.expected[i], tolerance, tolerance);
    if (d.close) continue;
    return absl::FailedPreconditionError(
        StrCat("parameter ", i, " element ", d.worst, " is ", d.got, ", expected ", d.expected));
  }
  return absl::OkStatus();
}

// Counts points that ran; false in `*passed` for a point that a postproc rejects.
absl::Status CheckPoint(const Case& c, const SpaceGenerator& generator, const Schedule& start,
                        const schedule::Trace& space, const Target& target, int64_t seed, bool* passed) {
  Schedule sch = start.CopyWithSeed(seed);
  HONE_RETURN_IF_ERROR(space.ApplyTo(sch, /*remove_postproc=*/true,
                                     [](size_t, const schedule::Instruction&) { return schedule::Value::None(); }));
  const PostprocOutcome outcome = ApplyPostprocs(generator.postprocs(), sch);
  HONE_RETURN_IF_ERROR(outcome.error);
  *passed = outcome.passed();
  if (!*passed) return absl::OkStatus();
  std::vector<Tensor> args = c.inputs;
  HONE_RETURN_IF_ERROR(RunBuilt(sch.module(), target, args));
  return Compare(c, args);
}

class BuiltPointsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(BuiltPointsTest, PointsOfEverySpaceComputeTheWorkload) {
  const std::string_view kind = GetParam();
  const Target host = DetectHost();
  if ((kind == "vnni" && !host.HasFeature("avx512vnni")) || (kind == "avx512" && !host.HasFeature("avx512bw"))) {
    GTEST_SKIP() << "this machine has no " << kind;
  }
  int right = 0, rejected = 0;
  for (const workload::StandardName& name : workload::StandardNames()) {
    const Case c = MakeCase(name.name, host);
    const SpaceContext context{host, FindTensorIntrin};
    auto generator = MakeSpaceGenerator(StrCat("post-order-apply(", kind, ")"), context, c.module);
    ASSERT_OK(generator) << c.name;
    auto spaces = (*generator)->Generate(c.module, /*seed=*/1);
    ASSERT_OK(spaces) << c.name;
    schedule::ScheduleOptions options;
    options.seed = 1;
    options.intrinsics = FindTensorIntrin;
    ASSERT_OK_AND_ASSIGN(const Schedule start, Schedule::Create(c.module, options));
    for (size_t i = 0; i < spaces->size(); ++i) {
      const schedule::Trace space = (*spaces)[i].trace().Simplified(/*remove_postproc=*/true);
      for (int point = 1; point <= kPointsASpace; ++point) {
        bool passed = false;
        EXPECT_OK(CheckPoint(c, **generator, start, space, host, 6007 * point, &passed))
            << c.name << " space " << i << " seed " << 6007 * point;
        ++(passed ? right : rejected);
      }
    }
  }
  std::printf("%s: %d points ran, %d rejected by a postproc\n", GetParam(), right, rejected);
}

INSTANTIATE_TEST_SUITE_P(CpuKinds, BuiltPointsTest, ::testing::Values("llvm", "vnni", "avx512"));

}  // namespace
}  // namespace hone
