/*
 * A closed loop of policy requests, as many connections of smtpd make it: each asks, waits for its answer, and
 * asks again. In C, so that what is measured is the server. Prints one line of JSON.
 *
 *     policyload WHERE CONNECTIONS SECONDS KIND SEED POOL DOMAINS
 *
 *     WHERE   inet:HOST:PORT or unix:/PATH
 *     KIND    fresh: each request is a triplet never seen, of a client never seen
 *             known: one of POOL mails, any of them, each of a client and a sender's domain of its own
 *             white: a triplet never seen, of one of the clients of the POOL mails
 *             prime: each of the POOL mails once, however long that takes
 *     SEED    two runs with different seeds have no fresh triplet in common
 *     DOMAINS of so many domains are the senders of fresh triplets; 0: each of one of its own
 *
 * Every connection has been answered once before the time begins, so that accepting them is not in it. `share` is how
 * much of a core it took itself, times are microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 4096, REPLY = 1024, EVENTS = 256, ACTIONS = 16, ACCEPTED_SECONDS = 30 };

struct connection {
  int fd, received;
  double asked;
  char reply[REPLY];
};

struct action {
  char name[64];
  unsigned long count;
};

static enum { FRESH, KNOWN, WHITE, PRIME } kind;
static uint64_t next_fresh, next_primed, pool, domains;
static uint64_t state; /* of xorshift64 */

static void fail(const char *what) {
  fprintf(stderr, "policyload: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static uint64_t random_number(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

/* What Postfix 3.7 sends. Hosts are so many that none is asked about often. Private addresses would earn nothing. */
static int write_request(char *to) {
  char host[64], address[32], sender[96];
  uint64_t number;
  if (kind == KNOWN || kind == PRIME) {
    number = kind == PRIME ? next_primed++ : random_number() % pool;
    snprintf(sender, sizeof sender, "user%lu@known%lu.example", number, number);
  } else {
    number = next_fresh++;
    uint64_t domain = domains == 0 ? number : number % domains;
    snprintf(sender, sizeof sender, "user%lu@sender%lu.example", number, domain);
  }
  uint64_t client = kind == WHITE ? random_number() % pool : number;
  if (kind == FRESH) {
    uint32_t mixed = (uint32_t)number * 2654435761u;
    snprintf(host, sizeof host, "mx.d%u.example", mixed % 50000);
    snprintf(address, sizeof address, "%u.%u.%u.%u", 11 + (mixed >> 24) % 80, mixed >> 16 & 255,
             mixed >> 8 & 255, mixed & 255);
  } else {
    snprintf(host, sizeof host, "mx.k%lu.example", client);
    snprintf(address, sizeof address, "91.%lu.%lu.%lu", client >> 16 & 255, client >> 8 & 255,
             client & 255);
  }
  return snprintf(
      to, REQUEST,
      "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=%s\n"
      "client_name=%s\nclient_port=40000\nreverse_client_name=%s\nserver_address=192.0.2.25\n"
      "server_port=25\nhelo_name=%s\nsender=%s\nrecipient=rcpt%lu@example.com\nrecipient_count=0\n"
      "queue_id=\ninstance=%lx.5f0.1.0\nsize=12345\netrn_domain=\nstress=\nsasl_method=\n"
      "sasl_username=\nsasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\n"
      "ccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\n"
      "encryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\npolicy_context=\n\n",
      address, host, host, host, sender, number % 997, number);
}

static double processor_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
         (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static int connect_to(const char *where) {
  int fd, on = 1;
  if (strncmp(where, "unix:", 5) == 0) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path, where + 5, sizeof to.sun_path - 1);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) fail(where);
  } else {
    char host[64];
    int port;
    struct sockaddr_in to = {.sin_family = AF_INET};
    errno = EINVAL;
    if (sscanf(where, "inet:%63[^:]:%d", host, &port) != 2) fail(where);
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) fail(where);
    to.sin_port = htons(port);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) fail(where);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static void ask(struct connection *c) {
  char request[REQUEST];
  int length = write_request(request);
  c->asked = seconds_now();
  c->received = 0;
  if (write(c->fd, request, length) != length) fail("write");
}

/* Reads what has come. Returns 1 when that is a whole reply, 0 when more has to come, -1 when the server has closed. */
static int take_reply(struct connection *c) {
  int got = read(c->fd, c->reply + c->received, REPLY - 1 - c->received);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) return -1;
  c->received += got;
  c->reply[c->received] = 0;
  return c->received >= 2 && strcmp(c->reply + c->received - 2, "\n\n") == 0;
}

/* Waits for so many replies, which nothing is asked behind. Returns how many are missing after some seconds. */
static int settle(int poll, int waiting, double seconds) {
  double end = seconds_now() + seconds;
  while (waiting > 0 && seconds_now() < end) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poll, events, EVENTS, 100);
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      int taken = take_reply(c);
      if (taken != 0) waiting--;
      if (taken < 0) close(c->fd);
    }
  }
  return waiting;
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  static const char *kinds[] = {"fresh", "known", "white", "prime"};
  if (argc != 8) {
    fprintf(stderr, "policyload WHERE CONNECTIONS SECONDS KIND SEED POOL DOMAINS\n");
    return 2;
  }
  int connections = atoi(argv[2]), alive = connections, is_kind = 0;
  double seconds = atof(argv[3]);
  for (int i = 0; i < 4; i++) {
    if (strcmp(argv[4], kinds[i]) == 0) kind = i, is_kind = 1;
  }
  uint64_t seed = strtoull(argv[5], 0, 10);
  pool = strtoull(argv[6], 0, 10);
  domains = strtoull(argv[7], 0, 10);
  errno = EINVAL;
  if (!is_kind || connections < 1 || pool < 1 || pool > 1 << 24) fail("arguments");
  state = 88172645463325252ull ^ (seed + 1) * 7919;
  next_fresh = (seed + 1) * 100000000ull;

  int poll = epoll_create1(0);
  struct connection *all = calloc(connections, sizeof *all);
  for (int i = 0; i < connections; i++) {
    all[i].fd = connect_to(argv[1]);
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &wanted);
  }

  struct action actions[ACTIONS] = {0};
  size_t count = 0, room = 1 << 20;
  float *times = malloc(room * sizeof *times);
  unsigned long lost = 0;
  if (kind != PRIME) {
    /* Connections as Postfix has them: accepted long ago. */
    for (int i = 0; i < connections; i++) ask(&all[i]);
    errno = ETIMEDOUT;
    if (settle(poll, connections, ACCEPTED_SECONDS) > 0) fail("not every connection was answered");
  }
  double began = seconds_now(), now = began, before = processor_seconds();
  for (int i = 0; i < connections; i++) {
    if (kind == PRIME && next_primed == pool) alive--;
    else ask(&all[i]);
  }
  while (alive > 0 && (kind == PRIME || now < began + seconds)) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poll, events, EVENTS, 1000);
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      int taken = take_reply(c);
      if (taken == 0) continue;
      if (taken < 0) {
        lost++, alive--;
        close(c->fd);
        continue;
      }
      if (count == room) times = realloc(times, (room *= 2) * sizeof *times);
      times[count++] = (seconds_now() - c->asked) * 1e6;
      char name[64] = "";
      int a = 0;
      sscanf(c->reply, "action=%63[A-Za-z0-9_]", name);
      while (a < ACTIONS - 1 && actions[a].name[0] && strcmp(actions[a].name, name) != 0) a++;
      strcpy(actions[a].name, name);
      actions[a].count++;
      if (kind == PRIME && next_primed == pool) alive--;
      else ask(c);
    }
    now = seconds_now();
  }
  double took = now - began, cpu = processor_seconds() - before;
  if (count == 0) fail("no reply");
  /* Nothing is left unread: that would reset the connections. */
  settle(poll, alive, 1);

  qsort(times, count, sizeof *times, by_size);
  printf("{\"rate\":%.1f,\"count\":%zu,\"p50\":%.0f,\"p99\":%.0f,\"max\":%.0f,\"lost\":%lu,"
         "\"share\":%.3f,\"actions\":{",
         count / took, count, times[count / 2], times[count * 99 / 100], times[count - 1], lost,
         cpu / took);
  for (int a = 0; a < ACTIONS && actions[a].count > 0; a++) {
    printf("%s\"%s\":%lu", a > 0 ? "," : "", actions[a].name, actions[a].count);
  }
  printf("}}\n");
  return 0;
}
