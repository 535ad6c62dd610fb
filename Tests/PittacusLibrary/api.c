// Drives the whole of libpittacus from C, as a program that was written for the original does.
//
// Compiled and run by `make test` against the built library; `rate MESSAGES` and `memory` measure instead.

#include <pittacus/config.h>
#include <pittacus/errors.h>
#include <pittacus/gossip.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);   \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

typedef struct {
  int count;
  size_t size;
  int was_null;
  uint8_t bytes[512];
  int destroys;
} inbox_t;

static void receive(void *context, pittacus_gossip_t *gossip, const uint8_t *buffer, size_t size) {
  inbox_t *inbox = context;
  inbox->count++;
  inbox->size = size;
  inbox->was_null = buffer == NULL;
  if (buffer != NULL) memcpy(inbox->bytes, buffer, size);
  if (inbox->destroys) CHECK(pittacus_gossip_destroy(gossip) == PITTACUS_ERR_NONE);
}

static pt_sockaddr_in loopback(uint16_t port) {
  pt_sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = PT_HTONS(port);
  address.sin_addr.s_addr = PT_HTONL(INADDR_LOOPBACK);
  return address;
}

static pittacus_gossip_t *create(inbox_t *inbox) {
  pt_sockaddr_in address = loopback(0);
  pittacus_addr_t self = {.addr = (const pt_sockaddr *)&address, .addr_len = sizeof address};
  pittacus_gossip_t *gossip = pittacus_gossip_create(&self, &receive, inbox);
  CHECK(gossip != NULL);
  return gossip;
}

static pt_sockaddr_in address_of(pittacus_gossip_t *gossip) {
  pt_sockaddr_storage storage;
  pt_socklen_t length = sizeof storage;
  pt_sockaddr_in address;
  CHECK(pt_get_sock_name(pittacus_gossip_socket_fd(gossip), &storage, &length) == 0);
  memcpy(&address, &storage, sizeof address);
  return address;
}

static int join(pittacus_gossip_t *gossip, pittacus_gossip_t *seed) {
  pt_sockaddr_in address = address_of(seed);
  pittacus_addr_t seed_node = {.addr = (const pt_sockaddr *)&address, .addr_len = sizeof address};
  return pittacus_gossip_join(gossip, &seed_node, 1);
}

/// One turn of the loop of two nodes.
static void turn(pittacus_gossip_t *first, pittacus_gossip_t *second) {
  pittacus_gossip_t *both[] = {first, second};
  for (int index = 0; index < 2; index++) {
    int pause = pittacus_gossip_tick(both[index]);
    CHECK(pause > 0 && pause <= GOSSIP_TICK_INTERVAL);
    CHECK(pittacus_gossip_process_send(both[index]) >= 0);
  }
  for (int index = 0; index < 2; index++) {
    while (pittacus_gossip_process_receive(both[index]) != PITTACUS_ERR_READ_FAILED) {
    }
  }
}

static void nothing_stops_it(void) {
  CHECK(pittacus_gossip_create(NULL, NULL, NULL) == NULL);
  pittacus_addr_t nowhere = {.addr = NULL, .addr_len = 16};
  CHECK(pittacus_gossip_create(&nowhere, NULL, NULL) == NULL);
  pt_sockaddr_in any = loopback(0);
  any.sin_addr.s_addr = PT_HTONL(INADDR_ANY);
  pittacus_addr_t everywhere = {.addr = (const pt_sockaddr *)&any, .addr_len = sizeof any};
  errno = 0;
  CHECK(pittacus_gossip_create(&everywhere, NULL, NULL) == NULL && errno == EADDRNOTAVAIL);
  pittacus_addr_t cut = {.addr = (const pt_sockaddr *)&any, .addr_len = 3};
  CHECK(pittacus_gossip_create(&cut, NULL, NULL) == NULL);
  CHECK(pittacus_gossip_destroy(NULL) == PITTACUS_ERR_BAD_STATE);
  CHECK(pittacus_gossip_join(NULL, NULL, 0) == PITTACUS_ERR_BAD_STATE);
  CHECK(pittacus_gossip_process_receive(NULL) == PITTACUS_ERR_BAD_STATE);
  CHECK(pittacus_gossip_process_send(NULL) == PITTACUS_ERR_BAD_STATE);
  CHECK(pittacus_gossip_send_data(NULL, NULL, 0) == PITTACUS_ERR_BAD_STATE);
  CHECK(pittacus_gossip_tick(NULL) == PITTACUS_ERR_BAD_STATE);
  CHECK(pittacus_gossip_state(NULL) == STATE_DESTROYED);
  CHECK(pittacus_gossip_socket_fd(NULL) == -1);
}

static void states_and_messages(void) {
  inbox_t first_inbox = {0}, second_inbox = {0};
  pittacus_gossip_t *first = create(&first_inbox), *second = create(&second_inbox);
  uint8_t data[600] = {0};
  memcpy(data, "hello", 5);

  CHECK(pittacus_gossip_state(first) == STATE_INITIALIZED);
  CHECK(pittacus_gossip_process_send(first) == PITTACUS_ERR_BAD_STATE);
  CHECK(pittacus_gossip_process_receive(first) == PITTACUS_ERR_READ_FAILED);
  CHECK(pittacus_gossip_send_data(first, data, 5) == PITTACUS_ERR_BAD_STATE);
  CHECK(pittacus_gossip_join(first, NULL, 1) == PITTACUS_ERR_INIT_FAILED);
  CHECK(join(first, first) == PITTACUS_ERR_NONE);
  CHECK(pittacus_gossip_state(first) == STATE_CONNECTED);
  CHECK(pittacus_gossip_join(first, NULL, 0) == PITTACUS_ERR_BAD_STATE);
  CHECK(join(second, first) == PITTACUS_ERR_NONE);
  CHECK(pittacus_gossip_state(second) == STATE_JOINING);
  CHECK(pittacus_gossip_send_data(second, data, 5) == PITTACUS_ERR_BAD_STATE);
  for (int round = 0; round < 50 && pittacus_gossip_state(second) != STATE_CONNECTED; round++) turn(first, second);
  CHECK(pittacus_gossip_state(second) == STATE_CONNECTED);

  CHECK(pittacus_gossip_send_data(second, NULL, 5) == PITTACUS_ERR_INIT_FAILED);
  CHECK(pittacus_gossip_send_data(second, data, 487) == PITTACUS_ERR_BUFFER_NOT_ENOUGH);
  CHECK(pittacus_gossip_send_data(second, data, 65546) == PITTACUS_ERR_BUFFER_NOT_ENOUGH);
  CHECK(pittacus_gossip_send_data(second, data, 0xffffffff) == PITTACUS_ERR_BUFFER_NOT_ENOUGH);
  CHECK(pittacus_gossip_send_data(second, data, 486) == PITTACUS_ERR_NONE);
  turn(second, first);
  CHECK(first_inbox.count == 1 && first_inbox.size == 486 && memcmp(first_inbox.bytes, data, 486) == 0);
  CHECK(pittacus_gossip_send_data(first, NULL, 0) == PITTACUS_ERR_NONE);
  turn(first, second);
  CHECK(second_inbox.count == 1 && second_inbox.size == 0 && second_inbox.was_null);

  // 150 before one send: the original loses 50 of them.
  for (int count = 0; count < 150; count++) CHECK(pittacus_gossip_send_data(first, data, 64) == PITTACUS_ERR_NONE);
  for (int round = 0; round < 20; round++) turn(first, second);
  CHECK(second_inbox.count == 151);
  second_inbox.destroys = 1;
  CHECK(pittacus_gossip_send_data(first, data, 5) == PITTACUS_ERR_NONE);
  CHECK(pittacus_gossip_process_send(first) > 0);
  for (int round = 0; round < 100 && second_inbox.count == 151; round++) pittacus_gossip_process_receive(second);
  CHECK(second_inbox.count == 152);
  // With as much queued as there is room for, a message is refused.
  int taken = 0;
  while (pittacus_gossip_send_data(first, data, 1) == PITTACUS_ERR_NONE) CHECK(++taken < 100000);
  CHECK(taken > 1000 && pittacus_gossip_send_data(first, data, 1) == PITTACUS_ERR_BUFFER_NOT_ENOUGH);
  CHECK(pittacus_gossip_destroy(first) == PITTACUS_ERR_NONE);
}

static int offer(pittacus_gossip_t *gossip, int socket, const void *bytes, size_t size) {
  pt_sockaddr_in target = address_of(gossip);
  CHECK(pt_send_to(socket, bytes, size, (const pt_sockaddr_storage *)&target, sizeof target) == (ssize_t)size);
  return pittacus_gossip_process_receive(gossip);
}

static void malformed_datagrams(void) {
  inbox_t inbox = {0};
  pittacus_gossip_t *gossip = create(&inbox);
  pt_sockaddr_in address = loopback(0);
  int socket = pt_socket_datagram((const pt_sockaddr_storage *)&address, sizeof address);
  CHECK(socket >= 0);
  uint8_t status[600] = {'p', 't', 'c', 's', 0, 6, 0, 0, 0, 0, 0, 1, 0, 0};
  CHECK(offer(gossip, socket, status, 14) == PITTACUS_ERR_BAD_STATE);
  CHECK(pittacus_gossip_join(gossip, NULL, 0) == PITTACUS_ERR_NONE);
  CHECK(offer(gossip, socket, status, 14) == PITTACUS_ERR_NONE);
  CHECK(offer(gossip, socket, "", 0) == PITTACUS_ERR_READ_FAILED);
  CHECK(offer(gossip, socket, status, 11) == PITTACUS_ERR_INVALID_MESSAGE);
  CHECK(offer(gossip, socket, "not one of theirs", 17) == PITTACUS_ERR_INVALID_MESSAGE);
  CHECK(offer(gossip, socket, status, 513) == PITTACUS_ERR_BUFFER_NOT_ENOUGH);
  for (int count = 1; count < 60; count += 20) {
    status[13] = (uint8_t)count;
    CHECK(offer(gossip, socket, status, count <= 20 ? 20 : 500) == PITTACUS_ERR_BUFFER_NOT_ENOUGH);
  }
  status[13] = 0;
  status[5] = 9;
  CHECK(offer(gossip, socket, status, 14) == PITTACUS_ERR_INVALID_MESSAGE);
  status[5] = 1;
  CHECK(offer(gossip, socket, status, 38) == PITTACUS_ERR_BUFFER_NOT_ENOUGH);
  status[5] = 5;
  CHECK(offer(gossip, socket, status, 30) == PITTACUS_ERR_BUFFER_NOT_ENOUGH);
  CHECK(inbox.count == 0);
  pt_close(socket);
  CHECK(pittacus_gossip_destroy(gossip) == PITTACUS_ERR_NONE);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/// Messages a second from one node to another, 64 bytes each, 32 under way.
static void rate(int total) {
  inbox_t first_inbox = {0}, second_inbox = {0};
  pittacus_gossip_t *first = create(&first_inbox), *second = create(&second_inbox);
  CHECK(pittacus_gossip_join(first, NULL, 0) == PITTACUS_ERR_NONE && join(second, first) == PITTACUS_ERR_NONE);
  for (int round = 0; round < 50 && pittacus_gossip_state(second) != STATE_CONNECTED; round++) turn(first, second);
  uint8_t data[64] = {7};
  double start = seconds();
  int sent = 0;
  while (second_inbox.count < total) {
    for (; sent < total && sent - second_inbox.count < 32; sent++) {
      CHECK(pittacus_gossip_send_data(first, data, sizeof data) == PITTACUS_ERR_NONE);
    }
    turn(first, second);
  }
  printf("rate %.0f\n", total / (seconds() - start));
  pittacus_gossip_destroy(first);
  pittacus_gossip_destroy(second);
}

/// Resident memory of a seed node that waits, in KiB.
static void memory(void) {
  inbox_t inbox = {0};
  pittacus_gossip_t *gossip = create(&inbox);
  CHECK(pittacus_gossip_join(gossip, NULL, 0) == PITTACUS_ERR_NONE);
  pittacus_gossip_tick(gossip);
  pittacus_gossip_process_send(gossip);
  FILE *status = fopen("/proc/self/status", "r");
  char line[256];
  while (status != NULL && fgets(line, sizeof line, status) != NULL) {
    long value;
    if (sscanf(line, "VmRSS: %ld", &value) == 1) printf("resident %ld\n", value);
  }
  if (status != NULL) fclose(status);
  pittacus_gossip_destroy(gossip);
}

int main(int count, char **arguments) {
  if (count == 3 && strcmp(arguments[1], "rate") == 0) {
    rate(atoi(arguments[2]));
  } else if (count == 2 && strcmp(arguments[1], "memory") == 0) {
    memory();
  } else {
    nothing_stops_it();
    states_and_messages();
    malformed_datagrams();
    puts("libpittacus answers as it should");
  }
  return 0;
}
