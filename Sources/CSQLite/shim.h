// The system's SQLite, a C library that the program links: `libsqlite3-dev` on Debian.

#ifndef GRAPEVINE_CSQLITE_H
#define GRAPEVINE_CSQLITE_H

#include <sqlite3.h>

#endif
