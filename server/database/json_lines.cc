#include "server/database/json_lines.h"

#include <cstring>
#include <utility>
#include <vector>

#include "common/record/json_scan.h"
#include "common/record/record_json.h"
#include "common/record/storable.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;

}  // namespace

LineReader::LineReader(const std::string& path) : file_(std::fopen(path.c_str(), "rbe")) {}

LineReader::~LineReader() {
  if (file_ != nullptr) std::fclose(file_);
}

bool LineReader::Fill() {
  if (file_ == nullptr) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() < end_ + kReadBytes) buffer_.resize(end_ + kReadBytes);
  const size_t read = std::fread(buffer_.data() + end_, 1, buffer_.size() - end_, file_);
  end_ += read;
  return read > 0;
}

std::optional<std::string_view> LineReader::Next() {
  too_long_ = false;
  for (size_t searched = 0;;) {
    const char* from = buffer_.data() + begin_;
    const void* newline =
        end_ - begin_ > searched ? std::memchr(from + searched, '\n', end_ - begin_ - searched) : nullptr;
    if (newline != nullptr) {
      const auto size = static_cast<size_t>(static_cast<const char*>(newline) - from);
      begin_ += size + 1;
      good_bytes_ += static_cast<int64_t>(size) + 1;
      ++number_;
      return too_long_ ? std::string_view() : std::string_view(from, size);
    }
    searched = end_ - begin_;
    if (searched > kMaxLineBytes) {  // Not kept; only its end is looked for.
      too_long_ = true;
      good_bytes_ += static_cast<int64_t>(searched);
      begin_ = end_;
      searched = 0;
    }
    if (!Fill()) return std::nullopt;
  }
}

std::string OwnCheck(std::string_view tvm_line) { return Sha256(tvm_line).Hex().substr(0, 16); }

// A line that is no entry does not matter: TVM's says enough.
void OwnLines::Advance() {
  std::optional<std::string_view> line = lines_.Next();
  ended_ = !line;
  if (ended_) return;
  absl::StatusOr<std::vector<std::string_view>> parts = SplitJsonArray(*line);
  if (!parts.ok() || parts->size() != 3 || (*parts)[1].size() < 2) return;
  absl::StatusOr<int64_t> number = ParseJsonInteger((*parts)[0]);
  if (!number.ok()) return;
  at_ = *number;
  check_ = (*parts)[1].substr(1, (*parts)[1].size() - 2);
  json_ = (*parts)[2];
}

std::optional<std::string_view> OwnLines::For(int64_t number, std::string_view tvm_line) {
  while (at_ < number && !ended_) Advance();
  if (ended_ || at_ != number) return std::nullopt;
  const std::string check = OwnCheck(tvm_line);
  while (at_ == number && check_ != check && !ended_) Advance();  // Of a line that a crash took back.
  if (ended_ || at_ != number) return std::nullopt;
  return json_;
}

int64_t OwnLines::DrainedBytes() {
  while (lines_.Next()) {
  }
  ended_ = true;
  return lines_.good_bytes();
}

absl::StatusOr<Workload> ParseWorkloadLine(int64_t number, std::string_view line, OwnLines& own,
                                           const ModuleCodec& codec) {
  const std::optional<std::string_view> json = own.For(number, line);
  HONE_ASSIGN_OR_RETURN(Workload workload, json ? WorkloadFromJson(*json) : ParseTvmWorkloadLine(line, codec));
  HONE_RETURN_IF_ERROR(CheckStorable(workload));
  return workload;
}

absl::StatusOr<IndexedRecord> ParseRecordLine(int64_t number, std::string_view line, OwnLines& own) {
  HONE_ASSIGN_OR_RETURN(IndexedRecord parsed, ParseTvmRecordLine(line));
  if (std::optional<std::string_view> json = own.For(number, line)) {
    HONE_ASSIGN_OR_RETURN(TuningRecord full, RecordFromJson(*json));
    full.trace_json = std::move(parsed.record.trace_json);
    parsed.record = std::move(full);
  }
  HONE_RETURN_IF_ERROR(CheckStorable(parsed.record));
  return parsed;
}

}  // namespace hone
