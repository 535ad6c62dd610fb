// The socket types that gossip.h speaks of, and thin wrappers of socket calls.

#ifndef PITTACUS_NETWORK_H
#define PITTACUS_NETWORK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_NTOHS(i) ntohs((i))
#define PT_NTOHL(i) ntohl((i))
#define PT_HTONS(i) htons((i))
#define PT_HTONL(i) htonl((i))

typedef int pt_socket_fd;
typedef socklen_t pt_socklen_t;
typedef struct sockaddr pt_sockaddr;
typedef struct sockaddr_in pt_sockaddr_in;
typedef struct sockaddr_in6 pt_sockaddr_in6;
typedef struct sockaddr_storage pt_sockaddr_storage;

/// Opens a UDP socket that does not block, bound to an address; negative with errno on failure.
pt_socket_fd pt_socket_datagram(const pt_sockaddr_storage *addr, socklen_t addr_len);

/// socket() of a family and a type.
pt_socket_fd pt_socket(int domain, int type);

/// bind().
int pt_bind(pt_socket_fd fd, const pt_sockaddr_storage *addr, pt_socklen_t addr_len);

/// recvfrom().
ssize_t pt_recv_from(pt_socket_fd fd, uint8_t *buffer, size_t buffer_size, pt_sockaddr_storage *addr,
                     pt_socklen_t *addr_len);

/// sendto().
ssize_t pt_send_to(pt_socket_fd fd, const uint8_t *buffer, size_t buffer_size, const pt_sockaddr_storage *addr,
                   pt_socklen_t addr_len);

/// close().
void pt_close(pt_socket_fd fd);

/// getsockname().
int pt_get_sock_name(pt_socket_fd fd, pt_sockaddr_storage *addr, pt_socklen_t *addr_len);

#ifdef __cplusplus
}
#endif

#endif
