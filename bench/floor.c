/*
 * The floor: the least that greylisting over Memcached can do, on one thread in C. It says what this machine can do,
 * and is no greylister: three attributes, so many keys in one multi-get, an ADD for a triplet that is not there, on one
 * pipelined connection. No lists, no log, no checks.
 *
 *     floor PORT MEMCACHED_PORT DELAY_SECONDS READS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 4096, EVENTS = 256, IN_FLIGHT = 1 << 16, BUFFER = 4 << 20 };

struct connection {
  int fd, received, adding;
  char key[64];
  char request[REQUEST];
};

/* Who waits for memcached, in the order of its replies. */
static struct connection *waiting[IN_FLIGHT];
static unsigned first, last;

static int memcached, reads;
static long delay;
static char to_memcached[BUFFER], from_memcached[BUFFER];
static int to_send, received;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static uint64_t fnv(uint64_t hash, const char *bytes, size_t length) {
  while (length-- > 0) hash = (hash ^ (unsigned char)*bytes++) * 1099511628211ull;
  return hash;
}

/* Asks for all keys of a request. */
static void look_up(struct connection *c) {
  static const char *names[] = {"\nclient_address=", "\nsender=", "\nrecipient="};
  uint64_t one = 1469598103934665603ull, two = 99;
  for (int i = 0; i < 3; i++) {
    const char *value = strstr(c->request, names[i]);
    if (value == NULL) continue;
    value += strlen(names[i]);
    size_t length = strcspn(value, "\n");
    one = fnv(one, value, length);
    two = fnv(two, value, length);
  }
  sprintf(c->key, "f:%016lx%016lx", one, two);
  c->adding = 0;
  to_send += sprintf(to_memcached + to_send, "get %s", c->key);
  for (int i = 1; i < reads; i++) to_send += sprintf(to_memcached + to_send, " %s%d", c->key, i);
  to_send += sprintf(to_memcached + to_send, "\r\n");
  waiting[last++ % IN_FLIGHT] = c;
}

static void add(struct connection *c, long now) {
  char value[32];
  int length = sprintf(value, "%ld", now);
  c->adding = 1;
  to_send += sprintf(to_memcached + to_send, "add %s 0 172800 %d\r\n%s\r\n", c->key, length, value);
  waiting[last++ % IN_FLIGHT] = c;
}

static void answer(struct connection *c, int deferred) {
  const char *text = deferred ? "action=DEFER_IF_PERMIT Greylisted\n\n" : "action=DUNNO\n\n";
  if (c->fd < 0) return;
  if (write(c->fd, text, strlen(text)) < 0 && errno != EPIPE && errno != ECONNRESET) fail("write");
}

static void read_memcached(void) {
  int got = read(memcached, from_memcached + received, BUFFER - 1 - received);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("memcached");
  received += got;
  from_memcached[received] = 0;
  char *at = from_memcached;
  long now = time(NULL);
  while (first != last) {
    struct connection *c = waiting[first % IN_FLIGHT];
    char *line = strstr(at, "\r\n");
    if (line == NULL) break;
    if (c->adding) {
      at = line + 2;
      answer(c, 1);
    } else if (strncmp(at, "END", 3) == 0) {
      at = line + 2;
      add(c, now);
    } else {
      char *end = strstr(line + 2, "\r\nEND\r\n");
      if (end == NULL) break;
      at = end + 7;
      answer(c, now - atol(line + 2) < delay);
    }
    first++;
  }
  received -= at - from_memcached;
  memmove(from_memcached, at, received);
}

static void read_request(struct connection *c) {
  int got = read(c->fd, c->request + c->received, REQUEST - 1 - c->received);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    close(c->fd); /* and keeps its memory: somebody may still wait for memcached on its behalf */
    c->fd = -1;
    return;
  }
  c->received += got;
  c->request[c->received] = 0;
  if (c->received < 2 || strcmp(c->request + c->received - 2, "\n\n") != 0) return;
  look_up(c);
  c->received = 0;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "floor PORT MEMCACHED_PORT DELAY_SECONDS READS\n");
    return 2;
  }
  struct sockaddr_in own = loopback(atoi(argv[1])), its = loopback(atoi(argv[2]));
  delay = atol(argv[3]);
  reads = atoi(argv[4]);

  signal(SIGPIPE, SIG_IGN);
  memcached = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(memcached, (struct sockaddr *)&its, sizeof its) != 0) fail("memcached");
  no_delay(memcached);
  fcntl(memcached, F_SETFL, O_NONBLOCK);

  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&own, sizeof own) != 0) fail("bind");
  if (listen(listener, 1024) != 0) fail("listen");

  int poll = epoll_create1(0);
  struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = &listener};
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &wanted);
  wanted.data.ptr = &memcached;
  epoll_ctl(poll, EPOLL_CTL_ADD, memcached, &wanted);
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      void *which = events[i].data.ptr;
      if (which == &memcached) {
        read_memcached();
      } else if (which == &listener) {
        struct connection *c = calloc(1, sizeof *c);
        if ((c->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0) continue;
        no_delay(c->fd);
        wanted.data.ptr = c;
        epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &wanted);
      } else {
        read_request(which);
      }
    }
    if (to_send > 0) {
      int sent = write(memcached, to_memcached, to_send);
      if (sent > 0) memmove(to_memcached, to_memcached + sent, to_send -= sent);
    }
  }
}
