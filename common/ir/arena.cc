#include "common/ir/arena.h"

#include <algorithm>

namespace hone::ir {

constinit thread_local Arena* Arena::current_ = nullptr;

namespace {
constexpr size_t kFirstBlockBytes = 16 << 10;
constexpr size_t kLargestBlockBytes = 1 << 20;
}  // namespace

Arena::~Arena() {
  for (const auto& [memory, size] : blocks_) ::operator delete(memory);
}

void Arena::Grow(size_t bytes) {
  size_t size = blocks_.empty() ? kFirstBlockBytes : std::min(blocks_.back().second * 2, kLargestBlockBytes);
  size = std::max(size, bytes);
  char* memory = static_cast<char*>(::operator new(size));
  blocks_.emplace_back(memory, size);
  bytes_reserved_ += size;
  next_ = memory;
  end_ = memory + size;
}

std::string_view Arena::CopyString(std::string_view text) {
  if (text.empty()) return {};
  char* copy = static_cast<char*>(Allocate(text.size()));
  std::memcpy(copy, text.data(), text.size());
  return std::string_view(copy, text.size());
}

void Arena::KeepAlive(std::shared_ptr<const Arena> other) {
  if (other == nullptr || other.get() == this) return;
  for (const auto& kept : kept_) {
    if (kept == other) return;
  }
  kept_.push_back(std::move(other));
}

void Arena::Reset() {
  kept_.clear();
  if (blocks_.empty()) return;
  while (blocks_.size() > 1) {  // The last block is the largest.
    ::operator delete(blocks_.front().first);
    blocks_.erase(blocks_.begin());
  }
  bytes_reserved_ = blocks_[0].second;
  next_ = blocks_[0].first;
  end_ = next_ + blocks_[0].second;
}

}  // namespace hone::ir
