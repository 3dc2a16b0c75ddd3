// Random sequences of primitives on small programs: whatever is accepted computes the same, what is refused changes
// nothing, the tree fits the program, and the trace replays to the same program. The seed is printed on failure;
// HONE_SCHEDULE_SEED runs one, HONE_SCHEDULE_RUNS sets how many (1,000; 20,000 in the long form).
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/interp/interpreter.h"
#include "common/schedule/oracle/shrink.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "common/support/testing/long_form.h"
#include "gtest/gtest.h"

namespace hone::schedule {
namespace {

constexpr std::string_view kMatmulRelu = R"(
@T.prim_func
def main(A: T.Buffer((6, 8), "float32"), B: T.Buffer((8, 10), "float32"), D: T.Buffer((6, 10), "float32")):
    C = T.alloc_buffer((6, 10))
    for i, j, k in T.grid(6, 10, 8):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(6, 10):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.max(C[vi, vj], T.float32(0))
)";

constexpr std::string_view kPadConv = R"(
@T.prim_func
def main(X: T.Buffer((10,), "float32"), W: T.Buffer((3,), "float32"), Y: T.Buffer((10,), "float32")):
    P = T.alloc_buffer((12,))
    for i in range(12):
        with T.block("P"):
            vi = T.axis.spatial(12, i)
            P[vi] = T.if_then_else(1 <= vi and vi < 11, X[vi - 1], T.float32(0))
    for i, r in T.grid(10, 3):
        with T.block("Y"):
            vi, vr = T.axis.remap("SR", [i, r])
            with T.init():
                Y[vi] = T.float32(0)
            Y[vi] = Y[vi] + P[vi + vr] * W[vr]
)";

constexpr std::string_view kChain = R"(
@T.prim_func
def main(X: T.Buffer((4, 9), "float32"), Y: T.Buffer((4, 9), "float32")):
    A = T.alloc_buffer((4, 9))
    B = T.alloc_buffer((4, 9))
    for i, j in T.grid(4, 9):
        with T.block("A"):
            vi, vj = T.axis.remap("SS", [i, j])
            A[vi, vj] = X[vi, vj] * T.float32(2)
    for i, j in T.grid(4, 9):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + T.float32(1)
    for i, j in T.grid(4, 9):
        with T.block("Y"):
            vi, vj = T.axis.remap("SS", [i, j])
            Y[vi, vj] = B[vi, vj] * A[vi, vj]
)";

// One random call of a primitive; refusals are fine.
class RandomScheduler {
 public:
  RandomScheduler(Schedule& schedule, int64_t seed) : schedule_(schedule), random_(seed) {}

  // Returns what was called, for messages.
  std::string Step() {
    const std::vector<BlockRv> blocks = AllBlocks();
    const BlockRv block = Pick(blocks);
    const BlockRv other = Pick(blocks);
    const absl::StatusOr<LoopRvs> loops = schedule_.GetLoops(block);
    if (!loops.ok() || loops->empty()) return "nothing";
    const LoopRv loop = Pick(*loops);
    const auto n = static_cast<size_t>(random_.SampleInt(0, 20));
    switch (n) {
      case 0:
      case 1:
      case 2:
        return Note("split",
                    schedule_.Split(loop, {Value::None(), Value::Int(random_.SampleInt(1, 5))}, Coin()).status());
      case 3: {
        const absl::StatusOr<ExprRvs> tile = schedule_.SamplePerfectTile(loop, 3, 8);
        if (!tile.ok()) return "no tile";
        std::vector<Value> factors;
        for (ExprRv rv : *tile) factors.push_back(Value::OfRv(rv));
        return Note("split by tile", schedule_.Split(loop, factors).status());
      }
      case 4:
      case 5:
        return loops->size() < 2 ? "nothing" : Note("fuse", FuseTwo(*loops));
      case 6:
      case 7:
        return Note("reorder", ReorderTwo(Pick(*loops), Pick(*loops)));
      case 8:
        return Note("parallel", schedule_.Parallel(loop));
      case 9:
        return Note("vectorize", schedule_.Vectorize(loop));
      case 10:
        return Note("unroll", schedule_.Unroll(loop));
      case 11:
        return Note("add_unit_loop", schedule_.AddUnitLoop(loop).status());
      case 12:
        return Note("blockize", schedule_.Blockize(loop, Coin()).status());
      case 13:
        return Note("compute_at", AtLoopOf(other, block, /*reverse=*/false));
      case 14:
        return Note("reverse_compute_at", AtLoopOf(other, block, /*reverse=*/true));
      case 15:
        return Note("compute_inline", schedule_.ComputeInline(block));
      case 16:
        return Note("decompose_reduction", schedule_.DecomposeReduction(block, loop).status());
      case 17:
        return Note("decompose_padding", schedule_.DecomposePadding(block, loop).status());
      case 18:
        return Note("cache_write", schedule_.CacheWrite(block, 0, "global").status());
      default:
        return Note("cache_read", schedule_.CacheRead(block, 0, "global").status());
    }
  }

 private:
  bool Coin() { return random_.SampleInt(0, 2) == 1; }
  template <typename T>
  typename T::value_type Pick(const T& items) {
    return items[static_cast<size_t>(random_.SampleInt(0, static_cast<int64_t>(items.size())))];
  }
  std::vector<BlockRv> AllBlocks() {
    const absl::StatusOr<BlockRv> root = schedule_.GetBlock("root");
    std::vector<BlockRv> out;
    const absl::StatusOr<BlockRvs> children = schedule_.GetChildBlocks(*root);
    for (BlockRv child : *children) out.push_back(child);
    return out;
  }
  absl::Status FuseTwo(const LoopRvs& loops) {
    const auto i = static_cast<size_t>(random_.SampleInt(0, static_cast<int64_t>(loops.size()) - 1));
    return schedule_.Fuse({loops[i], loops[i + 1]}, Coin()).status();
  }
  absl::Status ReorderTwo(LoopRv a, LoopRv b) { return schedule_.Reorder({a, b}); }
  absl::Status AtLoopOf(BlockRv target, BlockRv block, bool reverse) {
    const absl::StatusOr<LoopRvs> loops = schedule_.GetLoops(target);
    if (!loops.ok() || loops->empty()) return absl::OkStatus();
    const LoopRv loop = Pick(*loops);
    // Without producers, the peer (and so we) may move a block behind its consumers.
    if (reverse && !HasProducer(block)) return absl::OkStatus();
    return reverse ? schedule_.ReverseComputeAt(block, loop, Coin()) : schedule_.ComputeAt(block, loop, Coin());
  }
  bool HasProducer(BlockRv block) {
    const absl::StatusOr<BlockRvs> producers = schedule_.GetProducers(block);
    return producers.ok() && !producers->empty();
  }
  static std::string Note(std::string_view name, const absl::Status& status) {
    return StrCat(name, status.ok() ? "" : " (refused)");
  }

  Schedule& schedule_;
  RandomEngine random_;
};

int64_t FromEnv(const char* name, int64_t fallback) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : fallback;
}

// As the peer's, the box that a cache copies is not clipped to the buffer; with three guards, one in the other, it may
// stick out.
bool CopiesBeyondBuffer(const Schedule& schedule, const absl::Status& same) {
  if (same.code() != absl::StatusCode::kOutOfRange) return false;
  for (const Instruction& instruction : schedule.trace().instructions()) {
    if (instruction.row->name == "CacheRead" || instruction.row->name == "CacheWrite") return true;
  }
  return false;
}

// Counts a case that is wrong as the peer is in `excluded`.
void RunOne(std::string_view program, int64_t seed, int* excluded) {
  SCOPED_TRACE(StrCat("HONE_SCHEDULE_SEED=", seed));
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(program));
  ScheduleOptions options;
  options.seed = seed;
  ASSERT_OK_AND_ASSIGN(Schedule schedule, Schedule::Create(module, options));
  RandomScheduler scheduler(schedule, seed);
  std::string steps;
  for (int i = 0; i < 8; ++i) {
    const std::string before = script::PrintModule(schedule.module());
    const std::string step = scheduler.Step();
    StrAppend(&steps, step, "; ");
    SCOPED_TRACE(steps);
    if (step.find("(refused)") != std::string::npos) {
      EXPECT_EQ(script::PrintModule(schedule.module()), before);
    }
    schedule.state().VerifyTree();
  }
  SCOPED_TRACE(steps);
  const std::string after = script::PrintModule(schedule.module());
  SCOPED_TRACE(after);
  const absl::Status same = interp::ExpectSameResults(module, schedule.module(), static_cast<uint64_t>(seed));
  if (CopiesBeyondBuffer(schedule, same)) {
    ++*excluded;
    return;
  }
  EXPECT_TRUE(same.ok()) << same << "\n" << ShrunkFailure(module, schedule, static_cast<uint64_t>(seed));

  ASSERT_OK_AND_ASSIGN(const std::string json, TraceToJson(schedule.trace()));
  ASSERT_OK_AND_ASSIGN(Schedule again, Schedule::Create(module, options));
  ASSERT_OK(ApplyTraceJson(again, json));
  EXPECT_EQ(script::PrintModule(again.module()), after);
  ASSERT_OK_AND_ASSIGN(const std::string json_again, TraceToJson(again.trace()));
  EXPECT_EQ(json_again, json);
}

TEST(RandomScheduleTest, AcceptedPrimitivesKeepTheResults) {
  const int64_t only = FromEnv("HONE_SCHEDULE_SEED", 0);
  const int64_t runs = hone::testing::CaseCount("HONE_SCHEDULE_RUNS", 1000, 20000);
  int excluded = 0;
  const std::string_view programs[] = {kMatmulRelu, kPadConv, kChain};
  for (int64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : runs); ++seed) {
    RunOne(programs[seed % 3], seed, &excluded);
    if (HasFailure()) break;
  }
  std::printf("%d of %d wrong as the peer is\n", excluded, static_cast<int>(runs));
  EXPECT_LE(excluded, 1 + runs / 1000);
}

}  // namespace
}  // namespace hone::schedule
