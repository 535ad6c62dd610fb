// What the two floor programs share: arguments, clocks, sockets, waiting and the child process.

#ifndef FLOOR_H
#define FLOOR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// The largest payload of one IPv4 UDP datagram.
enum { DATAGRAM_BYTES_MAX = 65507 };

/// Set by SIGINT and SIGTERM once `floor_catch_signals` was called; every loop ends when it is.
bool floor_interrupted(void);
void floor_catch_signals(void);

/// Prints "PROGRAM: message" (and errno's text for `floor_fail_errno`), ends the child, and exits with 1.
_Noreturn void floor_fail(const char *message);
_Noreturn void floor_fail_errno(const char *what);

/// Monotonic time, and CPU time of this process (user and system), in nanoseconds.
uint64_t floor_now(void);
uint64_t floor_cpu(void);

/// Reads the whole of `text` as a number between `least` and `most`, or fails naming `option`.
uint64_t floor_number(const char *option, const char *text, uint64_t least, uint64_t most);

/// Opens a UDP socket on 127.0.0.1 at `port` (0: any), asking for 4 MiB of receive buffer.
int floor_socket(uint16_t port);
/// Where a socket is bound, and what the kernel granted it as receive buffer, in bytes of kernel memory.
struct sockaddr_in floor_address(int socket);
uint64_t floor_receive_buffer(int socket);

/// An epoll instance that watches one socket for input.
int floor_epoll(int socket);
/// Blocks until input is there (true), or `milliseconds` passed or SIGINT or SIGTERM came (false).
bool floor_wait(int epoll, int milliseconds);

/// Forks; in the child returns 0. The child ignores SIGINT and dies with its parent, or by `floor_end_child`.
pid_t floor_fork(void);
void floor_end_child(void);

#endif
