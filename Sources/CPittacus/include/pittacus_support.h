// What libpittacus needs of the system, in values that Swift takes without a C library module. Not installed.

#ifndef PITTACUS_SUPPORT_H
#define PITTACUS_SUPPORT_H

#include "pittacus/network.h"

/// A UDP address: an IPv6 one, or an IPv4 one as ::ffff:a.b.c.d, in host order.
typedef struct {
  uint64_t high;
  uint64_t low;
  uint32_t scope;
  uint16_t port;
} ps_endpoint;

/// Reads a socket address; 0, or -1 with errno when it is null, too short or of another family.
int ps_read(const struct sockaddr *address, socklen_t length, ps_endpoint *endpoint);

/// Writes a socket address, of IPv4 when the endpoint is, into room for one of IPv6; its length.
socklen_t ps_write(const ps_endpoint *endpoint, struct sockaddr *address);

/// Opens a UDP socket that does not block, and says where it was bound; -1 with errno on failure.
int ps_open(const struct sockaddr *address, socklen_t length, ps_endpoint *bound);

/// Sets errno to EADDRNOTAVAIL.
void ps_refuse_address(void);

/// Receives a datagram of up to `size` bytes; its length, or -1 when there is none.
ssize_t ps_receive(int socket, void *bytes, size_t size, ps_endpoint *source);

/// A datagram on its way out.
typedef struct {
  const void *bytes;
  size_t size;
  ps_endpoint destination;
} ps_datagram;

/// Datagrams that go out in one call.
enum { ps_batch = 64 };

/// Sends up to `ps_batch` datagrams of up to 512 bytes from a socket of the family of their destinations, in order. The
/// number that is done with: fewer than `count` when there is no room now. Those of them that left are added to `left`;
/// the system refused the others for good. `whole` is 1 at first and tells the next call what this one has learnt.
int ps_send(int socket, const ps_datagram *datagrams, int count, int *whole, int *left);

/// Nanoseconds on a clock that never goes back.
uint64_t ps_now(void);

/// Seconds of the wall clock.
uint32_t ps_seconds(void);

/// Bits that nobody can guess, as far as the system has any.
uint64_t ps_entropy(void);

#endif
