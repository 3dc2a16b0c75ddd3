// What a searching child answers to the process that asked it, as JSON text. A plug-in runs in that child and may have
// scribbled over its memory: reading an answer believes nothing.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/tuning/search_runner.h"

namespace hone {

std::string EncodeFoundRound(const FoundRound& found);
std::string EncodeSearchError(const absl::Status& error);

// The round that was found, or the error that the search ended with. Unavailable: the text is no answer; it says why.
absl::StatusOr<FoundRound> DecodeSearchAnswer(std::string_view text);

}  // namespace hone
