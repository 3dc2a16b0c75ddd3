#include "worker/local/device_class.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(DeviceClassTest, NamesTheCpuModelAndTheCores) {
  EXPECT_EQ(
      DeviceClassOf(R"({"cores": {"physical": 2}, "cpu": {"family": 25, "model": 17, "vendor": "AuthenticAMD"}})"),
      "cpu/AuthenticAMD/25/17/2c");
}

TEST(DeviceClassTest, NamesTheGpuAndItsMultiprocessors) {
  EXPECT_EQ(DeviceClassOf(R"({"device": "gpu", "gpu": {"name": "NVIDIA H200", "multiprocessors": 132}})"),
            "gpu/NVIDIA-H200/132sm");
}

TEST(DeviceClassTest, UnknownTextsAreClassesOfTheirOwn) {
  EXPECT_EQ(DeviceClassOf("x"), DeviceClassOf("x"));
  EXPECT_NE(DeviceClassOf("x"), DeviceClassOf("y"));
}

}  // namespace
}  // namespace hone
