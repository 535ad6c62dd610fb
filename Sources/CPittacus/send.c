// Sending many datagrams with few system calls.
//
// Datagrams of one length to one destination, one behind the other (the last may be shorter), are a train: Linux takes
// it as one message and cuts it up (UDP_SEGMENT), so receivers see the same datagrams as ever. All messages of a batch
// go in one call. A path that refuses trains (EIO, EINVAL, EMSGSIZE or EOPNOTSUPP) gets their datagrams one by one, and
// when it takes them so, no more trains are made.

#define _GNU_SOURCE 1
#include "pittacus_support.h"

#include <errno.h>
#include <string.h>

static int no_room(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS; }

#ifdef __linux__

// Values of the kernel's interface, for C libraries that are older than it.
#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

// Datagrams in a train. Long ones cost less, but nothing of one arrives before all of it was taken, so two nodes that
// wait for each other sleep in turns. Measured with 32 messages under way: on an idle machine trains of 4 have more than
// 1.5 times the rate of trains as long as they come; on one with more to do, 0.7 of it.
enum { train_limit = 4 };

static int is_same(const ps_endpoint *first, const ps_endpoint *second) {
  return first->low == second->low && first->port == second->port && first->high == second->high &&
         first->scope == second->scope;
}

// The number of datagrams of the train that begins with the first of `count`.
static int train(const ps_datagram *datagrams, int count) {
  size_t size = datagrams->size;
  int length = 1;
  while (length < count && length < train_limit && datagrams[length].size <= size && datagrams[length].size > 0 &&
         is_same(&datagrams[length].destination, &datagrams->destination)) {
    if (datagrams[length++].size < size) break;
  }
  return length;
}

typedef union {
  struct cmsghdr header;
  char space[CMSG_SPACE(sizeof(uint16_t))];
} segment_t;

static void cut(struct msghdr *message, segment_t *control, uint16_t size) {
  message->msg_control = control;
  message->msg_controllen = sizeof control->space;
  struct cmsghdr *entry = CMSG_FIRSTHDR(message);
  entry->cmsg_level = SOL_UDP;
  entry->cmsg_type = UDP_SEGMENT;
  entry->cmsg_len = CMSG_LEN(sizeof size);
  memcpy(CMSG_DATA(entry), &size, sizeof size);
}

// One call for up to `ps_batch` datagrams, in trains behind the first `singles`. The number that left, or -1 with errno
// and the number of datagrams that the first message had in `refused`.
static int call(int socket, const ps_datagram *datagrams, int count, int singles, int *refused) {
  struct mmsghdr messages[ps_batch];
  struct iovec parts[ps_batch];
  union {
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } addresses[ps_batch];
  segment_t controls[ps_batch];
  int filled = 0, next = 0;
  while (next < count) {
    int length = next < singles ? 1 : train(datagrams + next, count - next);
    struct msghdr *message = &messages[filled].msg_hdr;
    memset(message, 0, sizeof *message);
    message->msg_name = &addresses[filled];
    message->msg_namelen = ps_write(&datagrams[next].destination, (struct sockaddr *)&addresses[filled]);
    message->msg_iov = parts + next;
    message->msg_iovlen = (size_t)length;
    if (length > 1) cut(message, &controls[filled], (uint16_t)datagrams[next].size);
    for (int end = next + length; next < end; next++) {
      parts[next].iov_base = (void *)(uintptr_t)datagrams[next].bytes;
      parts[next].iov_len = datagrams[next].size;
    }
    filled++;
  }
  *refused = (int)messages[0].msg_hdr.msg_iovlen;
  int left = sendmmsg(socket, messages, (unsigned)filled, MSG_DONTWAIT);
  if (left < 0) return -1;
  int datagrams_left = 0;
  for (int index = 0; index < left; index++) datagrams_left += (int)messages[index].msg_hdr.msg_iovlen;
  return datagrams_left;
}

int ps_send(int socket, const ps_datagram *datagrams, int count, int *whole, int *left) {
  if (count > ps_batch) count = ps_batch;
  // Datagrams that go by themselves: their train was refused.
  int singles = 0;
  for (int next = 0; next < count;) {
    int refused = 0;
    int sent = call(socket, datagrams + next, count - next, *whole ? singles - next : count, &refused);
    if (sent > 0) {
      if (next < singles) *whole = 0;
      next += sent;
      *left += sent;
    } else if (sent == 0 || no_room(errno)) {
      return next;
    } else if (errno == EINTR) {
      continue;
    } else if (refused > 1 && (errno == EIO || errno == EINVAL || errno == EMSGSIZE || errno == EOPNOTSUPP)) {
      singles = next + refused;
    } else {
      next += refused;
    }
  }
  return count;
}

#else

int ps_send(int socket, const ps_datagram *datagrams, int count, int *whole, int *left) {
  (void)whole;
  for (int next = 0; next < count; next++) {
    struct sockaddr_storage storage;
    socklen_t length = ps_write(&datagrams[next].destination, (struct sockaddr *)&storage);
    ssize_t sent;
    do {
      sent = sendto(socket, datagrams[next].bytes, datagrams[next].size, MSG_DONTWAIT, (struct sockaddr *)&storage,
                    length);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
      ++*left;
    } else if (no_room(errno)) {
      return next;
    }
  }
  return count;
}

#endif
