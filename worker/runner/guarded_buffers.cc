#include "worker/runner/guarded_buffers.h"

#include <emmintrin.h>
#include <sys/mman.h>

#include <cstring>

namespace hone::runner {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;

size_t RoundUp(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// `bytes` usable bytes with at least one guard page on either side, starting on a huge page when they fill one.
uint8_t* MapBetweenGuards(size_t bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : kPageBytes;
  const size_t reserved = bytes + alignment + 2 * kPageBytes;
  void* memory = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  const size_t start = RoundUp(reinterpret_cast<size_t>(memory) + kPageBytes, alignment);
  uint8_t* usable = reinterpret_cast<uint8_t*>(start);
  if (mprotect(usable, bytes, PROT_READ | PROT_WRITE) != 0) return nullptr;
  if (alignment == kHugePage) madvise(usable, bytes, MADV_HUGEPAGE);
  return usable;
}

}  // namespace

bool GuardedBuffers::Map(const WireArg* args, size_t num_args) {
  for (size_t i = 0; i < num_args; ++i) {
    Buffer buffer;
    buffer.arg = args[i];
    buffer.page_bytes = RoundUp(args[i].bytes == 0 ? 1 : args[i].bytes, kPageBytes);
    buffer.pages = MapBetweenGuards(buffer.page_bytes);
    if (buffer.pages == nullptr) return false;
    buffer.data = buffer.pages + (buffer.page_bytes - RoundUp(args[i].bytes, kAlignment));
    buffers_.push_back(buffer);
    pointers_.push_back(buffer.data);
  }
  return true;
}

void GuardedBuffers::Fill(const uint8_t* source) {
  for (Buffer& buffer : buffers_) {
    uint8_t* end = buffer.data + buffer.arg.bytes;
    std::memset(buffer.pages, kCanaryByte, static_cast<size_t>(buffer.data - buffer.pages));
    std::memset(end, kCanaryByte, static_cast<size_t>(buffer.pages + buffer.page_bytes - end));
    if (!buffer.arg.poisoned) std::memcpy(buffer.data, source + buffer.arg.offset, buffer.arg.bytes);
  }
  Poison();
}

void GuardedBuffers::Poison() {
  for (Buffer& buffer : buffers_) {
    if (buffer.arg.poisoned) std::memset(buffer.data, kPoisonByte, buffer.arg.bytes);
  }
}

void GuardedBuffers::CopyTo(uint8_t* destination) const {
  for (const Buffer& buffer : buffers_) std::memcpy(destination + buffer.arg.offset, buffer.data, buffer.arg.bytes);
}

void GuardedBuffers::Flush() const {
  for (const Buffer& buffer : buffers_) {
    for (size_t at = 0; at < buffer.arg.bytes; at += kAlignment) _mm_clflush(buffer.data + at);
  }
  _mm_mfence();
}

bool GuardedBuffers::FindDamage(int* index, int64_t* offset) const {
  for (size_t i = 0; i < buffers_.size(); ++i) {
    const Buffer& buffer = buffers_[i];
    const uint8_t* end = buffer.data + buffer.arg.bytes;
    *index = static_cast<int>(i);
    for (const uint8_t* p = buffer.data; p-- > buffer.pages;) {
      *offset = p - buffer.data;
      if (*p != kCanaryByte) return true;
    }
    for (const uint8_t* p = end; p < buffer.pages + buffer.page_bytes; ++p) {
      *offset = p - buffer.data;
      if (*p != kCanaryByte) return true;
    }
  }
  return false;
}

int GuardedBuffers::Nearest(uint64_t address, int64_t* offset) const {
  constexpr uint64_t kReach = 2 * kPageBytes;
  for (size_t i = 0; i < buffers_.size(); ++i) {
    const uint64_t first = reinterpret_cast<uint64_t>(buffers_[i].pages);
    if (address + kReach < first || address >= first + buffers_[i].page_bytes + kReach) continue;
    *offset = static_cast<int64_t>(address - reinterpret_cast<uint64_t>(buffers_[i].data));
    return static_cast<int>(i);
  }
  return -1;
}

}  // namespace hone::runner
