// How long a copy of some bytes takes through a tree of processes on loopback, in plain C over UDP.
//
// Process 0 has the bytes; each other process has one parent and passes every datagram on to its children as soon as
// it has it, before it has the rest. Batches of 64 with recvmmsg and sendmmsg, unconnected sockets, epoll in between,
// as an event loop does. Nothing is lost by design and nothing repaired: a child returns its count every 32 datagrams
// (a credit), and its parent keeps at most a window outstanding, half of what the child's receive buffer holds. There
// is no checksum, no membership and no second way. Loopback keeps order; a datagram out of order ends the program.
//
//   relay --bytes N --parents 0,0,1,...    the parents of processes 1, 2, ...; one line of JSON

#define _GNU_SOURCE 1
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

enum {
  BATCH = 64,
  CREDIT_EVERY = 32,
  PROCESSES_MOST = 64,
  PAYLOAD = 1136,
  HEAD = 29,  // What a fragment of Grapevine's has before its bytes.
  KERNEL_COST = 2304,
};

/// What all processes see: where they are, when they began and ended.
struct board {
  struct sockaddr_in addresses[PROCESSES_MOST];
  volatile uint64_t started;
  volatile uint64_t finished[PROCESSES_MOST];
  volatile uint64_t cpu[PROCESSES_MOST];
};

struct datagram {
  uint64_t index;
  uint8_t rest[HEAD - 8 + PAYLOAD];
} __attribute__((packed));

struct child {
  struct sockaddr_in address;
  uint64_t sent, credited;
};

struct relay {
  int socket, epoll;
  uint64_t have, total, bytes, credited, window;
  uint8_t *content;
  const struct sockaddr_in *parent;
  struct child children[PROCESSES_MOST];
  int count;
  struct mmsghdr in[BATCH], out[BATCH];
  struct iovec in_vectors[BATCH], out_vectors[BATCH][2];
  struct sockaddr_in sources[BATCH];
  struct datagram arrived[BATCH];
  uint8_t heads[BATCH][HEAD];
};

static size_t payload_of(const struct relay *relay, uint64_t index) {
  uint64_t left = relay->bytes - index * PAYLOAD;
  return left < PAYLOAD ? (size_t)left : PAYLOAD;
}

/// Sends a child what is there and fits into its window; returns whether anything was sent.
static bool serve(struct relay *relay, struct child *child) {
  bool any = false;
  while (true) {
    uint64_t room = relay->window - (child->sent - child->credited);
    uint64_t ready = relay->have - child->sent;
    uint64_t count = room < ready ? room : ready;
    if (count > BATCH) count = BATCH;
    if (count == 0) return any;
    for (uint64_t step = 0; step < count; step++) {
      uint64_t index = child->sent + step;
      memcpy(relay->heads[step], &index, sizeof index);
      relay->out_vectors[step][0] = (struct iovec){relay->heads[step], HEAD};
      relay->out_vectors[step][1] =
          (struct iovec){relay->content + index * PAYLOAD, payload_of(relay, index)};
      relay->out[step].msg_hdr = (struct msghdr){.msg_name = &child->address,
                                                 .msg_namelen = sizeof child->address,
                                                 .msg_iov = relay->out_vectors[step],
                                                 .msg_iovlen = 2};
    }
    int sent = sendmmsg(relay->socket, relay->out, (unsigned)count, MSG_DONTWAIT);
    if (sent <= 0) {
      if (sent < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS) floor_fail_errno("sendmmsg");
      return any;
    }
    child->sent += (uint64_t)sent;
    any = true;
  }
}

static void credit(struct relay *relay) {
  if (!relay->parent) return;
  if (relay->have - relay->credited < CREDIT_EVERY && relay->have < relay->total) return;
  relay->credited = relay->have;
  if (sendto(relay->socket, &relay->have, sizeof relay->have, 0, (const struct sockaddr *)relay->parent,
             sizeof *relay->parent) < 0 &&
      errno != EAGAIN)
    floor_fail_errno("sendto");
}

static int take(struct relay *relay) {
  for (int step = 0; step < BATCH; step++) {
    relay->in_vectors[step] = (struct iovec){&relay->arrived[step], sizeof relay->arrived[step]};
    relay->in[step].msg_hdr = (struct msghdr){.msg_name = &relay->sources[step],
                                              .msg_namelen = sizeof relay->sources[step],
                                              .msg_iov = &relay->in_vectors[step],
                                              .msg_iovlen = 1};
  }
  int count = recvmmsg(relay->socket, relay->in, BATCH, MSG_DONTWAIT, NULL);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return 0;
    floor_fail_errno("recvmmsg");
  }
  for (int step = 0; step < count; step++) {
    uint64_t number;
    memcpy(&number, &relay->arrived[step], sizeof number);
    if (relay->in[step].msg_len == sizeof number) {
      for (int child = 0; child < relay->count; child++) {
        if (relay->children[child].address.sin_port == relay->sources[step].sin_port &&
            number > relay->children[child].credited)
          relay->children[child].credited = number;
      }
      continue;
    }
    if (number != relay->have) floor_fail("a datagram was lost");
    memcpy(relay->content + number * PAYLOAD, (uint8_t *)&relay->arrived[step] + HEAD,
           payload_of(relay, number));
    relay->have++;
  }
  return count;
}

static void run(struct board *board, int self, const int *parents, int processes, int socket, uint64_t bytes) {
  static struct relay relay;
  relay.socket = socket;
  relay.epoll = floor_epoll(socket);
  relay.bytes = bytes;
  relay.total = (bytes + PAYLOAD - 1) / PAYLOAD;
  relay.window = floor_receive_buffer(socket) / KERNEL_COST / 2;
  relay.content = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (relay.content == MAP_FAILED) floor_fail_errno("mmap");
  for (int other = 1; other < processes; other++)
    if (parents[other] == self) relay.children[relay.count++].address = board->addresses[other];
  if (self == 0) {
    memset(relay.content, 0x5a, bytes);
    relay.have = relay.total;
    board->started = floor_now();
  } else {
    relay.parent = &board->addresses[parents[self]];
  }
  while (true) {
    bool busy = false;
    if (take(&relay) > 0) busy = true;
    credit(&relay);
    for (int child = 0; child < relay.count; child++) busy |= serve(&relay, &relay.children[child]);
    if (relay.have == relay.total && board->finished[self] == 0) board->finished[self] = floor_now();
    bool done = relay.have == relay.total;
    for (int child = 0; child < relay.count; child++)
      if (relay.children[child].credited < relay.total) done = false;
    if (done) break;
    if (!busy) floor_wait(relay.epoll, 1000);
  }
  board->cpu[self] = floor_cpu();
}

int main(int argc, char **argv) {
  uint64_t bytes = 1 << 20;
  int parents[PROCESSES_MOST] = {-1};
  int processes = 1;
  for (int position = 1; position + 1 < argc; position += 2) {
    if (!strcmp(argv[position], "--bytes")) {
      bytes = floor_number("--bytes", argv[position + 1], 1, 1u << 30);
    } else if (!strcmp(argv[position], "--parents")) {
      for (char *word = strtok(argv[position + 1], ","); word; word = strtok(NULL, ",")) {
        if (processes == PROCESSES_MOST) floor_fail("too many processes");
        parents[processes] = (int)floor_number("--parents", word, 0, (uint64_t)processes - 1);
        processes++;
      }
    } else {
      floor_fail("usage: relay --bytes N --parents 0,0,1,...");
    }
  }
  struct board *board =
      mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (board == MAP_FAILED) floor_fail_errno("mmap");
  int sockets[PROCESSES_MOST];
  for (int process = 0; process < processes; process++) {
    sockets[process] = floor_socket(0);
    board->addresses[process] = floor_address(sockets[process]);
  }
  pid_t ids[PROCESSES_MOST];
  // The origin last, so that all others listen.
  for (int process = processes - 1; process >= 0; process--) {
    ids[process] = fork();
    if (ids[process] < 0) floor_fail_errno("fork");
    if (ids[process] == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      run(board, process, parents, processes, sockets[process], bytes);
      _exit(0);
    }
  }
  bool failed = false;
  for (int process = 0; process < processes; process++) {
    int status = 0;
    while (waitpid(ids[process], &status, 0) < 0 && errno == EINTR) continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) failed = true;
  }
  if (failed) floor_fail("a process failed");
  uint64_t last = 0, cpu = 0;
  for (int process = 0; process < processes; process++) {
    if (board->finished[process] > last) last = board->finished[process];
    cpu += board->cpu[process];
  }
  printf("{\"processes\":%d,\"bytes\":%llu,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", processes,
         (unsigned long long)bytes, (double)(last - board->started) / 1e9, (double)cpu / 1e9);
  return 0;
}
