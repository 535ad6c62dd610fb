// A node: joins the seed of seed.c, and says something every second.
//
// Build: cc node.c $(pkg-config --cflags --libs pittacus) -o node. Run: ./node 65000 ann

#include <pittacus/gossip.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void print(void *context, pittacus_gossip_t *gossip, const uint8_t *bytes, size_t size) {
  (void)gossip;
  printf("%s hears: %.*s\n", (const char *)context, (int)size, bytes == NULL ? "" : (const char *)bytes);
  fflush(stdout);
}

static struct sockaddr_in loopback(uint16_t port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int main(int count, char **arguments) {
  char *name = count > 2 ? arguments[2] : "somebody";
  struct sockaddr_in own = loopback(0), other = loopback((uint16_t)(count > 1 ? atoi(arguments[1]) : 65000));
  pittacus_addr_t self = {(const pt_sockaddr *)&own, sizeof own};
  pittacus_addr_t seed = {(const pt_sockaddr *)&other, sizeof other};

  pittacus_gossip_t *gossip = pittacus_gossip_create(&self, print, name);
  if (gossip == NULL || pittacus_gossip_join(gossip, &seed, 1) < 0) {
    perror("node");
    return 1;
  }
  struct pollfd socket = {.fd = pittacus_gossip_socket_fd(gossip), .events = POLLIN};
  time_t said = time(NULL);
  for (;;) {
    if (pittacus_gossip_state(gossip) == STATE_CONNECTED && time(NULL) != said) {
      char text[128];
      said = time(NULL);
      int length = snprintf(text, sizeof text, "%s at %ld", name, (long)said);
      pittacus_gossip_send_data(gossip, (const uint8_t *)text, (uint32_t)length);
    }
    int pause = pittacus_gossip_tick(gossip);
    pittacus_gossip_process_send(gossip);
    if (poll(&socket, 1, pause) > 0) pittacus_gossip_process_receive(gossip);
  }
}
