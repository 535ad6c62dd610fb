// The system calls of pittacus_support.h.

#include "pittacus_support.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Bytes that a burst may fill the receive queue with; the system grants what it allows.
enum { receive_queue = 1 << 20 };

static uint64_t big(const uint8_t *bytes) {
  uint64_t value = 0;
  for (int index = 0; index < 8; index++) value = value << 8 | bytes[index];
  return value;
}

static void put_big(uint64_t value, uint8_t *bytes) {
  for (int index = 7; index >= 0; index--, value >>= 8) bytes[index] = (uint8_t)value;
}

static int is_ipv4(const ps_endpoint *endpoint) { return endpoint->high == 0 && endpoint->low >> 32 == 0xffff; }

int ps_read(const struct sockaddr *address, socklen_t length, ps_endpoint *endpoint) {
  memset(endpoint, 0, sizeof *endpoint);
  if (address != NULL && length >= sizeof(struct sockaddr_in) && address->sa_family == AF_INET) {
    struct sockaddr_in v4;
    memcpy(&v4, address, sizeof v4);
    endpoint->low = (uint64_t)0xffff << 32 | ntohl(v4.sin_addr.s_addr);
    endpoint->port = ntohs(v4.sin_port);
    return 0;
  }
  if (address != NULL && length >= sizeof(struct sockaddr_in6) && address->sa_family == AF_INET6) {
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    endpoint->high = big(v6.sin6_addr.s6_addr);
    endpoint->low = big(v6.sin6_addr.s6_addr + 8);
    endpoint->scope = v6.sin6_scope_id;
    endpoint->port = ntohs(v6.sin6_port);
    return 0;
  }
  errno = EAFNOSUPPORT;
  return -1;
}

socklen_t ps_write(const ps_endpoint *endpoint, struct sockaddr *address) {
  if (is_ipv4(endpoint)) {
    struct sockaddr_in v4;
    memset(&v4, 0, sizeof v4);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint->port);
    v4.sin_addr.s_addr = htonl((uint32_t)endpoint->low);
    memcpy(address, &v4, sizeof v4);
    return sizeof v4;
  }
  struct sockaddr_in6 v6;
  memset(&v6, 0, sizeof v6);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint->port);
  put_big(endpoint->high, v6.sin6_addr.s6_addr);
  put_big(endpoint->low, v6.sin6_addr.s6_addr + 8);
  v6.sin6_scope_id = endpoint->scope;
  memcpy(address, &v6, sizeof v6);
  return sizeof v6;
}

int ps_open(const struct sockaddr *address, socklen_t length, ps_endpoint *bound) {
  if (ps_read(address, length, bound) < 0) return -1;
  struct sockaddr_storage storage;
  socklen_t size = ps_write(bound, (struct sockaddr *)&storage);
  int fd = pt_socket_datagram(&storage, size);
  if (fd < 0) return -1;
  int wanted = receive_queue;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  size = sizeof storage;
  if (getsockname(fd, (struct sockaddr *)&storage, &size) < 0 ||
      ps_read((struct sockaddr *)&storage, size, bound) < 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

void ps_refuse_address(void) { errno = EADDRNOTAVAIL; }

ssize_t ps_receive(int socket, void *bytes, size_t size, ps_endpoint *source) {
  struct sockaddr_storage storage;
  socklen_t length = sizeof storage;
  ssize_t count;
  do {
    count = recvfrom(socket, bytes, size, MSG_DONTWAIT, (struct sockaddr *)&storage, &length);
  } while (count < 0 && errno == EINTR);
  if (count >= 0 && ps_read((struct sockaddr *)&storage, length, source) < 0) return -1;
  return count;
}

uint64_t ps_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint32_t ps_seconds(void) { return (uint32_t)time(NULL); }

uint64_t ps_entropy(void) {
  uint64_t value = ps_now() * 0x9e3779b97f4a7c15 ^ (uint64_t)getpid() << 32 ^ (uint64_t)time(NULL);
  uint64_t random = 0;
  int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    if (read(fd, &random, sizeof random) == (ssize_t)sizeof random) value ^= random;
    close(fd);
  }
  return value;
}
