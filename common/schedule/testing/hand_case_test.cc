// Cases written by hand from the reference (testing/cases/*.txt, one file a primitive; see case_file.h for how to read
// them); cases/often holds those of primitives that recorded cases cover well, and needs fewer of them. HONE_HAND_CASE
// runs those whose title holds it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/schedule/testing/case_file.h"
#include "common/support/strings.h"

namespace hone::schedule::testing {
namespace {

constexpr char kFolder[] = "common/schedule/testing/cases";
constexpr size_t kCasesEach = 20;

std::vector<std::filesystem::path> FilesOf(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "programs.txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string Content(const std::filesystem::path& path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

void RunFiles(const std::filesystem::path& folder, size_t cases_each) {
  CasePrograms shared;
  ASSERT_TRUE(ParseCases(Content(StrCat(kFolder, "/programs.txt")), &shared).ok());
  const char* only = std::getenv("HONE_HAND_CASE");
  const std::vector<std::filesystem::path> files = FilesOf(folder);
  ASSERT_FALSE(files.empty());
  for (const std::filesystem::path& path : files) {
    CasePrograms programs = shared;
    const auto cases = ParseCases(Content(path), &programs);
    ASSERT_TRUE(cases.ok()) << path << " " << cases.status();
    EXPECT_GE(cases->size(), cases_each) << path;
    for (const HandCase& hand_case : *cases) {
      if (only != nullptr && hand_case.title.find(only) == std::string::npos) continue;
      const absl::Status status = RunCase(hand_case);
      EXPECT_TRUE(status.ok()) << path.filename() << ":" << hand_case.line << " \"" << hand_case.title << "\"\n"
                               << ToStd(status.message());
    }
  }
}

TEST(HandCaseTest, EveryCaseComesOutAsTheReferenceSays) { RunFiles(kFolder, kCasesEach); }

TEST(HandCaseTest, SoDoCasesOfPrimitivesThatAreRecordedOften) { RunFiles(StrCat(kFolder, "/often"), 1); }

// One file a chapter of the reference.
TEST(HandCaseTest, EveryNamedConditionIsRefused) { RunFiles(StrCat(kFolder, "/refusals"), 10); }

}  // namespace
}  // namespace hone::schedule::testing
