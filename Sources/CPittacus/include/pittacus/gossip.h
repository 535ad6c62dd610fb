// A node of a Pittacus cluster, stepped by the caller's own loop.
//
// One thread at a time uses a handle. No function stops the program, whatever it is given: see errors.h for what it
// answers instead. A callback may call any function with the handle it is given; after it has destroyed the handle it
// uses it no more.

#ifndef PITTACUS_GOSSIP_H
#define PITTACUS_GOSSIP_H

#include "network.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A node.
typedef struct pittacus_gossip pittacus_gossip_t;

/// Where a node is in its life.
typedef enum pittacus_gossip_state {
  /// Created.
  STATE_INITIALIZED,
  /// Waiting for a seed node to take it in; it asks again until one does.
  STATE_JOINING,
  /// A member.
  STATE_CONNECTED,
  /// Not entered.
  STATE_LEAVING,
  /// Not entered.
  STATE_DISCONNECTED,
  /// What a null handle is in.
  STATE_DESTROYED
} pittacus_gossip_state_t;

/// Is called with each message that another node spread, once, from pittacus_gossip_process_receive().
///
/// `buffer` is valid during the call, and null when the message is empty.
typedef void (*data_receiver_t)(void *context, pittacus_gossip_t *gossip, const uint8_t *buffer,
                                size_t buffer_size);

/// A socket address and its size.
typedef struct pittacus_addr {
  const pt_sockaddr *addr;
  socklen_t addr_len;
} pittacus_addr_t;

/// Creates a node with a UDP socket at `self_addr`, an IPv4 or IPv6 address under which others reach it; its port may
/// be 0 for any. Null with errno on failure, which it also is for an address that means all interfaces: nobody could
/// answer it.
pittacus_gossip_t *pittacus_gossip_create(const pittacus_addr_t *self_addr, data_receiver_t data_receiver,
                                          void *data_receiver_context);

/// Closes the socket and frees the node. 0, or PITTACUS_ERR_BAD_STATE for null.
int pittacus_gossip_destroy(pittacus_gossip_t *self);

/// Asks seed nodes to take this one in; with none, or none but itself, it begins a cluster. Nothing is sent before
/// pittacus_gossip_process_send(). 0; PITTACUS_ERR_BAD_STATE when it was called before; PITTACUS_ERR_INIT_FAILED for
/// an address that cannot be used.
int pittacus_gossip_join(pittacus_gossip_t *self, const pittacus_addr_t *seed_nodes, uint16_t seed_nodes_len);

/// Reads one datagram. 0; PITTACUS_ERR_READ_FAILED when there is none; PITTACUS_ERR_BAD_STATE for one that does not
/// belong to the state; PITTACUS_ERR_INVALID_MESSAGE or PITTACUS_ERR_BUFFER_NOT_ENOUGH for one that is malformed,
/// which changed nothing.
int pittacus_gossip_process_receive(pittacus_gossip_t *self);

/// Sends what waits, and again what was not acknowledged in time. The number of datagrams; PITTACUS_ERR_BAD_STATE
/// before a join; PITTACUS_ERR_WRITE_FAILED when there were some and the system refused them all, for good.
int pittacus_gossip_process_send(pittacus_gossip_t *self);

/// Takes a message of up to 486 bytes to spread. 0; PITTACUS_ERR_BAD_STATE when not connected;
/// PITTACUS_ERR_BUFFER_NOT_ENOUGH for a longer one, and when as much waits to be sent as there is room for: call
/// pittacus_gossip_process_send() and try again; PITTACUS_ERR_INIT_FAILED for null with a size. Then nothing changed.
int pittacus_gossip_send_data(pittacus_gossip_t *self, const uint8_t *data, uint32_t data_size);

/// Queues what is due by now. Milliseconds, 1 to 1000, after which to call it again, or PITTACUS_ERR_BAD_STATE for
/// null.
int pittacus_gossip_tick(pittacus_gossip_t *self);

/// The state of a node.
pittacus_gossip_state_t pittacus_gossip_state(pittacus_gossip_t *self);

/// The socket, to wait at; -1 for null.
pt_socket_fd pittacus_gossip_socket_fd(pittacus_gossip_t *self);

#ifdef __cplusplus
}
#endif

#endif
