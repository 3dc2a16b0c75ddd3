// The stock strategies: windows of trials over the pure rounds of server/search.
#pragma once

#include <string>

#include "client/cpp/search_strategy.h"

namespace hone::meta_schedule {

// Errors as SearchStrategy::Create.
absl::StatusOr<std::unique_ptr<SearchStrategy>> MakeRoundStrategy(std::string kind, std::string params_json);

}  // namespace hone::meta_schedule
