// Requests for what a loop reads later: where they go, how many there are, and that results stay.
#include <gtest/gtest.h>

#include <string>

#include "common/lower/pass_checker.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"

namespace hone::lower {
namespace {

// Rows of A are summed up; $LOOP is that over the rows.
constexpr char kColumnSums[] = R"(
@T.prim_func
def main(A: T.Buffer((100, 64), "float32"), B: T.Buffer((64,), "float32"), P: T.Buffer((100,), "int32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for k in $LOOP:
        for j in T.vectorized(64):
            with T.block("sum"):
                vk, vj = T.axis.remap("RS", [k, j])
                T.reads(A[0:100, 0:64], P[vk])
                T.writes(B[vj])
                with T.init():
                    B[vj] = T.float32(0)
                B[vj] = B[vj] + A[$ROW, vj]
)";

std::string Program(std::string_view loop, std::string_view row = "vk") {
  std::string text = kColumnSums;
  text.replace(text.find("$LOOP"), 5, loop);
  return text.replace(text.find("$ROW"), 4, row);
}

constexpr std::string_view kAhead = "T.serial(100, annotations={\"pragma_prefetch\": 4})";

absl::StatusOr<std::string> TextAfterPass(const std::string& program, const MachineTraits& machine) {
  const auto module = script::ParseModule(program);
  if (!module.ok()) return module.status();
  std::string text;
  const auto lowered = LowerFor(*module, machine, [&](std::string_view pass, ir::PrimFunc func) {
    if (pass == "InjectPrefetch") text = script::PrintFunc(func);
  });
  if (!lowered.ok()) return lowered.status();
  return text;
}

int Count(const std::string& text, std::string_view what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(InjectPrefetchTest, ResultsStay) {
  for (const std::string& text : {Program(kAhead), Program(kAhead, "P[vk] % 100"), Program("range(100)")}) {
    ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(text));
    for (const MachineTraits& machine : TestMachines()) ExpectEveryPassKeeps(module, machine, 1);
  }
}

TEST(InjectPrefetchTest, EveryCacheLineOfALaterRowIsAskedForOnce) {
  for (const MachineTraits& machine : TestMachines()) {
    ASSERT_OK_AND_ASSIGN(const std::string text, TextAfterPass(Program(kAhead), machine));
    // A row of 256 bytes is four lines, whatever the length of the machine's vectors; 4 rows ahead are 256 elements.
    EXPECT_EQ(Count(text, "prefetch("), 4) << text;
    for (const char* place : {"k * 64 + 256]", "k * 64 + 272]", "k * 64 + 288]", "k * 64 + 304]"}) {
      EXPECT_EQ(Count(text, place), 1) << place << "\n" << text;
    }
    EXPECT_EQ(text.find("pragma_prefetch"), std::string::npos) << text;
  }
}

TEST(InjectPrefetchTest, NothingIsAskedForUnasked) {
  ASSERT_OK_AND_ASSIGN(const std::string text, TextAfterPass(Program("range(100)"), TestMachines()[0]));
  EXPECT_EQ(text.find("prefetch("), std::string::npos) << text;
}

TEST(InjectPrefetchTest, APlaceThatALoadDecidesIsNotReadAhead) {
  ASSERT_OK_AND_ASSIGN(const std::string text, TextAfterPass(Program(kAhead, "P[vk] % 100"), TestMachines()[0]));
  // P itself is read one element after the other; what it points at is not known yet.
  EXPECT_EQ(Count(text, "prefetch("), 1) << text;
  EXPECT_EQ(Count(text, "T.address_of(P"), 1) << text;
}

TEST(InjectPrefetchTest, ADistanceThatIsNoneIsRefused) {
  for (std::string_view value : {"0", "-3", "\"far\""}) {
    const std::string loop = "T.serial(100, annotations={\"pragma_prefetch\": " + std::string(value) + "})";
    EXPECT_STATUS(TextAfterPass(Program(loop), TestMachines()[0]).status(), absl::StatusCode::kInvalidArgument,
                  "pragma_prefetch of loop \"k\": expected a number of iterations");
  }
}

}  // namespace
}  // namespace hone::lower
