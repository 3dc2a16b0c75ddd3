#include "common/wire/proto_bytes.h"

#include <gtest/gtest.h>

#include "hone/v1/records.pb.h"

namespace hone {
namespace {

TEST(ProtoBytesTest, WhatIsWrittenReadsAsTheMessage) {
  std::string bytes;
  AppendBytesField(v1::TuningRecord::kTraceJsonFieldNumber, std::string(300, 't'), &bytes);
  AppendDoubleField(v1::TuningRecord::kCreatedUnixSecsFieldNumber, -1.25e-300, &bytes);
  AppendVarintField(v1::TuningRecord::kTrustFieldNumber, v1::TRUST_FAILED, &bytes);
  AppendBytesField(v1::TuningRecord::kWorkerFieldNumber, "", &bytes);
  v1::TuningRecord read;
  ASSERT_TRUE(read.ParseFromString(bytes));
  EXPECT_EQ(read.trace_json(), std::string(300, 't'));
  EXPECT_EQ(read.created_unix_secs(), -1.25e-300);
  EXPECT_EQ(read.trust(), v1::TRUST_FAILED);
  EXPECT_EQ(read.SerializeAsString().size() + 3, bytes.size());  // protobuf leaves the empty text out.
}

TEST(ProtoBytesTest, FieldsComeOneAfterAnotherWholeAndTheirBytes) {
  v1::TuningRecord record;
  record.set_trace_json("trace");
  record.set_created_unix_secs(7);
  record.mutable_slot()->set_round(300);
  record.set_has_args_info(true);
  const std::string bytes = record.SerializeAsString();
  std::string_view rest = bytes;
  ProtoField field;
  std::string joined;
  int fields = 0;
  for (; NextProtoField(rest, field); ++fields) {
    joined += field.whole;
    if (field.number == v1::TuningRecord::kTraceJsonFieldNumber) {
      EXPECT_EQ(field.bytes, "trace");
    }
    if (field.number == v1::TuningRecord::kSlotFieldNumber) {
      EXPECT_EQ(field.bytes, record.slot().SerializeAsString());
    }
  }
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(fields, 4);
  EXPECT_EQ(joined, bytes);
}

TEST(ProtoBytesTest, WhatIsNoMessageEndsEarly) {
  using namespace std::string_literals;
  for (const std::string& bytes :
       {"\x0a"s,
        "\x0a\x05"
        "abc"s,
        "\x08\x80"s,
        "\x09"
        "1234567"s,
        "\x0b"s, "\x00\x00"s, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s, "\x80\x80\x80\x80\x80\x01\x00"s}) {
    std::string_view rest = bytes;
    ProtoField field;
    EXPECT_FALSE(NextProtoField(rest, field));
    EXPECT_EQ(rest.size(), bytes.size());
  }
}

}  // namespace
}  // namespace hone
