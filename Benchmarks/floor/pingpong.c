// How long one small datagram takes to another process and back through UDP on loopback, in plain C.
//
// Both ends wait the same way: blocked in epoll, as an event loop does, or asking the socket again and again
// (spin). A latency may be compared only with one of a program that waits like this one.
//
//   pingpong [--size BYTES] [--rounds ROUNDS] [--wait epoll|spin]               one line of JSON

#define _GNU_SOURCE 1
#include "floor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, ROUND_TIMEOUT_MS = 1000, CHILD_IDLE_MS = 10000, WARM_UP_ROUNDS = 500 };

/// A socket, how it is waited for, and the buffers of one batch.
struct end {
  int socket, epoll;
  bool spins;
  uint64_t size;
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  struct sockaddr_in addresses[BATCH];
};

static void prepare(struct end *end, int socket, uint64_t size, bool spins) {
  *end = (struct end){.socket = socket, .epoll = floor_epoll(socket), .spins = spins, .size = size};
  uint8_t *buffer = calloc(BATCH, size);
  if (!buffer) floor_fail("no memory for the buffers");
  for (int i = 0; i < BATCH; i++) {
    end->vectors[i] = (struct iovec){buffer + (size_t)i * size, size};
    end->messages[i].msg_hdr =
        (struct msghdr){.msg_name = &end->addresses[i], .msg_iov = &end->vectors[i], .msg_iovlen = 1};
  }
}

static int take_batch(struct end *end) {
  for (int i = 0; i < BATCH; i++) end->messages[i].msg_hdr.msg_namelen = sizeof *end->addresses;
  int count = recvmmsg(end->socket, end->messages, BATCH, MSG_DONTWAIT, NULL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) floor_fail_errno("recvmmsg");
  return count > 0 ? count : 0;
}

/// The datagrams of the next batch; 0 when none came within `milliseconds` or a signal came.
static int receive(struct end *end, int milliseconds) {
  if (!end->spins) return floor_wait(end->epoll, milliseconds) ? take_batch(end) : 0;
  uint64_t deadline = floor_now() + (uint64_t)milliseconds * 1000000u;
  for (unsigned turn = 1; !floor_interrupted(); turn++) {
    int count = take_batch(end);
    if (count > 0) return count;
    if (turn % 1024 == 0 && floor_now() > deadline) return 0;
  }
  return 0;
}

static void send_to(struct end *end, const void *bytes, const struct sockaddr_in *peer) {
  ssize_t sent = sendto(end->socket, bytes, end->size, 0, (const struct sockaddr *)peer, sizeof *peer);
  if (sent < 0 && errno != EINTR) floor_fail_errno("sendto");
}

/// The child: returns every datagram to where it came from.
static void echo(struct end *end) {
  for (int count; (count = receive(end, CHILD_IDLE_MS)) > 0;)
    for (int i = 0; i < count; i++) send_to(end, end->vectors[i].iov_base, &end->addresses[i]);
}

/// The parent: one datagram at a time; the time of each round goes to `nanoseconds`.
static void measure(struct end *end, const struct sockaddr_in *peer, uint64_t rounds, uint64_t *nanoseconds) {
  uint8_t *ping = calloc(1, end->size);
  if (!ping) floor_fail("no memory for the datagram");
  for (uint64_t i = 0; i < WARM_UP_ROUNDS + rounds && !floor_interrupted(); i++) {
    uint64_t start = floor_now();
    send_to(end, ping, peer);
    int count = receive(end, ROUND_TIMEOUT_MS);
    if (count == 0 && !floor_interrupted()) floor_fail("a datagram did not come back within 1 s");
    if (i >= WARM_UP_ROUNDS) nanoseconds[i - WARM_UP_ROUNDS] = floor_now() - start;
  }
  free(ping);
}

static int ascending(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

static void print_result(const struct end *end, uint64_t rounds, uint64_t *nanoseconds) {
  qsort(nanoseconds, rounds, sizeof *nanoseconds, ascending);
  printf("{\"wait\":\"%s\",\"size\":%llu,\"rounds\":%llu,\"medianNanoseconds\":%llu,"
         "\"p10Nanoseconds\":%llu,\"p99Nanoseconds\":%llu}\n",
         end->spins ? "spin" : "epoll", (unsigned long long)end->size, (unsigned long long)rounds,
         (unsigned long long)nanoseconds[rounds / 2], (unsigned long long)nanoseconds[rounds / 10],
         (unsigned long long)nanoseconds[rounds * 99 / 100]);
}

static void usage(void) {
  fprintf(stderr, "usage: pingpong [--size BYTES] [--rounds ROUNDS] [--wait epoll|spin]\n");
  exit(2);
}

int main(int count, char **arguments) {
  uint64_t size = 64, rounds = 20000;
  bool spins = false;
  for (int i = 1; i < count; i += 2) {
    const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
    if (!strcmp(name, "--size"))
      size = floor_number(name, value, 1, DATAGRAM_BYTES_MAX);
    else if (!strcmp(name, "--rounds"))
      rounds = floor_number(name, value, 1, 10000000);
    else if (!strcmp(name, "--wait") && (!strcmp(value, "epoll") || !strcmp(value, "spin")))
      spins = !strcmp(value, "spin");
    else
      usage();
  }

  floor_catch_signals();
  int theirs = floor_socket(0);
  struct sockaddr_in peer = floor_address(theirs);
  static struct end end;
  if (floor_fork() == 0) {
    prepare(&end, theirs, size, spins);
    echo(&end);
    return 0;
  }
  prepare(&end, floor_socket(0), size, spins);
  uint64_t *nanoseconds = calloc(rounds, sizeof *nanoseconds);
  if (!nanoseconds) floor_fail("no memory for the results");
  measure(&end, &peer, rounds, nanoseconds);
  floor_end_child();
  if (floor_interrupted()) return 130;
  print_result(&end, rounds, nanoseconds);
  free(nanoseconds);
  return 0;
}
