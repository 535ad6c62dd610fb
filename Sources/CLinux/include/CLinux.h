// What Linux offers and Swift's C library modules do not show: batches of messages, epoll, eventfd, segments.
//
// This header must not define _GNU_SOURCE: it would change types that the Glibc module has already defined.
// Every function that can fail returns minus the error number, so that callers never read errno.

#ifndef CLINUX_H
#define CLINUX_H

#ifdef __linux__

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

/// One message of a batch; the layout of `struct mmsghdr`, which needs _GNU_SOURCE.
typedef struct {
  struct msghdr header;
  /// The bytes that the kernel moved for this message.
  unsigned int length;
} gv_message;

/// Sends up to `count` messages; returns how many the kernel took, or minus the error of the first.
int gv_send_messages(int socket, gv_message *messages, unsigned int count, int flags);

/// Receives up to `count` messages; returns how many came, or minus an error number.
int gv_receive_messages(int socket, gv_message *messages, unsigned int count, int flags);

/// The bytes of control data that `gv_segment_set` needs.
size_t gv_segment_space(void);

/// Makes the kernel cut the message into datagrams of `size` bytes; `control` holds gv_segment_space() bytes.
void gv_segment_set(struct msghdr *header, void *control, uint16_t size);

/// Whether the kernel knows UDP_SEGMENT: 1 or 0.
int gv_segment_supported(int socket);

/// The datagrams that the kernel dropped because the socket's receive queue was full; 0 when it does not say.
uint32_t gv_receive_drops(int socket);

/// Waits for events at most `nanoseconds`, or without limit when negative (epoll_pwait2, Linux 5.11).
///
/// Returns the number of events or minus an error number; -ENOSYS on an older kernel.
int gv_epoll_wait(int epoll, struct epoll_event *events, int count, int64_t nanoseconds);

/// Names the calling thread, for debuggers and /proc; at most 15 bytes.
void gv_thread_name(const char *name);

/// Opens what is at a path, be it a link, without any right but to look at it (O_PATH); minus an error number.
int gv_open_place(const char *path);

/// Gives what `gv_open_place` opened its mode, and its group unless that is negative; 0 or minus an error number.
int gv_change_rights(int place, uint32_t mode, int64_t group);

/// The user who opened the other end of a Unix socket (SO_PEERCRED); minus an error number.
int64_t gv_peer_user(int socket);

#endif
#endif
