// The buffers that a candidate computes on: private memory between pages that cannot be touched, so that most accesses
// outside of a buffer fault at once, and the rest is seen in canary bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "worker/runner/wire.h"

namespace hone::runner {

class GuardedBuffers {
 public:
  // Buffers end as near to the guard page as an alignment of 64 bytes allows; large ones are backed by huge pages,
  // which takes the luck of physical placement out of timings. False when there is no memory.
  bool Map(const WireArg* args, size_t num_args);

  // data()[i] is parameter i; for the kernel.
  void** data() { return pointers_.data(); }
  size_t size() const { return buffers_.size(); }

  // Copies contents from `source` (laid out by WireArg::offset), poisons what is to be poisoned, renews the canaries.
  void Fill(const uint8_t* source);
  // Poisons without touching the inputs or canaries.
  void Poison();
  void CopyTo(uint8_t* destination) const;
  // Writes all lines back to memory and drops them from the caches.
  void Flush() const;

  // A parameter whose canary bytes were overwritten, and where, relative to its start. False when all are whole.
  bool FindDamage(int* buffer, int64_t* offset) const;
  // The parameter nearest to `address` (within a guard page or two of it) and the offset from its start; -1 = none.
  int Nearest(uint64_t address, int64_t* offset) const;

 private:
  struct Buffer {
    WireArg arg;
    uint8_t* pages = nullptr;  // First usable page.
    size_t page_bytes = 0;
    uint8_t* data = nullptr;
  };

  std::vector<Buffer> buffers_;
  std::vector<void*> pointers_;
};

}  // namespace hone::runner
