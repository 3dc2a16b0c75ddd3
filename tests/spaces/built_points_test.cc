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
#include "server/space/testing/small_workloads.h"
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

Case MakeCase(std::string name, const ir::IRModule& module, const Target& target) {
  Case out{std::move(name), module, {}, {}};
  auto inputs = interp::RandomArgs(out.module, /*seed=*/5);
  EXPECT_OK(inputs);
  out.inputs = *inputs;
  // The avx512 intrinsic adds pairs of products in 16 bits and saturates: seven bits of one operand keep it exact.
  for (Tensor& tensor : out.inputs) {
    if (tensor.dtype != ir::DataType::UInt(8)) continue;
    for (auto& byte : tensor.bytes) byte &= 0x7f;
  }
  out.expected = out.inputs;
  EXPECT_OK(RunBuilt(out.module, target, out.expected)) << out.name;
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
class BuiltIntrinsicsTest : public ::testing::TestWithParam<const char*> {};

struct Counts {
  int right = 0;
  int rejected = 0;
};

void CheckSpaces(const Case& c, std::string_view kind, const Target& host, Counts& counts) {
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
      ++(passed ? counts.right : counts.rejected);
    }
  }
}

bool LacksInstructions(const Target& host, std::string_view kind) {
  return (kind == "vnni" && !host.HasFeature("avx512vnni")) || (kind == "avx512" && !host.HasFeature("avx512bw"));
}

TEST_P(BuiltPointsTest, PointsOfEverySpaceComputeTheWorkload) {
  const Target host = DetectHost();
  if (LacksInstructions(host, GetParam())) GTEST_SKIP() << "this machine has no " << GetParam();
  Counts counts;
  for (const workload::StandardName& name : workload::StandardNames()) {
    ASSERT_OK_AND_ASSIGN(const ir::IRModule module, workload::Standard(name.name, 0));
    CheckSpaces(MakeCase(StrCat(name.name, ":0"), module, host), GetParam(), host, counts);
  }
  std::printf("%s: %d points ran, %d rejected by a postproc\n", GetParam(), counts.right, counts.rejected);
}

// The standard workloads are of floats, which the dot products of integers do not compute.
TEST_P(BuiltIntrinsicsTest, PointsOfTensorizedSpacesComputeTheWorkload) {
  const Target host = DetectHost();
  if (LacksInstructions(host, GetParam())) GTEST_SKIP() << "this machine has no " << GetParam();
  Counts counts;
  for (const SmallWorkload& small : TensorizableWorkloads(GetParam())) {
    CheckSpaces(MakeCase(small.name, small.module, host), GetParam(), host, counts);
    EXPECT_GT(counts.right, 0);
  }
  std::printf("%s: %d points ran, %d rejected by a postproc\n", GetParam(), counts.right, counts.rejected);
}

INSTANTIATE_TEST_SUITE_P(CpuKinds, BuiltPointsTest, ::testing::Values("llvm", "vnni", "avx512"));
INSTANTIATE_TEST_SUITE_P(KindsWithDotProducts, BuiltIntrinsicsTest, ::testing::Values("vnni", "avx512"));

}  // namespace
}  // namespace hone
