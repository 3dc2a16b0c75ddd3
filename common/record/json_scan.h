// Reading JSON text without building a tree: values are found, passed over and cut out as views. Made for record lines,
// whose traces stay text. Accepts what TVM's parser accepts (database.md 2.2): any white space, a trailing comma, the
// escapes \" \\ \/ \b \f \n \r \t; and besides \u, and the \xHH that TVM writes and does not read. Nesting is limited, so no input exhausts the stack.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hone {

constexpr int kMaxJsonDepth = 200;

// Elements of the one array that `text` holds, as views without surrounding blanks. InvalidArgument names the offset.
absl::StatusOr<std::vector<std::string_view>> SplitJsonArray(std::string_view text);

// The end of the value that starts at `begin` (not a blank) in `text`.
absl::StatusOr<size_t> SkipJsonValue(std::string_view text, size_t begin);

// One number; also "inf", "-inf" and "nan", which TVM writes and cannot read.
absl::StatusOr<double> ParseJsonNumber(std::string_view text);
absl::StatusOr<int64_t> ParseJsonInteger(std::string_view text);
// One string with its quotes.
absl::StatusOr<std::string> ParseJsonString(std::string_view text);

// As TVM's writer prints them (database.md 2.1): %.20g, and bytes outside printable ASCII as \xHH.
std::string TvmJsonNumber(double value);
std::string TvmJsonString(std::string_view value);

}  // namespace hone
