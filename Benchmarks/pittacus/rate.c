// Messages a second between two processes through the C functions of a library with Pittacus' interface.
//
//   rate LIBRARY [SECONDS [WINDOW]]
//
// A seed and a node on the loopback, each in a process and with a loop of its own: wait at the socket, read until
// nothing is left, tick, send. The node spreads messages of 64 bytes, at most WINDOW of them undelivered; the seed's
// callback says what arrived in memory that both see, which costs no datagram. Any library file can be measured, also
// one that was built elsewhere, because the functions are looked up in it.

#define _GNU_SOURCE 1
#include <pittacus/errors.h>
#include <pittacus/gossip.h>

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { message_size = 64, numbers_limit = 1 << 24 };

/// What both processes see.
typedef struct {
  /// Where the seed is, in network order; 0 until it is there.
  atomic_uint port;
  atomic_int stop;
  /// Different messages that arrived, and those that arrived once more.
  _Alignas(64) atomic_uint delivered;
  atomic_uint repeated;
  /// Of each message whether it arrived.
  uint8_t arrived[numbers_limit];
} board_t;

/// The functions of the library.
static struct {
  __typeof__(&pittacus_gossip_create) create;
  __typeof__(&pittacus_gossip_destroy) destroy;
  __typeof__(&pittacus_gossip_join) join;
  __typeof__(&pittacus_gossip_process_receive) process_receive;
  __typeof__(&pittacus_gossip_process_send) process_send;
  __typeof__(&pittacus_gossip_send_data) send_data;
  __typeof__(&pittacus_gossip_tick) tick;
  __typeof__(&pittacus_gossip_state) state;
  __typeof__(&pittacus_gossip_socket_fd) socket_fd;
} library;

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "rate: %s\n", what);
  exit(1);
}

static void *function(void *handle, const char *name) {
  void *found = dlsym(handle, name);
  if (found == NULL) fail(dlerror());
  return found;
}

static void load(const char *path) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) fail(dlerror());
  library.create = function(handle, "pittacus_gossip_create");
  library.destroy = function(handle, "pittacus_gossip_destroy");
  library.join = function(handle, "pittacus_gossip_join");
  library.process_receive = function(handle, "pittacus_gossip_process_receive");
  library.process_send = function(handle, "pittacus_gossip_process_send");
  library.send_data = function(handle, "pittacus_gossip_send_data");
  library.tick = function(handle, "pittacus_gossip_tick");
  library.state = function(handle, "pittacus_gossip_state");
  library.socket_fd = function(handle, "pittacus_gossip_socket_fd");
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static pt_sockaddr_in loopback(uint16_t port) {
  pt_sockaddr_in address = {.sin_family = AF_INET, .sin_port = port};
  address.sin_addr.s_addr = PT_HTONL(INADDR_LOOPBACK);
  return address;
}

static pittacus_gossip_t *create(data_receiver_t receiver, board_t *board) {
  pt_sockaddr_in address = loopback(0);
  pittacus_addr_t own = {.addr = (const pt_sockaddr *)&address, .addr_len = sizeof address};
  pittacus_gossip_t *gossip = library.create(&own, receiver, board);
  if (gossip == NULL) fail("no node");
  return gossip;
}

/// One turn of a node's loop; waits for input, for no longer than `limit` milliseconds.
static void turn(pittacus_gossip_t *gossip, int limit) {
  int pause = library.tick(gossip);
  if (pause < 0 || library.process_send(gossip) < 0) fail("nothing can be sent");
  struct pollfd wait = {.fd = library.socket_fd(gossip), .events = POLLIN};
  if (poll(&wait, 1, pause < limit ? pause : limit) <= 0) return;
  int result;
  while ((result = library.process_receive(gossip)) == PITTACUS_ERR_NONE) {
  }
  // A node that joins refuses a message that overtook its WELCOME.
  if (result != PITTACUS_ERR_READ_FAILED && result != PITTACUS_ERR_BAD_STATE) fail("a malformed datagram");
}

static void arrive(void *context, pittacus_gossip_t *gossip, const uint8_t *bytes, size_t size) {
  (void)gossip;
  board_t *board = context;
  uint32_t number;
  if (size != message_size) fail("a message of another size");
  memcpy(&number, bytes, sizeof number);
  if (number >= numbers_limit) fail("a message that was not sent");
  if (board->arrived[number]) {
    atomic_fetch_add(&board->repeated, 1);
    return;
  }
  board->arrived[number] = 1;
  atomic_fetch_add(&board->delivered, 1);
}

static void ignore(void *context, pittacus_gossip_t *gossip, const uint8_t *bytes, size_t size) {
  (void)context, (void)gossip, (void)bytes, (void)size;
}

/// The seed's process, until it is told to stop.
static void receive(board_t *board) {
  pittacus_gossip_t *gossip = create(&arrive, board);
  pt_sockaddr_in address;
  socklen_t length = sizeof address;
  if (getsockname(library.socket_fd(gossip), (struct sockaddr *)&address, &length) < 0) fail("no address");
  if (library.join(gossip, NULL, 0) != PITTACUS_ERR_NONE) fail("the seed did not begin");
  atomic_store(&board->port, address.sin_port);
  while (!atomic_load(&board->stop)) turn(gossip, 50);
  library.destroy(gossip);
}

static pittacus_gossip_t *connect_to_seed(board_t *board) {
  double start = seconds();
  while (atomic_load(&board->port) == 0) {
    if (seconds() - start > 5) fail("the seed did not begin");
    usleep(1000);
  }
  pt_sockaddr_in address = loopback((uint16_t)atomic_load(&board->port));
  pittacus_addr_t seed = {.addr = (const pt_sockaddr *)&address, .addr_len = sizeof address};
  pittacus_gossip_t *gossip = create(&ignore, board);
  if (library.join(gossip, &seed, 1) != PITTACUS_ERR_NONE) fail("no join");
  while (library.state(gossip) != STATE_CONNECTED) {
    if (seconds() - start > 10) fail("the seed did not answer");
    turn(gossip, 50);
  }
  return gossip;
}

/// The node's process: what it sent in `duration`, how long that took to arrive, and what did not within a second.
static void spread(board_t *board, double duration, unsigned window) {
  pittacus_gossip_t *gossip = connect_to_seed(board);
  uint8_t message[message_size] = {0};
  uint32_t sent = 0, seen = 0;
  double start = seconds(), last = start, now = start;
  while (now - start < duration || (seen < sent && now - last < 1)) {
    while (now - start < duration && sent - seen < window && sent < numbers_limit) {
      memcpy(message, &sent, sizeof sent);
      if (library.send_data(gossip, message, sizeof message) != PITTACUS_ERR_NONE) break;
      sent++;
    }
    turn(gossip, 50);
    uint32_t delivered = atomic_load(&board->delivered);
    now = seconds();
    if (delivered != seen) last = now;
    seen = delivered;
  }
  struct rusage own, child;
  atomic_store(&board->stop, 1);
  wait(NULL);
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &child);
  double busy[2] = {(double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
                        (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) * 1e-6,
                    (double)(child.ru_utime.tv_sec + child.ru_stime.tv_sec) +
                        (double)(child.ru_utime.tv_usec + child.ru_stime.tv_usec) * 1e-6};
  printf("rate %.0f delivered %u lost %u repeated %u cpu %.0f\n", seen / (last - start), seen, sent - seen,
         atomic_load(&board->repeated), (busy[0] + busy[1]) * 1e9 / seen);
  library.destroy(gossip);
}

int main(int count, char **arguments) {
  double duration = count > 2 ? atof(arguments[2]) : 2;
  int window = count > 3 ? atoi(arguments[3]) : 32;
  if (count < 2 || count > 4 || !(duration > 0 && duration <= 60) || window < 1) {
    fputs("usage: rate LIBRARY [SECONDS [WINDOW]]\n", stderr);
    return 64;
  }
  load(arguments[1]);
  board_t *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (board == MAP_FAILED) fail("no memory");
  pid_t parent = getpid(), child = fork();
  if (child < 0) fail("no second process");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) return 1;
    receive(board);
    return 0;
  }
  spread(board, duration, (unsigned)window);
  return 0;
}
