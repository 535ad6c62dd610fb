// The system's ZeroMQ, a C library that the program links: `libzmq3-dev` on Debian.

#ifndef GRAPEVINE_CZEROMQ_H
#define GRAPEVINE_CZEROMQ_H

#include <zmq.h>

#ifdef __linux__
#include <sys/epoll.h>
#endif

// Properties that a socket tells its peers in the handshake. The header has it in draft builds alone; the library
// honours it in all since 4.3.
#ifndef ZMQ_METADATA
#define ZMQ_METADATA 95
#endif

#endif
