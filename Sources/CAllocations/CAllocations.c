// Counting what the whole process allocates; see CAllocations.h.
//
// The executable's definitions come before those of the C library for every caller, the Swift runtime
// included, whether that is linked statically or not. glibc keeps its own under `__libc_` names.

#include "CAllocations.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

// A sanitizer replaces these functions itself.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CA_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(CA_SANITIZED)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *pointer);

static _Atomic uint64_t allocations;
static _Atomic uint64_t allocated_bytes;

static void count(size_t bytes) {
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&allocated_bytes, bytes, memory_order_relaxed);
}

void *malloc(size_t size) {
  count(size);
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count(number * size);  // Wraps only where the allocation fails too.
  return __libc_calloc(number, size);
}

void *realloc(void *pointer, size_t size) {
  count(size);
  return __libc_realloc(pointer, size);
}

void *memalign(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
  count(size);
  int before = errno;  // posix_memalign reports by its result and leaves errno alone.
  void *pointer = __libc_memalign(alignment, size);
  errno = before;
  if (!pointer) return ENOMEM;
  *result = pointer;
  return 0;
}

void free(void *pointer) { __libc_free(pointer); }

int ca_supported(void) { return 1; }
uint64_t ca_allocations(void) { return atomic_load_explicit(&allocations, memory_order_relaxed); }
uint64_t ca_allocated_bytes(void) { return atomic_load_explicit(&allocated_bytes, memory_order_relaxed); }

#else

int ca_supported(void) { return 0; }
uint64_t ca_allocations(void) { return 0; }
uint64_t ca_allocated_bytes(void) { return 0; }

#endif
