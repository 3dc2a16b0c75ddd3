// libFuzzer target: any text is refused as a target, or parses to one whose text and JSON parse to the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/support/check.h"
#include "common/target/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::StatusOr<hone::Target> target =
      hone::Target::Parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!target.ok()) {
    HONE_CHECK(!target.status().message().empty());
    return 0;
  }
  const std::string json = target->ToJson();
  const absl::StatusOr<hone::Target> again = hone::Target::Parse(json);
  HONE_CHECK(again.ok()) << std::string(again.status().message()) << "\n" << json;
  HONE_CHECK(again->ToJson() == json) << json << "\n" << again->ToJson();
  HONE_CHECK(again->ContentId() == target->ContentId()) << json;
  hone::Target::Parse(target->ToString()).status().IgnoreError();
  target->HasFeature("avx512f");
  target->VectorBits();
  target->MissingAttributes();
  return 0;
}
