// Runs a libFuzzer target once over the files of the folders that are given: what the fuzzers found before, as a test.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  int count = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      std::fprintf(stderr, "%s\n", entry.path().c_str());
      // A copy of the very size, so that sanitizers see reads beyond the end.
      auto* copy = new uint8_t[text.size()];
      std::copy(text.begin(), text.end(), copy);
      LLVMFuzzerTestOneInput(copy, text.size());
      delete[] copy;
      ++count;
    }
  }
  std::printf("%d inputs\n", count);
  return count > 0 ? 0 : 1;  // Seeds that are not found are a mistake of the build.
}
