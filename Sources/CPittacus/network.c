// The wrappers of network.h.

#include "pittacus/network.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

pt_socket_fd pt_socket(int domain, int type) { return socket(domain, type, 0); }

pt_socket_fd pt_socket_datagram(const pt_sockaddr_storage *addr, socklen_t addr_len) {
  if (addr == NULL || addr_len < sizeof(sa_family_t)) {
    errno = EINVAL;
    return -1;
  }
  int fd = pt_socket(((const pt_sockaddr *)addr)->sa_family, SOCK_DGRAM);
  if (fd < 0) return -1;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
      pt_bind(fd, addr, addr_len) < 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

int pt_bind(pt_socket_fd fd, const pt_sockaddr_storage *addr, pt_socklen_t addr_len) {
  return bind(fd, (const pt_sockaddr *)addr, addr_len);
}

ssize_t pt_recv_from(pt_socket_fd fd, uint8_t *buffer, size_t buffer_size, pt_sockaddr_storage *addr,
                     pt_socklen_t *addr_len) {
  return recvfrom(fd, buffer, buffer_size, 0, (pt_sockaddr *)addr, addr_len);
}

ssize_t pt_send_to(pt_socket_fd fd, const uint8_t *buffer, size_t buffer_size, const pt_sockaddr_storage *addr,
                   pt_socklen_t addr_len) {
  return sendto(fd, buffer, buffer_size, 0, (const pt_sockaddr *)addr, addr_len);
}

void pt_close(pt_socket_fd fd) { close(fd); }

int pt_get_sock_name(pt_socket_fd fd, pt_sockaddr_storage *addr, pt_socklen_t *addr_len) {
  return getsockname(fd, (pt_sockaddr *)addr, addr_len);
}
