#include "worker/runner/cuda/device_reply.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace hone::runner::cuda {
namespace {

DeviceReply Timed() {
  DeviceReply reply = {};
  reply.samples = 2;
  reply.seconds[0] = reply.seconds[1] = 1e-3;
  reply.total_seconds = 2e-3;
  return reply;
}

TEST(DeviceReplyTest, TimesAreTakenAsTheyAre) {
  DeviceReply reply = Timed();
  EXPECT_EQ(CheckReply(DeviceOp::kTime, reply), "");
  EXPECT_EQ(CheckReply(DeviceOp::kRun, reply), "");
}

TEST(DeviceReplyTest, MoreSamplesThanThereIsRoomForAndNoneAreRefused) {
  DeviceReply reply = Timed();
  reply.samples = kMaxSamples + 1;
  EXPECT_EQ(CheckReply(DeviceOp::kTime, reply), "129 samples, expected 1 to 128");
  reply.samples = 0;
  EXPECT_NE(CheckReply(DeviceOp::kTime, reply), "");
  EXPECT_EQ(CheckReply(DeviceOp::kPoison, reply), "");
}

TEST(DeviceReplyTest, TimesThatAreNoneAreRefused) {
  for (double secs : {-1.0, std::nan(""), HUGE_VAL}) {
    DeviceReply reply = Timed();
    reply.seconds[1] = secs;
    EXPECT_NE(CheckReply(DeviceOp::kTime, reply), "") << secs;
    reply = Timed();
    reply.total_seconds = secs;
    EXPECT_NE(CheckReply(DeviceOp::kRun, reply), "") << secs;
  }
}

TEST(DeviceReplyTest, TextsEndAlsoInRepliesThatRefuse) {
  DeviceReply reply = {};
  reply.result = -1;
  std::memset(reply.message, 'x', sizeof(reply.message));
  EXPECT_EQ(CheckReply(DeviceOp::kLoad, reply), "");
  EXPECT_EQ(std::strlen(reply.message), sizeof(reply.message) - 1);
}

TEST(DeviceReplyTest, ADeviceThatCannotBeIsRefused) {
  DeviceReply reply = {};
  reply.device.devices = 2;
  reply.device.capability_major = 9;
  reply.device.multiprocessors = 132;
  EXPECT_EQ(CheckReply(DeviceOp::kOpen, reply), "");
  reply.device.devices = 1'000'000;
  EXPECT_EQ(CheckReply(DeviceOp::kOpen, reply), "1000000 devices");
}

}  // namespace
}  // namespace hone::runner::cuda
