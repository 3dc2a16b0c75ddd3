#include "common/support/json_escape.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

// The text of an escape with its letter first, and nothing else; "refused" when it is none.
std::string Read(std::string_view text) {
  std::string out;
  size_t at = 0;
  if (!ReadJsonEscape(text, &at, &out)) return at == 0 && out.empty() ? "refused" : "refused and changed";
  return at == text.size() ? out : out + " and more";
}

TEST(JsonEscapeTest, LettersStandForCharacters) {
  EXPECT_EQ(Read("n"), "\n");
  EXPECT_EQ(Read("\""), "\"");
  EXPECT_EQ(Read("\\"), "\\");
  EXPECT_EQ(Read("/"), "/");
  EXPECT_EQ(Read("nn"), "\n and more");
}

TEST(JsonEscapeTest, CodesStandForUtf8) {
  EXPECT_EQ(Read("u0041"), "A");
  EXPECT_EQ(Read("u00e9"), "\xC3\xA9");
  EXPECT_EQ(Read("u20AC"), "\xE2\x82\xAC");
  EXPECT_EQ(Read("ud83d\\ude00"), "\xF0\x9F\x98\x80");
}

TEST(JsonEscapeTest, TheBytesOfTvmsWriterComeBack) { EXPECT_EQ(Read("xC3"), "\xC3"); }

TEST(JsonEscapeTest, AnythingElseIsRefused) {
  for (const char* text : {"", "q", "u", "u12", "u12g4", "x", "x1", "xg1", "u-123"}) EXPECT_EQ(Read(text), "refused");
}

}  // namespace
}  // namespace hone
