/* What the load generator's two halves share: the loop (load.c) and the parsing (parse.c). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PUBLISHERS 64            /* the most, and the most in a mark */
#define PORTS 8
#define WINDOW_OPEN 100          /* connecting at once: below every server's backlog */
#define STALL_NS 20000000000LL   /* nothing for so long: something was lost */
#define MARK_DIGITS 10
#define HEAD_BYTES 2048

enum kind { WS, SSE, POLL, HTTP, RAW };
enum phase { IDLE, CONNECTING, HEAD, BODY };

struct item {
  uint32_t size;
  char *bytes;
};

struct items {
  uint32_t count;
  struct item *item;
};

/* Where a connection stands within its bytes. */
struct parse {
  uint64_t left;      /* bytes of this frame, chunk or body that are still to come */
  uint64_t mark;      /* the digits of a mark so far */
  uint8_t digits;     /* how many, 0: outside of a mark, 1: after the `#` */
  uint8_t header[14]; /* a WebSocket frame's header so far */
  uint8_t header_len;
  uint8_t opcode;
  uint8_t chunked;
  uint8_t chunk;      /* 0: size line, 1: data, 2: the line end after data, 3: the last one's */
};

struct conn {
  int fd;
  uint8_t kind, phase, publisher, blocked;
  uint32_t index, next, allowed, sent; /* of a publisher: items, and bytes of the next item */
  const struct item *first;
  char text[HEAD_BYTES]; /* the head of a response */
  uint32_t text_len;
  struct parse parse;
  uint64_t order;
  uint32_t expect[PUBLISHERS];
};

struct world {
  int epoll, port[PORTS];
  uint32_t ports, connections, readers, publishers, batch, heads;
  int acked, same_events, stalled;
  struct items subscribe, publish;
  struct conn *subs, *pubs;
  uint64_t sent, acks, delivered, lost, doubled, bytes;
  int64_t received, delivered_at, acked_at, stamp;
};

extern struct world w;

int64_t now_ns(void);
void die(const char *what, const char *detail);
void parse(struct conn *c, const char *bytes, size_t size);
