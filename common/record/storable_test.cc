#include "common/record/storable.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"

namespace hone {
namespace {

using namespace std::string_literals;

TEST(StorableTest, TextInUtf8IsStorable) {
  for (const char* text : {"", "plain text that is longer than a word", "\u00e9", "12345678\u20ac12345678",
                           "\U0001F600", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsStorableText(text)) << text;
    EXPECT_EQ(StorableText(text), text);
  }
}

TEST(StorableTest, OtherBytesAreNot) {
  for (const std::string& text :
       {"\0"s, "12345678\0"s, "1234\0"s + "5678"s, "\xff"s, "a\x80"s, "\xc0\xaf"s, "\xe0\x9f\xbf"s, "\xed\xa0\x80"s,
        "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xe2\x82"s, "12345678\xc3"s}) {
    EXPECT_FALSE(IsStorableText(text)) << text;
    const std::string mended = StorableText(text);
    EXPECT_EQ(mended.size(), text.size());
    EXPECT_TRUE(IsStorableText(mended)) << mended;
  }
  EXPECT_EQ(StorableText("a\xff\xc3\xa9"), "a?\u00e9");
}

TEST(StorableTest, ARecordIsRefusedByTheFieldThatCannotBeStored) {
  TuningRecord record;
  EXPECT_STATUS(CheckStorable(record), absl::StatusCode::kInvalidArgument, "neither a failure nor a time");
  record.run.samples = {0.5};
  record.run.median = 0.5;
  record.args_info = std::vector<TensorInfo>{{"float32", {1}}};
  EXPECT_OK(CheckStorable(record));
  record.args_info->push_back({"float\x8b", {1}});
  EXPECT_STATUS(CheckStorable(record), absl::StatusCode::kInvalidArgument, "dtype");
  record.worker = "\0"s;
  EXPECT_STATUS(CheckStorable(record), absl::StatusCode::kInvalidArgument, "worker");
  Workload workload;
  workload.script = "\x80";
  EXPECT_STATUS(CheckStorable(workload), absl::StatusCode::kInvalidArgument, "script");
}

}  // namespace
}  // namespace hone
