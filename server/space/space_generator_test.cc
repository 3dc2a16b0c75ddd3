#include "server/space/space_generator.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/interp/interpreter.h"
#include "common/intrin/intrin.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"
#include "server/space/default_lists.h"

namespace hone {
namespace {

using schedule::Schedule;

constexpr char kMatmul[] = R"(
@T.prim_func
def main(A: T.Buffer((16, 24), "float32"), B: T.Buffer((24, 32), "float32"), C: T.Buffer((16, 32), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i, j, k in T.grid(16, 32, 24):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            T.reads(A[vi, vk], B[vk, vj])
            T.writes(C[vi, vj])
            with T.init():
                C[vi, vj] = T.float32(0.0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";

constexpr char kRowSum[] = R"(
@T.prim_func
def main(A: T.Buffer((4, 512), "float32"), B: T.Buffer((4,), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i, k in T.grid(4, 512):
        with T.block("B"):
            vi, vk = T.axis.remap("SR", [i, k])
            T.reads(A[vi, vk])
            T.writes(B[vi])
            with T.init():
                B[vi] = T.float32(0.0)
            B[vi] = B[vi] + A[vi, vk]
)";

constexpr char kInt8Dense[] = R"(
@T.prim_func
def main(A: T.Buffer((8, 16), "uint8"), W: T.Buffer((32, 16), "int8"), C: T.Buffer((8, 32), "int32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i, j, k in T.grid(8, 32, 16):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            T.reads(A[vi, vk], W[vj, vk])
            T.writes(C[vi, vj])
            with T.init():
                C[vi, vj] = 0
            C[vi, vj] = C[vi, vj] + T.Cast("int32", A[vi, vk]) * T.Cast("int32", W[vj, vk])
)";

struct Spaces {
  ir::IRModule module;
  PostOrderApply generator;
  std::vector<Schedule> spaces;
};

Spaces MakeSpaces(std::string_view script, std::string_view target) {
  Spaces out;
  auto module = script::ParseModule(script);
  EXPECT_OK(module);
  auto parsed = Target::Parse(target);
  EXPECT_OK(parsed);
  out.module = *module;
  EXPECT_OK(out.generator.Initialize(SpaceContext{*parsed, FindTensorIntrin}, out.module));
  auto spaces = out.generator.Generate(out.module, 42);
  EXPECT_OK(spaces);
  if (spaces.ok()) out.spaces = *std::move(spaces);
  return out;
}

std::vector<std::string> Kinds(const Schedule& sch) {
  std::vector<std::string> out;
  for (const schedule::Instruction& inst : sch.trace().instructions()) out.emplace_back(inst.row->name);
  return out;
}

// Every sampled point that the postprocs accept computes what the workload computes.
void ExpectPointsKeepTheResult(Spaces& s, int points) {
  for (const Schedule& space : s.spaces) {
    const schedule::Trace trace = space.trace().Simplified(/*remove_postproc=*/true);
    for (int seed = 1; seed <= points; ++seed) {
      schedule::ScheduleOptions options;
      options.seed = seed * 7919;
      options.intrinsics = FindTensorIntrin;
      ASSERT_OK_AND_ASSIGN(Schedule sch, Schedule::Create(s.module, options));
      ASSERT_OK(trace.ApplyTo(sch, /*remove_postproc=*/true,
                              [](size_t, const schedule::Instruction&) { return schedule::Value::None(); }));
      const PostprocOutcome outcome = ApplyPostprocs(s.generator.postprocs(), sch);
      ASSERT_OK(outcome.error);
      if (!outcome.passed()) continue;
      EXPECT_OK(interp::ExpectSameResults(s.module, sch.module(), seed)) << "seed " << seed;
    }
  }
}

TEST(PostOrderApplyTest, MatmulOnCpuHasThreeSpacesByWriteCache) {
  Spaces s = MakeSpaces(kMatmul, "llvm -mcpu=haswell -num-cores=4");
  ASSERT_EQ(s.spaces.size(), 3u);
  int caches = 0;
  for (const Schedule& sch : s.spaces) {
    for (const std::string& kind : Kinds(sch)) caches += kind == "CacheWrite";
  }
  EXPECT_EQ(caches, 2);
  ExpectPointsKeepTheResult(s, 10);
}

TEST(PostOrderApplyTest, LongReductionIsFactoredTwoWaysOrNot) {
  Spaces s = MakeSpaces(kRowSum, "llvm -mcpu=haswell -num-cores=4");
  ASSERT_EQ(s.spaces.size(), 3u);
  ExpectPointsKeepTheResult(s, 10);
}

TEST(PostOrderApplyTest, Int8DenseUsesTheDotProductOfVnni) {
  Spaces s = MakeSpaces(kInt8Dense, "llvm -mcpu=cascadelake -num-cores=4");
  ASSERT_EQ(s.spaces.size(), 3u);
  for (const Schedule& sch : s.spaces) {
    const std::vector<std::string> kinds = Kinds(sch);
    EXPECT_NE(std::find(kinds.begin(), kinds.end(), "Blockize"), kinds.end());
  }
}

constexpr char kHalfMatmul[] = R"(
@T.prim_func
def main(A: T.Buffer((64, 48), "float16"), B: T.Buffer((48, 32), "float16"), C: T.Buffer((64, 32), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i, j, k in T.grid(64, 32, 48):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            T.reads(A[vi, vk], B[vk, vj])
            T.writes(C[vi, vj])
            with T.init():
                C[vi, vj] = T.float32(0.0)
            C[vi, vj] = C[vi, vj] + T.Cast("float32", A[vi, vk]) * T.Cast("float32", B[vk, vj])
)";

constexpr char kTensorCoreTarget[] =
    "cuda -arch=sm_80 -max_shared_memory_per_block=49152 -max_threads_per_block=1024 -thread_warp_size=32";

// The values of the annotation in the order of the trace.
std::vector<std::string> Intrinsics(const Schedule& sch) {
  std::vector<std::string> out;
  for (const schedule::Instruction& inst : sch.trace().instructions()) {
    if (inst.row->name != "Annotate" || !inst.inputs[1].is(schedule::Value::Kind::kString)) continue;
    const std::string text(inst.inputs[1].text());
    if (text.starts_with("wmma")) out.push_back(text);
  }
  return out;
}

TEST(PostOrderApplyTest, HalfMatmulOnTensorCoresHasOneSpaceForEachLayoutOfB) {
  Spaces s = MakeSpaces(kHalfMatmul, kTensorCoreTarget);
  ASSERT_EQ(s.spaces.size(), 2u);
  EXPECT_EQ(Intrinsics(s.spaces[0]),
            (std::vector<std::string>{"wmma_sync_16x16x16_f16f16f32_trans", "wmma_fill_16x16x16_f32",
                                      "wmma_store_16x16x16_f32_shared_dyn", "wmma_load_16x16x16_f16_a_shared_dyn",
                                      "wmma_load_16x16x16_f16_b_trans_shared_dyn"}));
  EXPECT_EQ(Intrinsics(s.spaces[1])[0], "wmma_sync_16x16x16_f16f16f32");
}

TEST(PostOrderApplyTest, FloatMatmulOnTensorCoresIsTiledAsOnPlainCuda) {
  Spaces s = MakeSpaces(kMatmul, kTensorCoreTarget);
  ASSERT_EQ(s.spaces.size(), 3u);
  for (const Schedule& space : s.spaces) EXPECT_TRUE(Intrinsics(space).empty());
}

TEST(PostOrderApplyTest, CpuTargetWithoutCoresIsRefusedWithItsReason) {
  auto module = script::ParseModule(kMatmul);
  ASSERT_OK(module);
  auto target = Target::Parse("llvm -mcpu=haswell");
  ASSERT_OK(target);
  PostOrderApply generator;
  EXPECT_STATUS(generator.Initialize(SpaceContext{*target, FindTensorIntrin}, *module),
                absl::StatusCode::kFailedPrecondition, "num-cores");
}

TEST(ScheduleFnTest, FunctionMakesTheOneSpace) {
  auto module = script::ParseModule(kMatmul);
  ASSERT_OK(module);
  auto target = Target::Parse("llvm -mcpu=haswell -num-cores=2");
  ASSERT_OK(target);
  ScheduleFn generator = ScheduleFn::OfInPlace([](Schedule& sch) -> absl::Status {
    auto block = sch.GetBlock("C");
    if (!block.ok()) return block.status();
    return sch.GetLoops(*block).status();
  });
  ASSERT_OK(generator.Initialize(SpaceContext{*target, FindTensorIntrin}, *module));
  ASSERT_OK_AND_ASSIGN(std::vector<Schedule> spaces, generator.Generate(*module, 1));
  ASSERT_EQ(spaces.size(), 1u);
  EXPECT_EQ(Kinds(spaces[0]), (std::vector<std::string>{"GetBlock", "GetLoops"}));
}

}  // namespace
}  // namespace hone
