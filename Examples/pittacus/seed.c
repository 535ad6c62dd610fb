// A seed node: begins a cluster at 127.0.0.1 and a port, and prints what the others say.
//
// Build: cc seed.c $(pkg-config --cflags --libs pittacus) -o seed. Run: ./seed 65000

#include <pittacus/gossip.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print(void *context, pittacus_gossip_t *gossip, const uint8_t *bytes, size_t size) {
  (void)context, (void)gossip;
  printf("%.*s\n", (int)size, bytes == NULL ? "" : (const char *)bytes);
  fflush(stdout);
}

int main(int count, char **arguments) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)(count > 1 ? atoi(arguments[1]) : 65000));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  pittacus_addr_t self = {(const pt_sockaddr *)&address, sizeof address};

  pittacus_gossip_t *gossip = pittacus_gossip_create(&self, print, NULL);
  if (gossip == NULL || pittacus_gossip_join(gossip, NULL, 0) < 0) {
    perror("seed");
    return 1;
  }
  struct pollfd socket = {.fd = pittacus_gossip_socket_fd(gossip), .events = POLLIN};
  for (;;) {
    int pause = pittacus_gossip_tick(gossip);
    pittacus_gossip_process_send(gossip);
    // A negative answer means a datagram that was not for us: no reason to end.
    if (poll(&socket, 1, pause) > 0) pittacus_gossip_process_receive(gossip);
  }
}
