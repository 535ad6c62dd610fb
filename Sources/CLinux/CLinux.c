#define _GNU_SOURCE 1
#include "CLinux.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Values of the kernel's interface, for C libraries that are older than it.
#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

_Static_assert(sizeof(gv_message) == sizeof(struct mmsghdr), "gv_message has the layout of mmsghdr");
_Static_assert(offsetof(gv_message, length) == offsetof(struct mmsghdr, msg_len), "the length is at its place");

int gv_send_messages(int socket, gv_message *messages, unsigned int count, int flags) {
  int sent = sendmmsg(socket, (struct mmsghdr *)messages, count, flags);
  return sent < 0 ? -errno : sent;
}

int gv_receive_messages(int socket, gv_message *messages, unsigned int count, int flags) {
  int received = recvmmsg(socket, (struct mmsghdr *)messages, count, flags, NULL);
  return received < 0 ? -errno : received;
}

size_t gv_segment_space(void) { return CMSG_SPACE(sizeof(uint16_t)); }

void gv_segment_set(struct msghdr *header, void *control, uint16_t size) {
  header->msg_control = control;
  header->msg_controllen = CMSG_SPACE(sizeof(uint16_t));
  struct cmsghdr *entry = CMSG_FIRSTHDR(header);
  entry->cmsg_level = SOL_UDP;
  entry->cmsg_type = UDP_SEGMENT;
  entry->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  memcpy(CMSG_DATA(entry), &size, sizeof size);
}

int gv_segment_supported(int socket) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(socket, SOL_UDP, UDP_SEGMENT, &value, &length) == 0;
}

uint32_t gv_receive_drops(int socket) {
  // The ninth number is SK_MEMINFO_DROPS; the kernel writes as many as it knows.
  uint32_t numbers[16] = {0};
  socklen_t length = sizeof numbers;
  if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, numbers, &length) != 0) return 0;
  return length >= 9 * sizeof(uint32_t) ? numbers[8] : 0;
}

int gv_epoll_wait(int epoll, struct epoll_event *events, int count, int64_t nanoseconds) {
  // The kernel's 64-bit form: `struct timespec` has 32-bit fields with some C libraries.
  struct { int64_t seconds, nanoseconds; } limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  long ready = syscall(SYS_epoll_pwait2, epoll, events, count, nanoseconds < 0 ? NULL : &limit, NULL, 0);
  return ready < 0 ? -errno : (int)ready;
}

void gv_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

int gv_open_place(const char *path) {
  int place = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return place < 0 ? -errno : place;
}

int gv_change_rights(int place, uint32_t mode, int64_t group) {
  // Where the group cannot be had, the mode still counts.
  if (group >= 0) (void)!fchownat(place, "", (uid_t)-1, (gid_t)group, AT_EMPTY_PATH);
  if (syscall(SYS_fchmodat2, place, "", mode, AT_EMPTY_PATH) == 0) return 0;
  // Before Linux 6.6, or where a filter of calls does not know that one.
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", place);
  return chmod(path, mode) == 0 ? 0 : -errno;
}

int64_t gv_peer_user(int socket) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? (int64_t)peer.uid : -errno;
}

#endif
