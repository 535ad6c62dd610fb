// The system's OpenSSL, of which the program links libcrypto: `libssl-dev` on Debian.

#ifndef GRAPEVINE_COPENSSL_H
#define GRAPEVINE_COPENSSL_H

#include <openssl/evp.h>

#endif
