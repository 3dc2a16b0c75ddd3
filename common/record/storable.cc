#include "common/record/storable.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "common/record/trace_semantics.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// The length of the character that `text` starts with, or 0 when it is none that can be stored.
size_t CharacterAt(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return first != 0;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool no_character = (first == 0xED && byte(1) > 0x9F) || (first == 0xF4 && byte(1) > 0x8F);
  return overlong || no_character ? 0 : length;
}

// The bytes at the front that are plain ASCII, in steps of eight: traces are, and are long.
size_t PlainPrefix(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;
  size_t at = 0;
  for (uint64_t word; at + sizeof(word) <= text.size(); at += sizeof(word)) {
    std::memcpy(&word, text.data() + at, sizeof(word));
    if ((word & kHighs) != 0 || ((word - kOnes) & ~word & kHighs) != 0) break;  // A high bit, or a zero byte.
  }
  return at;
}

absl::Status Check(std::string_view field, std::string_view text) {
  if (IsStorableText(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(field, " is not UTF-8 text, or has a zero byte"));
}

}  // namespace

bool IsStorableText(std::string_view text) {
  text.remove_prefix(PlainPrefix(text));
  while (!text.empty()) {
    const size_t length = CharacterAt(text);
    if (length == 0) return false;
    text.remove_prefix(length);
    if (text.size() >= 8) text.remove_prefix(PlainPrefix(text));
  }
  return true;
}

std::string StorableText(std::string_view text) {
  std::string storable(text);
  for (size_t at = 0; at < storable.size();) {
    const size_t length = CharacterAt(std::string_view(storable).substr(at));
    if (length == 0) storable[at] = '?';
    at += length == 0 ? 1 : length;
  }
  return storable;
}

absl::Status CheckStorable(const TuningRecord& record) {
  const std::pair<const char*, std::string_view> fields[] = {
      {"trace", record.trace_json},
      {"target", record.target_json},
      {"device class", record.device.device_class},
      {"device", record.device.json},
      {"codegen revision", record.revisions.codegen},
      {"release", record.revisions.release},
      {"job", record.slot.job_id},
      {"worker", record.worker},
      {"tenant", record.tenant},
      {"pool", record.pool},
      {"creator", record.created_by},
      {"sandbox layers", record.run.sandbox_layers},
      {"failure", record.run.failure ? std::string_view(record.run.failure->message) : std::string_view()}};
  for (const auto& [name, text] : fields) HONE_RETURN_IF_ERROR(Check(name, text));
  HONE_RETURN_IF_ERROR(CheckTraceSemantics(record.revisions));
  if (!record.run.failure && (record.run.samples.empty() || !(record.run.median > 0))) {
    return absl::InvalidArgumentError("the measurement has neither a failure nor a time");
  }
  if (!record.args_info) return absl::OkStatus();
  for (const TensorInfo& info : *record.args_info) HONE_RETURN_IF_ERROR(Check("dtype", info.dtype));
  return absl::OkStatus();
}

absl::Status CheckStorable(const Workload& workload) {
  HONE_RETURN_IF_ERROR(Check("script", workload.script));
  return Check("name", workload.name);
}

}  // namespace hone
