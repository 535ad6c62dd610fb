// Real nodes of zgossip, out of the system's libczmq, that tests and benchmarks drive.
//
// Without arguments it obeys lines on standard input. Each gets one line of answer on standard output; beside them, a
// loud node prints `deliver KEY VALUE`. A value goes to the end of its line. Nodes have numbers; commands are for the
// node in use, which is 0 at first.
//
//   use N               the node that is meant from now on, made when it is not there    ok
//   stop                end the node, with all its links                                 ok
//   bind ENDPOINT       listen                                                           port N
//   connect ENDPOINT    connect                                                          ok
//   set PATH VALUE      change a setting                                                 ok
//   load FILE, save FILE, verbose                                                        ok
//   publish KEY VALUE   publish                                                          ok
//   burst N KEY [VALUE] publish KEY-0 to KEY-<N-1>, each VALUE or its number             ok
//   status              what the node says that it holds                                 status N
//   loud, quiet         whether deliveries are printed; at first they are not            ok
//   delivered           deliveries, and how many gave a known key another value          delivered N M
//   flips KEY           how often that key got another value                             flips N
//   get KEY             what was delivered last                                          value VALUE, or: none
//   list                all of it                                                        tuple KEY VALUE ... end
//   dump                how many keys, and the hash that `tuple_hash` explains           dump N HASH
//   wait N MS           until N keys are known or the time is over                       waited N US NS
//   quit                                                                                 ok
//
// `waited` says how many are known, how long that took, and when it was by the monotonic clock. What cannot be done is
// answered by `error TEXT`. See `main` for what it does with arguments. After ten minutes it ends whatever happens.

#include <czmq.h>

#include <inttypes.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NODES = 64, LINE = 70000, WINDOW = 1000, ANSWER_MS = 2000, LIFETIME_S = 600 };

typedef struct {
  unsigned flips;
  char value[];
} entry_t;

typedef struct {
  zactor_t *actor;
  void *pipe;
  zhashx_t *table;
  uint64_t delivered;
  uint64_t flips;
  int is_loud;
} node_t;

static node_t nodes[NODES];

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

static void *checked(void *memory) {
  if (memory == NULL) abort();
  return memory;
}

// ---- Nodes

static void node_start(node_t *node) {
  if (node->actor != NULL) return;
  node->actor = checked(zactor_new(zgossip, "real"));
  node->pipe = zsock_resolve(node->actor);
  node->table = checked(zhashx_new());
  node->delivered = node->flips = 0;
  node->is_loud = 0;
}

static void node_stop(node_t *node) {
  if (node->actor == NULL) return;
  zactor_destroy(&node->actor);
  for (entry_t *entry = zhashx_first(node->table); entry != NULL; entry = zhashx_next(node->table)) free(entry);
  zhashx_destroy(&node->table);
}

static void node_deliver(node_t *node, const char *key, const char *value) {
  entry_t *known = zhashx_lookup(node->table, key);
  size_t size = strlen(value) + 1;
  entry_t *entry = checked(malloc(sizeof *entry + size));
  entry->flips = 0;
  memcpy(entry->value, value, size);
  if (known != NULL) {
    int is_flip = strcmp(known->value, value) != 0;
    entry->flips = known->flips + (unsigned)is_flip;
    node->flips += (unsigned)is_flip;
    free(known);
  }
  zhashx_update(node->table, key, entry);
  node->delivered++;
  if (node->is_loud) say("deliver %s %s", key, value);
}

/// The next part of the message that is being read from the node, as a string of our own.
static char *node_part(node_t *node) {
  zmq_msg_t part;
  zmq_msg_init(&part);
  if (zmq_msg_recv(&part, node->pipe, ZMQ_DONTWAIT) < 0) {
    zmq_msg_close(&part);
    return NULL;
  }
  size_t size = zmq_msg_size(&part);
  char *text = checked(malloc(size + 1));
  memcpy(text, zmq_msg_data(&part), size);
  text[size] = 0;
  zmq_msg_close(&part);
  return text;
}

/// Takes one message from the node if there is one: 0 when there is none. An answer's second part goes to `answer`,
/// or is dropped.
static int node_take(node_t *node, char **answer) {
  char *parts[3] = {node_part(node), NULL, NULL};
  if (parts[0] == NULL) return 0;
  int count = 1;
  while (count < 3 && zsock_rcvmore(node->actor)) {
    parts[count] = node_part(node);
    if (parts[count] == NULL) break;
    count++;
  }
  if (count == 3 && streq(parts[0], "DELIVER")) node_deliver(node, parts[1], parts[2]);
  if (count == 2 && answer != NULL && *answer == NULL) {
    *answer = parts[1];
    parts[1] = NULL;
  }
  for (int index = 0; index < 3; index++) free(parts[index]);
  return 1;
}

/// Whether the node takes a command without waiting.
static int node_is_writable(node_t *node) {
  int events = 0;
  size_t size = sizeof events;
  return zmq_getsockopt(node->pipe, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLOUT);
}

static void node_pause(node_t *node, short events, long milliseconds) {
  zmq_pollitem_t item = {.socket = node->pipe, .events = events};
  zmq_poll(&item, 1, milliseconds);
}

/// Sends a command of up to three parts. Reads deliveries until there is room, because a node that waits for its
/// reader takes no commands. False when the node took nothing for too long.
static int node_send(node_t *node, const char *command, const char *first, const char *second) {
  uint64_t limit = nanoseconds() + ANSWER_MS * 1000000ull;
  while (!node_is_writable(node)) {
    if (node_take(node, NULL)) continue;
    if (nanoseconds() > limit) return 0;
    node_pause(node, ZMQ_POLLIN | ZMQ_POLLOUT, 10);
  }
  return zstr_sendx(node->actor, command, first, second, NULL) == 0;
}

/// The number with which the node answers a command; -2 when it does not.
static long node_ask(node_t *node, const char *command) {
  char *answer = NULL;
  uint64_t limit = nanoseconds() + ANSWER_MS * 1000000ull;
  if (!node_send(node, command, NULL, NULL)) return -2;
  while (answer == NULL && nanoseconds() < limit) {
    if (!node_take(node, &answer)) node_pause(node, ZMQ_POLLIN, 10);
  }
  long number = answer == NULL ? -2 : strtol(answer, NULL, 10);
  free(answer);
  return number;
}

/// Publishes `count` tuples; when `window` is not 0, with at most so many that were not delivered to itself yet, for
/// which all must be new.
static int node_burst(node_t *node, long count, const char *prefix, const char *value, uint64_t window) {
  char key[300], number[24];
  uint64_t before = node->delivered;
  for (long index = 0; index < count; index++) {
    while (node_take(node, NULL)) {}
    while (window != 0 && (uint64_t)index - (node->delivered - before) >= window) {
      if (!node_take(node, NULL)) node_pause(node, ZMQ_POLLIN, 10);
    }
    snprintf(key, sizeof key, "%s-%ld", prefix, index);
    snprintf(number, sizeof number, "%ld", index);
    if (!node_send(node, "PUBLISH", key, value != NULL ? value : number)) return 0;
  }
  return 1;
}

/// Reads deliveries until that many keys are known, or the time is over; whether they are.
static int node_wait(node_t *node, size_t count, uint64_t milliseconds) {
  uint64_t limit = nanoseconds() + milliseconds * 1000000u;
  while (zhashx_size(node->table) < count) {
    if (node_take(node, NULL)) continue;
    if (nanoseconds() > limit) return 0;
    node_pause(node, ZMQ_POLLIN, 1);
  }
  return 1;
}

/// 64 bits of FNV-1a over the key, a zero byte, the value and a zero byte. The hash of a table is the sum of those of
/// its tuples, so that their order does not matter.
static uint64_t tuple_hash(const char *key, const char *value) {
  const char *texts[] = {key, value};
  uint64_t hash = 0xcbf29ce484222325u;
  for (int index = 0; index < 2; index++) {
    const unsigned char *byte = (const unsigned char *)texts[index];
    do hash = (hash ^ *byte) * 0x100000001b3u;
    while (*byte++ != 0);
  }
  return hash;
}

// ---- Commands

static void answer_from_table(node_t *node, const char *command, const char *key) {
  entry_t *entry = key != NULL ? zhashx_lookup(node->table, key) : NULL;
  if (streq(command, "delivered")) {
    say("delivered %" PRIu64 " %" PRIu64, node->delivered, node->flips);
  } else if (streq(command, "flips")) {
    say("flips %u", entry != NULL ? entry->flips : 0);
  } else if (streq(command, "get")) {
    if (entry != NULL) say("value %s", entry->value);
    else say("none");
  } else {
    uint64_t hash = 0;
    for (entry = zhashx_first(node->table); entry != NULL; entry = zhashx_next(node->table)) {
      const char *name = zhashx_cursor(node->table);
      hash += tuple_hash(name, entry->value);
      if (streq(command, "list")) printf("tuple %s %s\n", name, entry->value);
    }
    if (streq(command, "list")) say("end");
    else say("dump %zu %016" PRIx64, zhashx_size(node->table), hash);
  }
}

static void wait_and_say(node_t *node, long count, long milliseconds) {
  uint64_t start = nanoseconds();
  node_wait(node, count > 0 ? (size_t)count : 0, milliseconds > 0 ? (uint64_t)milliseconds : 0);
  uint64_t end = nanoseconds();
  say("waited %zu %" PRIu64 " %" PRIu64, zhashx_size(node->table), (end - start) / 1000, end);
}

static void say_done(int is_done) {
  if (is_done) say("ok");
  else say("error the node takes no commands");
}

/// Obeys a line, whose words are parted by single spaces; the third goes to its end.
static void obey(char *line, int *in_use) {
  char *command = line, *first = strchr(line, ' '), *second = NULL;
  if (first != NULL) {
    *first++ = 0;
    second = strchr(first, ' ');
    if (second != NULL) *second++ = 0;
  }
  if (streq(command, "use") && first != NULL && atoi(first) >= 0 && atoi(first) < NODES) {
    *in_use = atoi(first);
    node_start(&nodes[*in_use]);
    say("ok");
    return;
  }
  node_t *node = &nodes[*in_use];
  if (streq(command, "stop")) {
    node_stop(node);
    say("ok");
    return;
  }
  if (node->actor == NULL) {
    say("error the node is stopped; `use` makes one");
  } else if (streq(command, "bind") && first != NULL) {
    long port = node_send(node, "BIND", first, NULL) ? node_ask(node, "PORT") : -2;
    if (port >= 0) say("port %ld", port);
    else say("error could not bind %s", first);
  } else if (streq(command, "connect") && first != NULL) {
    say_done(node_send(node, "CONNECT", first, NULL));
  } else if (streq(command, "set") && second != NULL) {
    say_done(node_send(node, "SET", first, second));
  } else if (streq(command, "load") && first != NULL) {
    say_done(node_send(node, "LOAD", first, NULL));
  } else if (streq(command, "save") && first != NULL) {
    // Its answer comes after the file is there.
    say_done(node_send(node, "SAVE", first, NULL) && node_ask(node, "STATUS") >= 0);
  } else if (streq(command, "verbose")) {
    say_done(node_send(node, "VERBOSE", NULL, NULL));
  } else if (streq(command, "publish") && second != NULL) {
    say_done(node_send(node, "PUBLISH", first, second));
  } else if (streq(command, "burst") && second != NULL) {
    char *value = strchr(second, ' ');
    if (value != NULL) *value++ = 0;
    say_done(node_burst(node, atol(first), second, value, 0));
  } else if (streq(command, "status")) {
    long count = node_ask(node, "STATUS");
    if (count >= 0) say("status %ld", count);
    else say("error the node does not answer");
  } else if (streq(command, "loud") || streq(command, "quiet")) {
    node->is_loud = streq(command, "loud");
    say("ok");
  } else if (streq(command, "wait") && second != NULL) {
    wait_and_say(node, atol(first), atol(second));
  } else if (streq(command, "delivered") || streq(command, "dump") || streq(command, "list")) {
    answer_from_table(node, command, NULL);
  } else if ((streq(command, "flips") || streq(command, "get")) && first != NULL) {
    answer_from_table(node, command, first);
  } else {
    say("error what is `%s`?", command);
  }
}

/// Obeys what lines there are in `text` and moves the rest to its start; false when one of them was `quit`.
static int obey_all(char *text, size_t *size, int *in_use) {
  size_t start = 0;
  for (size_t index = 0; index < *size; index++) {
    if (text[index] != '\n') continue;
    text[index] = 0;
    if (streq(text + start, "quit")) return 0;
    obey(text + start, in_use);
    start = index + 1;
  }
  memmove(text, text + start, *size - start);
  *size -= start;
  return 1;
}

static int serve(void) {
  static char text[LINE];
  size_t size = 0;
  int in_use = 0;
  node_start(&nodes[0]);
  while (1) {
    zmq_pollitem_t items[NODES + 1] = {{.fd = STDIN_FILENO, .events = ZMQ_POLLIN}};
    node_t *polled[NODES + 1] = {NULL};
    int count = 1;
    for (int index = 0; index < NODES; index++) {
      if (nodes[index].actor == NULL) continue;
      polled[count] = &nodes[index];
      items[count++] = (zmq_pollitem_t){.socket = nodes[index].pipe, .events = ZMQ_POLLIN};
    }
    if (zmq_poll(items, count, -1) < 0) return 1;
    for (int index = 1; index < count; index++) {
      for (int turn = 0; turn < 1000 && node_take(polled[index], NULL); turn++) {}
    }
    if (items[0].revents == 0) continue;
    ssize_t got = read(STDIN_FILENO, text + size, sizeof text - size);
    // Its end, or a line longer than there is room.
    if (got <= 0) break;
    size += (size_t)got;
    if (obey_all(text, &size, &in_use)) continue;
    say("ok");
    break;
  }
  for (int index = 0; index < NODES; index++) node_stop(&nodes[index]);
  return 0;
}

// ---- Benchmarks

static int failed(const char *what) {
  say("error %s", what);
  return 1;
}

static void say_result(const char *name, long count, uint64_t span) {
  double seconds = (double)span / 1e9;
  say("%s tuples %ld seconds %.6f rate %.0f", name, count, seconds, (double)count / seconds);
}

/// A real node connects to `endpoint`, waits for a first tuple from there, and publishes; returns when it began.
static uint64_t publish_to(node_t *node, const char *endpoint, long count) {
  node_start(node);
  node_send(node, "SET", "server/timeout", "0");
  node_send(node, "CONNECT", endpoint, NULL);
  if (!node_wait(node, 1, 10000)) return 0;
  uint64_t start = nanoseconds();
  return node_burst(node, count, "rate", NULL, WINDOW) ? start : 0;
}

/// How long a real node needs from CONNECT until it knows `count` tuples; 0 when it does not get them.
static uint64_t join_late(node_t *node, const char *endpoint, long count) {
  node_start(node);
  uint64_t start = nanoseconds();
  node_send(node, "CONNECT", endpoint, NULL);
  return node_wait(node, (size_t)count, 120000) ? nanoseconds() - start : 0;
}

/// The other process of a pair: gets an endpoint from `in`, and says in `out` what it measured. Then it keeps its node
/// until `in` ends.
static int bench_child(int is_late, long count, int in, int out) {
  char endpoint[64] = "";
  ssize_t size = read(in, endpoint, sizeof endpoint - 1);
  if (size <= 0) return 1;
  node_t *node = &nodes[0];
  uint64_t result = is_late ? join_late(node, endpoint, count) : publish_to(node, endpoint, count);
  if (write(out, &result, sizeof result) != sizeof result) return 1;
  while (read(in, endpoint, 1) < 0 && errno == EINTR) {}
  node_stop(node);
  return 0;
}

static int bench_parent(int is_late, long count, int in, int out) {
  node_t *node = &nodes[0];
  char endpoint[64];
  node_start(node);
  node_send(node, "SET", "server/timeout", "0");
  node_send(node, "BIND", "tcp://127.0.0.1:*", NULL);
  long port = node_ask(node, "PORT");
  if (port <= 0) return failed("could not bind");
  long own = is_late ? count : 1;
  if (!node_burst(node, own, "own", NULL, WINDOW) || !node_wait(node, (size_t)own, 60000)) {
    return failed("the node took nothing");
  }
  snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%ld", port);
  if (write(out, endpoint, strlen(endpoint)) < 0) return failed("the other process is gone");
  // The last of them must be here before the clock is read; what the child says comes afterwards or before.
  int is_there = is_late || node_wait(node, (size_t)count + 1, 120000);
  uint64_t end = nanoseconds(), result = 0;
  if (!is_there || read(in, &result, sizeof result) != sizeof result || result == 0) {
    return failed("the tuples did not arrive");
  }
  say_result(is_late ? "bench-late" : "bench-pair", count, is_late ? result : end - result);
  return 0;
}

/// Two real nodes in two processes.
static int bench(int is_late, long count) {
  int down[2], up[2];
  if (pipe(down) != 0 || pipe(up) != 0) return failed("no pipes");
  // Before anything of libczmq runs, whose threads would not survive.
  pid_t child = fork();
  if (child < 0) return failed("no process");
  if (child == 0) {
    alarm(LIFETIME_S);
    close(down[1]);
    close(up[0]);
    _exit(bench_child(is_late, count, down[0], up[1]));
  }
  close(down[0]);
  close(up[1]);
  int code = bench_parent(is_late, count, up[0], down[1]);
  close(down[1]);
  waitpid(child, NULL, 0);
  node_stop(&nodes[0]);
  return code;
}

/// Waits for the end of standard input, so that what is still under way arrives.
static int finish(node_t *node) {
  char byte;
  while (1) {
    zmq_pollitem_t items[] = {
      {.fd = STDIN_FILENO, .events = ZMQ_POLLIN}, {.socket = node->pipe, .events = ZMQ_POLLIN}};
    if (zmq_poll(items, 2, -1) < 0) break;
    while (node_take(node, NULL)) {}
    if (items[0].revents != 0 && read(STDIN_FILENO, &byte, 1) <= 0) break;
  }
  node_stop(node);
  return 0;
}

static int meet(const char *mode, const char *endpoint, long count) {
  node_t *node = &nodes[0];
  if (streq(mode, "late-from")) {
    uint64_t span = join_late(node, endpoint, count);
    if (span == 0) return failed("the tuples did not arrive");
    say_result(mode, count, span);
  } else {
    uint64_t start = publish_to(node, endpoint, count);
    if (start == 0) return failed("there is nobody, or nobody who has a tuple");
    uint64_t end = nanoseconds();
    say("rate-to tuples %ld start %" PRIu64 " end %" PRIu64, count, start, end);
  }
  return finish(node);
}

/// Without arguments: obey. Otherwise:
///   bench-pair N     two real nodes, one publishes N tuples, at most 1,000 of them on the way to itself: rate
///   bench-late N     two real nodes, one joins the other that has N tuples: time from CONNECT to the last
///   rate-to EP N     a real node publishes to who listens there, once it got a tuple: `start NS end NS` by the
///                    monotonic clock. How long it took the other to have them all, the other must say.
///   late-from EP N   a real node joins who listens there, and has at least N tuples
/// The last two go on until standard input ends.
int main(int count, char **arguments) {
  alarm(LIFETIME_S);
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  const char *mode = count > 1 ? arguments[1] : "";
  if (count == 3 && streq(mode, "bench-pair")) return bench(0, atol(arguments[2]));
  if (count == 3 && streq(mode, "bench-late")) return bench(1, atol(arguments[2]));
  // What libczmq logs is no answer.
  zsys_set_logstream(stderr);
  zsys_handler_set(NULL);
  if (count == 4 && (streq(mode, "rate-to") || streq(mode, "late-from"))) {
    return meet(mode, arguments[2], atol(arguments[3]));
  }
  if (count == 1) return serve();
  fprintf(stderr, "usage: peer [bench-pair N | bench-late N | rate-to ENDPOINT N | late-from ENDPOINT N]\n");
  return 2;
}
