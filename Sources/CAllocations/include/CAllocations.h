// Counting what the whole process allocates, for benchmarks that report allocations per message.
//
// Linking this target replaces malloc and its relatives by counting ones over glibc's own. Elsewhere,
// and under a sanitizer, nothing is replaced, `ca_supported` is 0 and the counts stay 0.

#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H

#include <stdint.h>

/// 1 when allocations are counted, 0 when this C library offers no way to.
int ca_supported(void);

/// Allocations since the process started, by all threads; a reallocation counts as one. Frees do not count.
uint64_t ca_allocations(void);

/// Bytes asked for by those allocations; a reallocation counts its whole new size.
uint64_t ca_allocated_bytes(void);

#endif
