// What becomes of builds where there is no NVRTC, or something else in its place. The library is opened once a process,
// so each case has one of its own.
#include "worker/codegen/cuda/nvrtc.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "common/script/parser.h"
#include "common/support/strings.h"
#include "common/target/target.h"
#include "worker/codegen/cuda/cuda_codegen.h"

namespace hone::codegen {
namespace {

constexpr char kFill[] = R"(
@T.prim_func
def main(A: T.Buffer((32,), "float32")):
    tx = T.launch_thread("threadIdx.x", 32)
    A[tx] = T.float32(1)
)";

// Prints what every entrance says, and ends with 0 if all call NVRTC unavailable.
[[noreturn]] void TryWith(const char* library) {
  setenv("HONE_NVRTC", library, 1);
  const ir::IRModule module = script::ParseModule(kFill).value();
  const Target target = Target::Parse("cuda -arch=sm_90").value();
  bool unavailable = EmitCuda(module, target).ok() && CudaCodegenRevision().find("/nvrtc-none") != std::string::npos;
  for (const absl::Status& status :
       {NvrtcVersion().status(), NvrtcCompile("", "sm_90").status(), CompileCuda(module, target).status()}) {
    unavailable = unavailable && absl::IsUnavailable(status);
    std::fprintf(stderr, "[%s]", std::string(ToStd(status.message())).c_str());
  }
  std::exit(unavailable ? 0 : 1);
}

class NvrtcDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(NvrtcDeathTest, ALibraryThatIsNotThereIsNamedAndNoOtherIsTakenInItsPlace) {
  EXPECT_EXIT(TryWith("/no/such/libnvrtc.so"), ::testing::ExitedWithCode(0),
              "compiling for CUDA needs NVRTC, and the library that HONE_NVRTC names cannot be opened: "
              "/no/such/libnvrtc.so.*\\]\\[compiling for CUDA needs NVRTC.*\\]\\[compiling for CUDA needs NVRTC");
}

TEST_F(NvrtcDeathTest, AnotherLibraryInItsPlaceIsNamed) {
  EXPECT_EXIT(
      TryWith("libm.so.6"), ::testing::ExitedWithCode(0),
      "HONE_NVRTC=libm.so.6 is no NVRTC, or one too old.*\\]\\[HONE_NVRTC=libm.so.6.*\\]\\[HONE_NVRTC=libm.so.6");
}

}  // namespace
}  // namespace hone::codegen
