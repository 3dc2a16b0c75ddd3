// Builder messages as bytes, between a builder and its own compile children. Both come from one binary: no versions.
#pragma once

#include <string>
#include <string_view>

#include "common/measure/builder.h"

namespace hone::builder {

std::string EncodeRequest(const BuildRequest& request);
std::string EncodeResult(const BuildResult& result);

// False for bytes that the encoders did not write.
bool DecodeRequest(std::string_view bytes, BuildRequest* request);
bool DecodeResult(std::string_view bytes, BuildResult* result);

}  // namespace hone::builder
