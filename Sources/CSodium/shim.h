// The system's libsodium, a C library that the program links: `libsodium-dev` on Debian.

#ifndef GRAPEVINE_CSODIUM_H
#define GRAPEVINE_CSODIUM_H

#include <sodium.h>

#endif
