/* The load generator: subscribers and publishers of one log, in one epoll loop.
 *
 * load PORTS KIND CONNECTIONS READERS PUBLISHER PUBLISHERS BATCH SUBSCRIBE_FILE PUBLISH_FILE
 *   PORTS      of the servers that share the log, separated by commas: subscribers take them in turn
 *              from the first, publishers from the last
 *   KIND       ws | sse | poll      what each subscriber's connection speaks
 *   READERS    how many of the connections each event reaches
 *   PUBLISHER  ws | http | raw      how a publisher is acknowledged (raw: not at all)
 *   BATCH      events in one publish
 *   files      items of u32 length (little endian) and bytes. SUBSCRIBE_FILE: the request that
 *              subscriber i sends is item i mod count. PUBLISH_FILE: item 0 opens a publisher (may
 *              be empty); every other item is one publish, sent by publisher (k - 1) mod PUBLISHERS.
 *
 * Each event carries one mark `#PPNNNNNNNN`: its publisher and its number, counted from 0 without a
 * hole. Every subscriber's marks are checked: what is skipped is lost, what comes again is doubled,
 * and a hash over all marks says whether all saw one order. Frames and chunks are parsed, so a frame
 * cut short is noticed. A publisher's acknowledgement over WebSocket carries the mark as well.
 *
 * Commands come line by line on stdin, and each is answered with one line of JSON:
 *   open COUNT MS              connect all; wait for every head, or for COUNT events each; then
 *   quiet MS                   until no event came for so long
 *   publish COUNT WINDOW GAP   COUNT items, at most WINDOW not yet delivered to all, GAP us apart
 *   store COUNT WINDOW         COUNT items, at most WINDOW not yet acknowledged; then until all are
 *                              delivered
 *   ask                        poll: every connection asks again
 *   close                      end all subscribers
 */
#include "load.h"

struct world w;

int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void die(const char *what, const char *detail) {
  printf("{\"failed\":\"%s\",\"detail\":\"", what);
  for (const char *p = detail; p && *p && p < detail + 300; p++)
    if (*p >= ' ' && *p != '"' && *p != '\\') putchar(*p);
  printf("\"}\n");
  fflush(stdout);
  exit(1);
}

/* ---------------------------------------------------------------- one turn of the loop */

static struct items read_items(const char *path) {
  struct items items = {0};
  FILE *file = fopen(path, "rb");
  uint32_t size, room = 0;
  if (!file) die("no such file", path);
  while (fread(&size, 4, 1, file) == 1) {
    if (items.count == room) {
      room = room ? 2 * room : 64;
      items.item = realloc(items.item, room * sizeof *items.item);
    }
    struct item item = {size, malloc(size + 1)};
    if (fread(item.bytes, 1, size, file) != size) die("a file was cut short", path);
    items.item[items.count++] = item;
  }
  fclose(file);
  return items;
}

void watch(struct conn *c, uint32_t events, int how) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(w.epoll, how, c->fd, &event)) die("epoll_ctl", strerror(errno));
}

static void start(struct conn *c, uint32_t port, const struct item *first) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(w.port[port])};
  int one = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) die("socket", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  c->phase = CONNECTING;
  c->first = first;
  c->text_len = 0;
  c->parse = (struct parse){0};
  if (connect(c->fd, (void *)&address, sizeof address) && errno != EINPROGRESS)
    die("connect", strerror(errno));
  watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

static void send_first(struct conn *c) {
  uint32_t size = c->first->size;
  if (size && send(c->fd, c->first->bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
    die("the first request was not taken", strerror(errno));
  c->phase = c->kind == RAW ? BODY : HEAD;
  if (c->kind != WS && c->kind != SSE) w.heads++; /* no head comes before the first event */
  watch(c, EPOLLIN, EPOLL_CTL_MOD);
}

/* Send what a publisher is allowed to; what the socket does not take waits for EPOLLOUT. */
static void pump(struct conn *c) {
  while (c->next < c->allowed) {
    const struct item *item = &w.publish.item[1 + c->index + c->next * w.publishers];
    ssize_t n = send(c->fd, item->bytes + c->sent, item->size - c->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) die("publish", strerror(errno));
    if (n > 0) c->sent += n;
    if (c->sent < item->size) {
      if (!c->blocked) watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
      c->blocked = 1;
      return;
    }
    c->sent = 0;
    c->next++;
  }
  if (c->blocked) watch(c, EPOLLIN, EPOLL_CTL_MOD);
  c->blocked = 0;
}

static void receive(struct conn *c) {
  static char buffer[1 << 18];
  for (;;) {
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("the server closed a connection", n ? strerror(errno) : "end of stream");
    w.received = now_ns();
    w.bytes += n;
    parse(c, buffer, n);
    if (n < (ssize_t)sizeof buffer) return;
  }
}

/* Handle what is ready; return whether a command line waits. */
static int turn(int timeout_ms) {
  struct epoll_event ready[256];
  int command = 0, n = epoll_wait(w.epoll, ready, 256, timeout_ms);
  for (int i = 0; i < n; i++) {
    struct conn *c = ready[i].data.ptr;
    if (!c) {
      command = 1;
    } else if (c->phase == CONNECTING) {
      send_first(c);
    } else {
      if (ready[i].events & EPOLLOUT) pump(c);
      if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
    }
  }
  return command;
}

/* ---------------------------------------------------------------- commands */

static void report(int64_t began, int64_t cpu, const int64_t *each, uint32_t count) {
  uint64_t orders = 0;
  for (uint32_t i = 0; i < w.connections; i++) orders += w.subs[i].order != w.subs[0].order;
  printf("{\"wall_ns\":%lld,\"cpu_ns\":%lld,\"delivered\":%llu,\"bytes\":%llu,\"lost\":%llu,"
         "\"doubled\":%llu,\"disordered\":%llu,\"stalled\":%s,\"latency_ns\":[",
         (long long)(w.stamp - began), (long long)(cpu_ns() - cpu),
         (unsigned long long)w.delivered, (unsigned long long)w.bytes,
         (unsigned long long)w.lost, (unsigned long long)w.doubled,
         (unsigned long long)(w.same_events ? orders : 0), w.stalled ? "true" : "false");
  for (uint32_t i = 0; i < count; i++) printf("%s%lld", i ? "," : "", (long long)each[i]);
  printf("]}\n");
  fflush(stdout);
}

static void do_open(uint32_t count, uint32_t ms) {
  int64_t began = now_ns(), cpu = cpu_ns();
  uint64_t want = (uint64_t)count * w.connections, before = w.delivered;
  uint32_t started = 0;
  w.heads = 0, w.bytes = 0, w.stalled = 0;
  for (uint32_t i = 0; i < w.connections; i++)
    for (uint32_t p = 0; p < w.publishers; p++)
      w.subs[i].expect[p] = count ? 0 : w.pubs[p].next * w.batch;
  for (;;) {
    while (started < w.connections && started - w.heads < WINDOW_OPEN) {
      struct conn *c = &w.subs[started];
      start(c, started % w.ports, &w.subscribe.item[started % w.subscribe.count]);
      started++;
    }
    if (w.heads == w.connections && w.delivered - before >= want) break;
    if (now_ns() - began > ms * 1000000LL) {
      w.stalled = 1;
      break;
    }
    turn(10);
  }
  w.stamp = now_ns();
  report(began, cpu, NULL, 0);
}

static void do_quiet(uint32_t ms) {
  int64_t began = now_ns(), cpu = cpu_ns();
  w.delivered_at = began;
  while (now_ns() - w.delivered_at < ms * 1000000LL) turn(ms / 4 + 1);
  w.stamp = now_ns();
  report(began, cpu, NULL, 0);
}

/* With `stored`, an item counts against the window until its acknowledgement. */
static void do_publish(uint32_t count, uint32_t window, uint32_t gap_us, int stored) {
  int64_t began = now_ns(), cpu = cpu_ns(), sent_at = began, *each = calloc(count, sizeof *each);
  uint64_t before = w.delivered, acked = w.acks;
  uint64_t per_item = (uint64_t)w.readers * w.batch, first = w.sent;
  uint32_t done = 0, timed = 0, over = 0;
  w.lost = w.doubled = w.bytes = 0, w.stalled = 0;
  if (first + count > w.publish.count - 1) die("not enough to publish", "");
  w.delivered_at = began;
  while (done < count) {
    while (w.sent - first < count && w.sent - first - over < window) {
      if (gap_us && now_ns() < sent_at + gap_us * 1000LL) break;
      struct conn *c = &w.pubs[w.sent % w.publishers];
      sent_at = now_ns();
      w.sent++;
      c->allowed++;
      pump(c);
    }
    if (w.lost || w.doubled) break;
    turn(gap_us && window > w.sent - first - over ? 1 : 1000);
    done = (w.delivered - before) / per_item;
    if (w.acked && done > w.acks - acked) done = w.acks - acked;
    over = stored && w.acked ? w.acks - acked : done;
    if (window == 1 && done > timed) each[timed++] = w.delivered_at - sent_at;
    if (now_ns() - w.delivered_at > STALL_NS && now_ns() - sent_at > STALL_NS) {
      w.stalled = 1;
      break;
    }
  }
  w.stamp = w.delivered_at > w.acked_at || !w.acked ? w.delivered_at : w.acked_at;
  report(began, cpu, each, window == 1 ? timed : 0);
  free(each);
}

static void do_ask(void) {
  int64_t cpu = cpu_ns();
  w.stamp = now_ns();
  for (uint32_t i = 0; i < w.connections; i++)
    if (w.subs[i].phase == IDLE) send_first(&w.subs[i]);
  report(w.stamp, cpu, NULL, 0);
}

static void do_close(void) {
  for (uint32_t i = 0; i < w.connections; i++) {
    close(w.subs[i].fd);
    w.subs[i].phase = IDLE;
    w.subs[i].order = 0;
  }
  w.stamp = now_ns();
  report(w.stamp, cpu_ns(), NULL, 0);
}

static void obey(void) {
  char line[200];
  unsigned a = 0, b = 0, c = 0;
  if (!fgets(line, sizeof line, stdin)) exit(0);
  if (sscanf(line, "open %u %u", &a, &b) == 2) do_open(a, b);
  else if (sscanf(line, "quiet %u", &a) == 1) do_quiet(a);
  else if (sscanf(line, "publish %u %u %u", &a, &b, &c) == 3) do_publish(a, b, c, 0);
  else if (sscanf(line, "store %u %u", &a, &b) == 2) do_publish(a, b, 0, 1);
  else if (!strncmp(line, "ask", 3)) do_ask();
  else if (!strncmp(line, "close", 5)) do_close();
  else die("no such command", line);
}

static int kind_of(const char *name) {
  const char *names[] = {"ws", "sse", "poll", "http", "raw"};
  for (int i = 0; i < 5; i++)
    if (!strcmp(name, names[i])) return i;
  die("no such kind", name);
  return 0;
}

static void read_ports(char *list) {
  for (char *port = strtok(list, ","); port; port = strtok(NULL, ",")) {
    if (w.ports == PORTS) die("too many ports", list);
    w.port[w.ports++] = atoi(port);
  }
}

int main(int argc, char **argv) {
  if (argc != 10) die("usage", "see the top of load.c");
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  setvbuf(stdin, NULL, _IONBF, 0);
  read_ports(argv[1]);
  w.connections = atoi(argv[3]);
  w.readers = atoi(argv[4]);
  w.publishers = atoi(argv[6]);
  w.batch = atoi(argv[7]);
  w.subscribe = read_items(argv[8]);
  w.publish = read_items(argv[9]);
  w.subs = calloc(w.connections, sizeof *w.subs);
  w.pubs = calloc(w.publishers, sizeof *w.pubs);
  w.epoll = epoll_create1(0);
  w.acked = kind_of(argv[5]) != RAW;
  w.same_events = w.readers == w.connections;
  epoll_ctl(w.epoll, EPOLL_CTL_ADD, 0, &input);
  for (uint32_t i = 0; i < w.connections; i++) w.subs[i].kind = kind_of(argv[2]);
  for (uint32_t p = 0; p < w.publishers; p++) {
    w.pubs[p] = (struct conn){.kind = kind_of(argv[5]), .index = p, .publisher = 1};
    start(&w.pubs[p], w.ports - 1 - p % w.ports, &w.publish.item[0]);
  }
  while (w.heads < w.publishers) turn(1000);
  printf("{}\n");
  fflush(stdout);
  for (;;)
    if (turn(-1)) obey();
}
