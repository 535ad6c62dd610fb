// What the two floor programs share; see floor.h.

#define _GNU_SOURCE 1
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static pid_t child;

static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

bool floor_interrupted(void) { return interrupted != 0; }

void floor_catch_signals(void) {
  // Without SA_RESTART, so that a blocking call returns and its loop sees the flag.
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

_Noreturn void floor_fail(const char *message) {
  fprintf(stderr, "%s: %s\n", program_invocation_short_name, message);
  floor_end_child();
  exit(1);
}

_Noreturn void floor_fail_errno(const char *what) {
  char message[256];
  snprintf(message, sizeof message, "%s: %s", what, strerror(errno));
  floor_fail(message);
}

uint64_t floor_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t floor_cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  uint64_t seconds = (uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec;
  uint64_t micros = (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
  return seconds * 1000000000u + micros * 1000u;
}

uint64_t floor_number(const char *option, const char *text, uint64_t least, uint64_t most) {
  char *end = NULL;
  errno = 0;
  unsigned long long value = text && *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
  if (!end || *end || errno || value < least || value > most) {
    char message[256];
    snprintf(message, sizeof message, "%s is '%s'; it must be a number from %llu to %llu", option,
             text ? text : "", (unsigned long long)least, (unsigned long long)most);
    floor_fail(message);
  }
  return value;
}

int floor_socket(uint16_t port) {
  int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) floor_fail_errno("socket");
  int bytes = 4 << 20;
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes)) floor_fail_errno("SO_RCVBUF");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(descriptor, (struct sockaddr *)&address, sizeof address)) floor_fail_errno("bind 127.0.0.1");
  return descriptor;
}

struct sockaddr_in floor_address(int socket) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (getsockname(socket, (struct sockaddr *)&address, &length)) floor_fail_errno("getsockname");
  return address;
}

uint64_t floor_receive_buffer(int socket) {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  if (getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, &length)) floor_fail_errno("SO_RCVBUF");
  return (uint64_t)bytes;
}

int floor_epoll(int socket) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) floor_fail_errno("epoll_create1");
  struct epoll_event event = {.events = EPOLLIN, .data.fd = socket};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event)) floor_fail_errno("epoll_ctl");
  return epoll;
}

bool floor_wait(int epoll, int milliseconds) {
  struct epoll_event event;
  // Being stopped and continued interrupts the wait too; that is neither input nor the end of patience.
  for (;;) {
    int ready = epoll_wait(epoll, &event, 1, milliseconds);
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) floor_fail_errno("epoll_wait");
    if (floor_interrupted()) return false;
  }
}

pid_t floor_fork(void) {
  pid_t parent = getpid();
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) floor_fail_errno("fork");
  if (pid > 0) {
    child = pid;
    return pid;
  }
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // The parent ended before the line above took effect.
  return 0;
}

void floor_end_child(void) {
  if (child <= 0) return;
  kill(child, SIGTERM);
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
  child = 0;
}
