// Reading JSON databases line by line in bounded memory: TVM's files, and beside them Hone's own, which say more of the
// same lines.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/record/tvm_line.h"

namespace hone {

constexpr size_t kMaxLineBytes = size_t{64} << 20;

// The lines of a file that end in a newline; one that a crash cut short is passed over. Not thread-safe.
class LineReader {
 public:
  // A file that cannot be opened has no lines.
  explicit LineReader(const std::string& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;

  // The next line without its newline, valid until the next call; nullopt at the end. A line longer than kMaxLineBytes
  // comes as `too_long` and empty.
  std::optional<std::string_view> Next();
  bool too_long() const { return too_long_; }
  int64_t number() const { return number_; }          // Of the line that Next gave, from 0.
  int64_t good_bytes() const { return good_bytes_; }  // Up to and with the last whole line.

 private:
  bool Fill();  // False at the end of the file.

  FILE* file_;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;  // Of what was read and not yet given.
  bool too_long_ = false;
  int64_t number_ = -1;
  int64_t good_bytes_ = 0;
};

// Hone's file beside TVM's: lines `[number,"check",json]`, where check tells whether it still means TVM's line
// `number`.
std::string OwnCheck(std::string_view tvm_line);

class OwnLines {
 public:
  explicit OwnLines(const std::string& path) : lines_(path) {}
  // The JSON that belongs to TVM's line `number`; ask with rising numbers. Valid until the next call.
  std::optional<std::string_view> For(int64_t number, std::string_view tvm_line);
  int64_t DrainedBytes();  // Reads on to the end; the file's good size.

 private:
  void Advance();

  LineReader lines_;
  int64_t at_ = -1;  // The line's number; less than what is asked for = read on.
  std::string_view check_, json_;
  bool ended_ = false;
};

// One line of TVM's files, with what Hone's own says of it.
absl::StatusOr<Workload> ParseWorkloadLine(int64_t number, std::string_view line, OwnLines& own,
                                           const ModuleCodec& codec);
absl::StatusOr<IndexedRecord> ParseRecordLine(int64_t number, std::string_view line, OwnLines& own);

}  // namespace hone
