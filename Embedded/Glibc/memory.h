// Memory from the C library, as `import Glibc` shows it.

#ifndef EMBEDDED_GLIBC_H
#define EMBEDDED_GLIBC_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// The C library's is a cast, which is not imported.
#undef MAP_FAILED
static void *const MAP_FAILED = (void *)-1;

#endif
