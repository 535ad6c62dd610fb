// How many datagrams a second one process can hand to another through UDP on loopback, in plain C.
//
// The sender hands the kernel batches of 64 with sendmmsg; the receiver waits in epoll, as an event loop
// does, and takes batches of 64 with recvmmsg. Both sockets are unconnected and every message carries its
// address, because a gossip node has one socket and many peers.
//
// Nothing is lost by design: the receiver returns its count every 32 datagrams (a credit), and the sender
// keeps at most a window outstanding. When credits stop coming, the sender asks for the count. Loopback
// keeps order, so what was sent before the question and is not in the answer is lost, and reported.
//
//   flood [--size BYTES] [--seconds SECONDS] [--window DATAGRAMS] [--segment]
//                                                     both ends, one line of JSON
//   flood recv PORT                                   the receiver alone, one run
//   flood send PORT [the options above]               the sender alone, the same line

#define _GNU_SOURCE 1
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
  BATCH = 64,
  CREDIT_EVERY = 32,
  WINDOW_LEAST = 2 * CREDIT_EVERY,
  WINDOW_DEFAULT_MOST = 4096,
  CREDIT_TIMEOUT_MS = 20,
  ANSWER_TRIES = 100,
  RECEIVER_IDLE_MS = 10000,
  RECEIVER_FIRST_MS = 60000,
  LINGER_MS = 200,
};

enum kind { DATA = 1, ASK = 2, FINISH = 3 };

/// The start of every datagram of the sender; the rest of a DATA datagram is filler.
struct request {
  uint32_t kind;
  uint32_t question;  // Echoed in the answer, so that a late answer is not taken for this one.
};

/// What the receiver returns; a credit has question 0.
struct answer {
  uint32_t question;
  uint32_t padding;
  uint64_t datagrams;
  uint64_t bytes;
  uint64_t cpu;
  uint64_t receive_buffer;
};

struct options {
  uint64_t size, seconds, window;
  bool segment;
};

// The receiver.

struct receiver {
  int socket;
  struct answer totals;
  uint64_t uncredited;
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  struct sockaddr_in addresses[BATCH];
  uint8_t *buffer;
};

static void answer_to(struct receiver *receiver, const struct sockaddr_in *peer, uint32_t question) {
  receiver->totals.question = question;
  if (question) receiver->totals.cpu = floor_cpu();
  // A credit that cannot be sent now is made good by the next one, or by the sender's question.
  sendto(receiver->socket, &receiver->totals, sizeof receiver->totals, 0, (const struct sockaddr *)peer,
         sizeof *peer);
}

/// Takes one batch; true when the sender has said that it finished. `taken` is the size of the batch.
static bool receive_batch(struct receiver *receiver, int *taken) {
  for (int i = 0; i < BATCH; i++) receiver->messages[i].msg_hdr.msg_namelen = sizeof *receiver->addresses;
  int count = recvmmsg(receiver->socket, receiver->messages, BATCH, MSG_DONTWAIT, NULL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) floor_fail_errno("recvmmsg");
  *taken = count > 0 ? count : 0;
  bool finished = false;
  for (int i = 0; i < count; i++) {
    if (receiver->messages[i].msg_len < sizeof(struct request)) continue;
    struct request request;
    memcpy(&request, receiver->vectors[i].iov_base, sizeof request);
    if (request.kind == DATA) {
      receiver->totals.datagrams += 1;
      receiver->totals.bytes += receiver->messages[i].msg_len;
      receiver->uncredited += 1;
    } else if (request.kind == ASK || request.kind == FINISH) {
      answer_to(receiver, &receiver->addresses[i], request.question);
      finished |= request.kind == FINISH;
    }
  }
  if (receiver->uncredited >= CREDIT_EVERY) {
    receiver->uncredited = 0;
    answer_to(receiver, &receiver->addresses[count - 1], 0);
  }
  return finished;
}

static void receive_until_finished(int socket) {
  static struct receiver receiver;
  receiver.socket = socket;
  receiver.totals.receive_buffer = floor_receive_buffer(socket);
  receiver.buffer = malloc((size_t)BATCH * DATAGRAM_BYTES_MAX);
  if (!receiver.buffer) floor_fail("no memory for the receive buffers");
  for (int i = 0; i < BATCH; i++) {
    uint8_t *slot = receiver.buffer + (size_t)i * DATAGRAM_BYTES_MAX;
    receiver.vectors[i] = (struct iovec){slot, DATAGRAM_BYTES_MAX};
    receiver.messages[i].msg_hdr = (struct msghdr){
        .msg_name = &receiver.addresses[i], .msg_iov = &receiver.vectors[i], .msg_iovlen = 1};
  }
  int epoll = floor_epoll(socket);
  int patience = RECEIVER_FIRST_MS;
  // After the end it stays a moment, in case the last answer was lost and is asked for again.
  while (floor_wait(epoll, patience) && !floor_interrupted()) {
    bool finished = patience == LINGER_MS;
    for (int taken = BATCH; taken == BATCH;) finished |= receive_batch(&receiver, &taken);
    patience = finished ? LINGER_MS : RECEIVER_IDLE_MS;
  }
  free(receiver.buffer);
}

// The sender.

struct sender {
  int socket, epoll;
  struct sockaddr_in peer;
  uint64_t sent, credited, lost, window;
  uint32_t question;
  struct answer last;
};

/// Takes every answer that is there. A credit raises what is known to have arrived.
static void take_answers(struct sender *sender) {
  struct answer answer;
  while (recv(sender->socket, &answer, sizeof answer, MSG_DONTWAIT) == (ssize_t)sizeof answer) {
    if (answer.datagrams > sender->credited) sender->credited = answer.datagrams;
    if (answer.question) sender->last = answer;
  }
}

static uint64_t outstanding(const struct sender *sender) {
  return sender->sent - sender->credited - sender->lost;
}

/// Asks for the receiver's count until it answers; afterwards nothing is outstanding and `lost` is exact.
static void ask(struct sender *sender, enum kind kind) {
  struct request request = {kind, ++sender->question};
  for (int i = 0; i < ANSWER_TRIES && !floor_interrupted(); i++) {
    // Refused means that no receiver is bound yet; the next try may find one.
    if (sendto(sender->socket, &request, sizeof request, 0, (struct sockaddr *)&sender->peer,
               sizeof sender->peer) < 0 && errno != ECONNREFUSED && errno != EAGAIN && errno != EINTR)
      floor_fail_errno("sendto");
    uint64_t deadline = floor_now() + CREDIT_TIMEOUT_MS * 1000000u;
    while (floor_now() < deadline && !floor_interrupted()) {
      floor_wait(sender->epoll, CREDIT_TIMEOUT_MS);
      take_answers(sender);
      if (sender->last.question != request.question) continue;
      sender->lost = sender->sent - sender->last.datagrams;
      return;
    }
  }
  if (!floor_interrupted()) floor_fail("the receiver does not answer");
}

/// The batch's messages over one buffer: one datagram each, or as many equal segments as one send may carry.
struct batch {
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
  uint8_t *buffer;
  uint64_t size, segments;
};

static void prepare(struct batch *batch, struct sender *sender, const struct options *options) {
  batch->size = options->size;
  batch->segments = 1;
  if (options->segment) {
    batch->segments = DATAGRAM_BYTES_MAX / options->size;
    if (batch->segments > BATCH) batch->segments = BATCH;
  }
  batch->buffer = calloc(BATCH, options->size);
  if (!batch->buffer) floor_fail("no memory for the send buffer");
  for (int i = 0; i < BATCH; i++)
    memcpy(batch->buffer + (size_t)i * options->size, &(struct request){DATA, 0}, sizeof(struct request));

  struct cmsghdr *header = (struct cmsghdr *)batch->control;
  header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  header->cmsg_level = IPPROTO_UDP;
  header->cmsg_type = UDP_SEGMENT;
  uint16_t segment = (uint16_t)options->size;
  memcpy(CMSG_DATA(header), &segment, sizeof segment);
  for (int i = 0; i < BATCH; i++) {
    batch->vectors[i].iov_base = batch->buffer + (size_t)i * batch->segments * batch->size;
    batch->messages[i].msg_hdr = (struct msghdr){
        .msg_name = &sender->peer, .msg_namelen = sizeof sender->peer,
        .msg_iov = &batch->vectors[i], .msg_iovlen = 1};
    if (batch->segments < 2) continue;
    batch->messages[i].msg_hdr.msg_control = batch->control;
    batch->messages[i].msg_hdr.msg_controllen = sizeof batch->control;
  }
}

/// Sends up to `count` datagrams in one call and counts those the kernel took.
static void send_batch(struct batch *batch, struct sender *sender, uint64_t count) {
  unsigned messages = 0;
  for (uint64_t left = count; left > 0; messages++) {
    uint64_t segments = left < batch->segments ? left : batch->segments;
    batch->vectors[messages].iov_len = segments * batch->size;
    left -= segments;
  }
  int taken = sendmmsg(sender->socket, batch->messages, messages, 0);
  if (taken < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS) floor_fail_errno("sendmmsg");
  for (int i = 0; i < taken; i++) sender->sent += batch->vectors[i].iov_len / batch->size;
}

/// Half of what the receiver's buffer holds; the kernel charges each datagram its rounded-up memory, and
/// gives memory back a quarter of the buffer late.
static uint64_t default_window(uint64_t receive_buffer, uint64_t size) {
  uint64_t memory = 512;
  while (memory < size + 384) memory *= 2;
  uint64_t window = receive_buffer / 2 / (memory + 256);
  if (window > WINDOW_DEFAULT_MOST) window = WINDOW_DEFAULT_MOST;
  return window < WINDOW_LEAST ? WINDOW_LEAST : window;
}

static void print_result(const struct sender *sender, const struct options *options, uint64_t elapsed,
                         uint64_t cpu) {
  double seconds = (double)elapsed / 1e9;
  printf("{\"datagramsPerSecond\":%.0f,\"bytesPerSecond\":%.0f,\"lost\":%llu,\"size\":%llu,"
         "\"cpuSecondsSender\":%.6f,\"cpuSecondsReceiver\":%.6f,\"seconds\":%.6f,\"window\":%llu,"
         "\"receiveBufferBytes\":%llu,\"segment\":%s}\n",
         (double)sender->last.datagrams / seconds, (double)sender->last.bytes / seconds,
         (unsigned long long)sender->lost, (unsigned long long)options->size, (double)cpu / 1e9,
         (double)sender->last.cpu / 1e9, seconds, (unsigned long long)sender->window,
         (unsigned long long)sender->last.receive_buffer, options->segment ? "true" : "false");
}

static void send_for(const struct options *options, struct sockaddr_in peer) {
  struct sender sender = {.socket = floor_socket(0), .peer = peer};
  sender.epoll = floor_epoll(sender.socket);
  static struct batch batch;
  prepare(&batch, &sender, options);
  ask(&sender, ASK);
  sender.window =
      options->window ? options->window : default_window(sender.last.receive_buffer, options->size);

  uint64_t cpu = floor_cpu(), start = floor_now(), end = start + options->seconds * 1000000000u;
  while (floor_now() < end && !floor_interrupted()) {
    take_answers(&sender);
    uint64_t room = sender.window > outstanding(&sender) ? sender.window - outstanding(&sender) : 0;
    if (room >= CREDIT_EVERY)
      send_batch(&batch, &sender, room < BATCH ? room : BATCH);
    else if (!floor_wait(sender.epoll, CREDIT_TIMEOUT_MS))
      ask(&sender, ASK);
  }
  ask(&sender, FINISH);
  uint64_t elapsed = floor_now() - start;
  if (!floor_interrupted()) print_result(&sender, options, elapsed, floor_cpu() - cpu);
  free(batch.buffer);
}

// The command line.

static void usage(void) {
  fprintf(stderr,
          "usage: flood [--size BYTES] [--seconds SECONDS] [--window DATAGRAMS] [--segment]\n"
          "       flood recv PORT\n"
          "       flood send PORT [--size BYTES] [--seconds SECONDS] [--window DATAGRAMS] [--segment]\n");
  exit(2);
}

static struct options parse(int count, char **arguments) {
  struct options options = {.size = 1200, .seconds = 2};
  for (int i = 0; i < count; i++) {
    const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
    if (!strcmp(name, "--segment")) {
      options.segment = true;
      continue;
    }
    if (!strcmp(name, "--size"))
      options.size = floor_number(name, value, sizeof(struct request), DATAGRAM_BYTES_MAX);
    else if (!strcmp(name, "--seconds"))
      options.seconds = floor_number(name, value, 1, 3600);
    else if (!strcmp(name, "--window"))
      options.window = floor_number(name, value, WINDOW_LEAST, 1000000);
    else
      usage();
    i++;
  }
  return options;
}

int main(int count, char **arguments) {
  bool receives = count >= 2 && !strcmp(arguments[1], "recv");
  bool sends = count >= 2 && !strcmp(arguments[1], "send");
  if ((receives && count != 3) || (sends && count < 3)) usage();
  uint16_t port = receives || sends ? (uint16_t)floor_number("PORT", arguments[2], 1, 65535) : 0;
  int used = receives || sends ? 3 : 1;
  struct options options = parse(count - used, arguments + used);

  floor_catch_signals();
  if (receives) {
    receive_until_finished(floor_socket(port));
  } else if (sends) {
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    send_for(&options, peer);
  } else {
    int socket = floor_socket(0);
    if (floor_fork() == 0) {
      receive_until_finished(socket);
      return 0;
    }
    send_for(&options, floor_address(socket));
    floor_end_child();
  }
  return floor_interrupted() ? 130 : 0;
}
