// Hand-written schedules of convolutions as TVMScript.
#pragma once

#include <cstdint>
#include <string>

namespace hone::bench {

// Y[1, h, w, co] = X[1, h, w, ci] convolved with W[kernel, kernel, ci, co], stride 1, padded to the same size, NHWC,
// float32. The padded input is made inside of the timed region.
struct DirectConv {
  int64_t h = 56, w = 56, ci = 64, co = 64;
  int64_t kernel = 3;
  int64_t wr = 14, cr = 32;  // Register tile: wr pixels of a row by cr channels; wr divides w, cr divides co.
  bool parallel = false;     // Over rows.
};

std::string DirectConvScript(const DirectConv& shape);
// The same computation, unscheduled.
std::string PlainConvScript(const DirectConv& shape);

}  // namespace hone::bench
