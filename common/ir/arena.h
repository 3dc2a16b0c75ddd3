// Where IR nodes live. Nodes are immutable, trivially destructible and allocated by bumping a pointer; they die all at
// once with their arena. So a node costs a few nanoseconds, a handle is one pointer, reading needs no synchronisation,
// and nothing is counted.
//
// Rules:
//  * Nodes are built while an ArenaScope is active on the thread; they go into its arena.
//  * Whoever keeps nodes beyond a scope keeps their arena: IRModule and Schedule do.
//  * A node may point into another arena only when its own arena keeps that one alive (Arena::KeepAlive).
//  * An arena is filled by one thread at a time; its finished nodes may be read by any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/support/check.h"

namespace hone::ir {

class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* Allocate(size_t bytes) {
    bytes = (bytes + 7) & ~size_t{7};
    if (static_cast<size_t>(end_ - next_) < bytes) [[unlikely]]
      Grow(bytes);
    void* out = next_;
    next_ += bytes;
    return out;
  }
  std::string_view CopyString(std::string_view text);

  // `other` lives at least as long as this arena. Null and this arena itself are ignored.
  void KeepAlive(std::shared_ptr<const Arena> other);
  // Forgets all nodes and kept arenas but keeps one block of memory for reuse. No node of it may be used any more.
  void Reset();
  size_t bytes_reserved() const { return bytes_reserved_; }

  // The arena of the innermost ArenaScope of this thread; a CHECK failure without one.
  static Arena& Current() {
    HONE_CHECK(current_ != nullptr) << "IR is built outside of an ArenaScope";
    return *current_;
  }
  static Arena* CurrentOrNull() { return current_; }

 private:
  friend class ArenaScope;
  void Grow(size_t bytes);

  // Constant-initialised, so that readers elsewhere need no wrapper; and at an offset that is fixed when the program
  // starts, so that reading it is one instruction and no call.
  [[gnu::tls_model("initial-exec")]] static constinit thread_local Arena* current_;
  char* next_ = nullptr;
  char* end_ = nullptr;
  std::vector<std::pair<char*, size_t>> blocks_;
  std::vector<std::shared_ptr<const Arena>> kept_;
  size_t bytes_reserved_ = 0;
};

using ArenaRef = std::shared_ptr<Arena>;

// Makes `arena` the thread's current one until destroyed.
class ArenaScope {
 public:
  explicit ArenaScope(Arena& arena) : previous_(Arena::current_) { Arena::current_ = &arena; }
  explicit ArenaScope(const ArenaRef& arena) : ArenaScope(*arena) {}
  ~ArenaScope() { Arena::current_ = previous_; }
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;

 private:
  Arena* previous_;
};

// A node in the current arena, from the arguments of T's aggregate initialiser or constructor.
template <typename T, typename... Args>
T* New(Args&&... args) {
  static_assert(std::is_trivially_destructible_v<T>);
  return ::new (Arena::Current().Allocate(sizeof(T))) T{std::forward<Args>(args)...};
}

// A mutable copy of `node` in the current arena: change its fields, then use it as const.
template <typename T>
T* CopyNode(const T* node) {
  static_assert(std::is_trivially_destructible_v<T>);
  return ::new (Arena::Current().Allocate(sizeof(T))) T(*node);
}

inline std::string_view CopyString(std::string_view text) { return Arena::Current().CopyString(text); }

// An immutable sequence in an arena: pointer and length, passed by value. It cannot be made from a std::vector
// implicitly (that would dangle): use MakeArray.
template <typename T>
class Array {
 public:
  using value_type = T;
  constexpr Array() = default;
  Array(const T* data, size_t size) : data_(data), size_(size) {}

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T* data() const { return data_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  const T& operator[](size_t i) const { return data_[i]; }
  const T& front() const { return data_[0]; }
  const T& back() const { return data_[size_ - 1]; }
  std::vector<T> ToVector() const { return std::vector<T>(begin(), end()); }
  // The elements [from, from + count) of the same memory.
  Array Slice(size_t from, size_t count) const { return Array(data_ + from, count); }
  // Same memory, not equal content.
  bool same_as(const Array& other) const { return data_ == other.data_ && size_ == other.size_; }

 private:
  const T* data_ = nullptr;
  size_t size_ = 0;
};

// Copies `size` elements into the current arena.
template <typename T>
Array<T> MakeArray(const T* data, size_t size) {
  static_assert(std::is_trivially_destructible_v<T>);
  if (size == 0) return {};
  T* copy = static_cast<T*>(Arena::Current().Allocate(sizeof(T) * size));
  for (size_t i = 0; i < size; ++i) ::new (copy + i) T(data[i]);
  return Array<T>(copy, size);
}
template <typename T>
Array<T> MakeArray(const std::vector<T>& items) {
  return MakeArray(items.data(), items.size());
}
template <typename T>
Array<T> MakeArray(std::initializer_list<T> items) {
  return MakeArray(items.begin(), items.size());
}

}  // namespace hone::ir
