// Short measurements of the machine itself, by which samples taken while somebody else used it can be told. Part of the
// zygote; one thread at a time calls each, but for ProbeCore.
#pragma once

#include <cstdint>

namespace hone::runner {

// Maps the memory that the probes read: the same for all candidates of a zygote, writable for none. Without memory the
// probes of caches give 0.
void PrepareProbes();

// Cycles a nanosecond, by a chain of dependent instructions. What shares the core does not slow it down.
double ProbeGhz();

// Nanoseconds to read a few MiB, more than a core's own caches hold, from the cache that it shares with others.
uint64_t ProbeCache();

// Nanoseconds to read what fits into the core's own second-level cache, on the calling thread; 5 us a call. The
// bandwidth there falls by 10 to 30 % while another hardware thread of the same core is awake, be it another tenant's:
// the most frequent disturbance on shared hosts, and one that no clock, load or steal time shows. Thread-safe.
uint64_t ProbeCore();

}  // namespace hone::runner
