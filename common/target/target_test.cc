#include "common/target/target.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"
#include "common/target/rule_kind.h"
#include "common/target/tag.h"

namespace hone {
namespace {

Target Of(std::string_view text) {
  absl::StatusOr<Target> target = Target::Parse(text);
  EXPECT_OK(target);
  return target.ok() ? *target : *Target::Parse("llvm");
}

TEST(TargetTest, StringRoundTripsInTheCanonicalOrder) {
  for (const char* text : {
           "llvm -keys=cpu -mcpu=znver4 -num-cores=16",
           "cuda -keys=cuda,gpu -arch=sm_80 -l2_cache_size_bytes=41943040 -max_num_threads=1024 "
           "-max_shared_memory_per_block=49152 -max_threads_per_block=1024 -registers_per_block=65536 "
           "-thread_warp_size=32",
           "hexagon -keys=hexagon,cpu -llvm-options=-force-hvx-float "
           "-mattr=+hvxv68,+hvx-length128b,+hvx-qfloat,-hvx-ieee-fp -mcpu=hexagonv68 -mtriple=hexagon -num-cores=4 "
           "-vtcm-capacity=4194304",
       }) {
    EXPECT_EQ(Of(text).ToString(), text);
  }
  EXPECT_EQ(Of("llvm -num-cores 16 --mcpu=znver4").ToString(), "llvm -keys=cpu -mcpu=znver4 -num-cores=16");
}

TEST(TargetTest, JsonIsTheExportedFormWithSortedKeys) {
  const Target target = Of("llvm -num-cores=2 -mcpu=znver4");
  EXPECT_EQ(target.ToJson(), R"({"keys":["cpu"],"kind":"llvm","mcpu":"znver4","num-cores":2,"tag":""})");
  EXPECT_EQ(Of(target.ToJson()), target);
}

TEST(TargetTest, HostIsNestedInJsonAndLeftOutOfTheString) {
  const Target target = Of("cuda -arch=sm_80 -host='llvm -mcpu=znver4'");
  ASSERT_TRUE(target.host().has_value());
  EXPECT_EQ(target.host()->GetString("mcpu"), "znver4");
  EXPECT_EQ(Of(target.ToJson()), target);
  EXPECT_EQ(target.ToString().find("host"), std::string::npos);
  EXPECT_EQ(Of(R"({"kind":"cuda","host":{"kind":"llvm","num-cores":3}})").host()->GetInt("num-cores"), 3);
}

TEST(TargetTest, TagsCarryTheLimitsOfTheDevice) {
  const Target a100 = Of("nvidia/nvidia-a100");
  EXPECT_EQ(a100.ToString(),
            "cuda -keys=cuda,gpu -arch=sm_80 -l2_cache_size_bytes=41943040 -max_num_threads=1024 "
            "-max_shared_memory_per_block=49152 -max_threads_per_block=1024 -registers_per_block=65536 "
            "-thread_warp_size=32");
  EXPECT_EQ(a100.tag(), "nvidia/nvidia-a100");
  EXPECT_EQ(a100.device_type(), DeviceType::kCuda);
  EXPECT_EQ(Of("aws/cpu/c5.9xlarge").GetInt("num-cores"), 18);
  EXPECT_EQ(Of("aws/cpu/c5.9xlarge -num-cores=2").GetInt("num-cores"), 2);
  EXPECT_EQ(
      Of(R"({"tag":"nvidia/nvidia-a100","max_shared_memory_per_block":1000})").GetInt("max_shared_memory_per_block"),
      1000);
  for (std::string_view tag : TargetTags()) EXPECT_OK(Target::Parse(tag));
}

TEST(TargetTest, ContentIdIgnoresTheTagButNothingElse) {
  const Target a100 = Of("nvidia/nvidia-a100");
  EXPECT_EQ(a100.ContentId(), Of(a100.ToString()).ContentId());
  EXPECT_NE(a100.ContentId(), Of("nvidia/nvidia-a30").ContentId());
  EXPECT_NE(a100.ContentId(), a100.WithHost(Of("llvm")).ContentId());
}

TEST(TargetTest, DeviceBecomesAKey) {
  EXPECT_EQ(Of("llvm -device=arm_cpu -mtriple=aarch64-linux-gnu").keys(), (std::vector<std::string>{"arm_cpu", "cpu"}));
  EXPECT_TRUE(Of("llvm -keys=x86,cpu").HasKey("x86"));
}

TEST(TargetTest, ErrorsNameTheThingAndTheNearestKnownName) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_STATUS(Target::Parse("lvm"), invalid, "unknown target kind \"lvm\"; the nearest is \"llvm\"");
  EXPECT_STATUS(Target::Parse("llvm -num_cores=4"), invalid, "the nearest is \"num-cores\"");
  EXPECT_STATUS(Target::Parse("llvm -mcpu=znver44"), invalid, "the nearest is \"znver4\"");
  EXPECT_STATUS(Target::Parse("nvidia/nvidia-a101"), invalid, "unknown target tag");
  EXPECT_STATUS(Target::Parse("llvm -num-cores=four"), invalid, "\"num-cores\" is \"four\", expected an integer");
  EXPECT_STATUS(Target::Parse("llvm -num-cores=0"), invalid, "expected at least 1");
  EXPECT_STATUS(Target::Parse("c -num-cores=4"), invalid, "unknown attribute \"num-cores\"");
  EXPECT_STATUS(Target::Parse(""), invalid, "empty");
  EXPECT_STATUS(Target::Parse("llvm mcpu"), invalid, "not an option");
  EXPECT_STATUS(Target::Parse("llvm -mcpu='znver4"), invalid, "quote");
  EXPECT_STATUS(Target::Parse("{\"kind\":"), invalid, "not valid JSON");
  EXPECT_STATUS(Target::Parse("{\"mcpu\":\"x\"}"), invalid, "neither");
  EXPECT_STATUS(Target::Parse(R"({"kind":"llvm","num-cores":"4"})"), invalid, "wrong type");
}

TEST(TargetTest, MissingAttributesAreFilledFromAnotherTarget) {
  const Target partial = Of("llvm -mcpu=skylake-avx512");
  EXPECT_EQ(partial.MissingAttributes(), (std::vector<std::string>{"num-cores"}));
  const Target filled = partial.FilledFrom(Of("llvm -mcpu=znver4 -mattr=-avx512vnni -num-cores=8"));
  EXPECT_EQ(filled.ToString(), "llvm -keys=cpu -mcpu=skylake-avx512 -num-cores=8");
  EXPECT_TRUE(filled.MissingAttributes().empty());
}

TEST(RuleKindTest, FollowsTheFeaturesOfTheCpu) {
  const std::pair<const char*, const char*> cases[] = {
      {"llvm", "llvm"},
      {"llvm -mcpu=haswell", "llvm"},
      {"llvm -mcpu=znver4", "vnni"},
      {"llvm -mcpu=cascadelake", "vnni"},
      {"llvm -mcpu=alderlake", "vnni"},
      {"llvm -mcpu=skylake-avx512", "avx512"},
      {"llvm -mcpu=skylake-avx512 -mattr=+avx512vnni", "vnni"},
      {"llvm -mcpu=znver4 -mattr=-avx512vnni", "avx512"},
      {"llvm -mcpu=knl", "llvm"},
      {"llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1", "dotprod"},
      {"llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72", "asimd"},
      {"llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72 -mattr=+dotprod", "dotprod"},
      {"raspberry-pi/4b-aarch64", "asimd"},
      {"cuda -arch=sm_70", "cuda"},
      {"cuda", "cuda"},
      {"cuda -arch=sm_75", "cuda-tensorcore"},
      {"nvidia/nvidia-h100", "cuda-tensorcore"},
      {"opencl", "cuda"},
      {"rocm", "cuda"},
      {"qcom/hexagon-v68", "hexagon"},
      {"c", "c"},
  };
  for (const auto& [text, kind] : cases) {
    ASSERT_OK_AND_ASSIGN(std::string_view found, RuleKindOf(Of(text)));
    EXPECT_EQ(found, kind) << text;
  }
  EXPECT_STATUS(RuleKindOf(Of("webgpu")), absl::StatusCode::kInvalidArgument, "webgpu");
}

TEST(TargetTest, VectorBitsFollowTheCpu) {
  EXPECT_EQ(Of("llvm -mcpu=znver4").VectorBits(), 512);
  EXPECT_EQ(Of("llvm -mcpu=haswell").VectorBits(), 256);
  EXPECT_EQ(Of("llvm").VectorBits(), 128);
}

}  // namespace
}  // namespace hone
