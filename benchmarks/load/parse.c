/* What a server sends, taken apart: HTTP heads, chunks, WebSocket frames, and marks in events. */
#include "load.h"

static void event(struct conn *c, uint64_t mark) {
  uint32_t publisher = mark / 100000000, number = mark % 100000000;
  if (c->publisher) { /* the reply to a publish over WebSocket names it */
    w.acks++;
    w.acked_at = w.received;
    return;
  }
  if (publisher >= PUBLISHERS) die("a mark of nobody", "");
  if (number < c->expect[publisher]) {
    w.doubled++;
    return;
  }
  w.lost += number - c->expect[publisher];
  c->expect[publisher] = number + 1;
  c->order = (c->order ^ mark) * 0x100000001b3ULL;
  w.delivered++;
  w.delivered_at = w.received;
}

static void scan(struct conn *c, const char *bytes, size_t size) {
  const char *end = bytes + size;
  struct parse *at = &c->parse;
  while (bytes < end) {
    if (!at->digits) {
      bytes = memchr(bytes, '#', end - bytes);
      if (!bytes) return;
      bytes++;
      at->digits = 1;
      at->mark = 0;
    } else if (*bytes >= '0' && *bytes <= '9') {
      at->mark = at->mark * 10 + (*bytes++ - '0');
      if (at->digits++ == MARK_DIGITS) {
        at->digits = 0;
        event(c, at->mark);
      }
    } else {
      at->digits = 0;
    }
  }
}

/* A response is complete: its connection may be used again. */
static void complete(struct conn *c) {
  c->text_len = 0;
  c->parse = (struct parse){0};
  if (!c->publisher) {
    c->phase = IDLE;
    return;
  }
  c->phase = HEAD;
  w.acks++;
  w.acked_at = w.received;
}

static void pong(struct conn *c, const char *bytes, size_t size) {
  unsigned char frame[131] = {0x8a, 0x80 | (size & 0x7f)}; /* masked with zeros */
  memcpy(frame + 6, bytes, size);
  if (send(c->fd, frame, 6 + size, MSG_NOSIGNAL) < 0) die("pong", strerror(errno));
}

/* Take a frame's header byte by byte; return whether it is whole. */
static int frame_header(struct conn *c, uint8_t byte) {
  struct parse *at = &c->parse;
  at->header[at->header_len++] = byte;
  if (at->header_len < 2) return 0;
  uint8_t short_size = at->header[1] & 0x7f;
  int extra = short_size == 126 ? 2 : short_size == 127 ? 8 : 0;
  if (at->header[1] & 0x80) die("a masked frame came from a server", "");
  if (at->header_len < 2 + extra) return 0;
  at->opcode = at->header[0];
  at->left = short_size;
  if (extra) at->left = 0;
  for (int i = 0; i < extra; i++) at->left = at->left << 8 | at->header[2 + i];
  at->header_len = 0;
  if (at->opcode != 0x81 && at->opcode != 0x89 && at->opcode != 0x8a && at->opcode != 0x88)
    die("a broken frame, or one of a kind that nobody asked for", "");
  return 1;
}

static void frames(struct conn *c, const char *bytes, size_t size) {
  struct parse *at = &c->parse;
  while (size) {
    if (!at->left) {
      if (frame_header(c, *bytes++) && !at->left && at->opcode == 0x89) pong(c, "", 0);
      size--;
      continue;
    }
    size_t n = size < at->left ? size : at->left;
    if (at->opcode == 0x88) die("the server closed a WebSocket", n > 2 ? bytes + 2 : "");
    if (at->opcode == 0x89) pong(c, bytes, n);
    if (at->opcode == 0x81) {
      if (c->publisher && memmem(bytes, n, "\"type\":\"error\"", 14)) die("refused", bytes);
      scan(c, bytes, n);
    }
    bytes += n, size -= n, at->left -= n;
  }
}

static void chunks(struct conn *c, const char *bytes, size_t size) {
  struct parse *at = &c->parse;
  while (size && c->phase == BODY) {
    if (at->chunk == 1 && at->left) {
      size_t n = size < at->left ? size : at->left;
      scan(c, bytes, n);
      bytes += n, size -= n, at->left -= n;
      if (!at->left) at->chunk = 2;
      continue;
    }
    char byte = *bytes++;
    size--;
    if (at->chunk == 0) {
      if (byte == '\n') at->chunk = at->left ? 1 : 3;
      else if (byte != '\r') at->left = at->left * 16 + strtol((char[]){byte, 0}, NULL, 16);
    } else if (byte == '\n') {
      int last = at->chunk == 3;
      at->chunk = 0;
      if (last) complete(c);
    }
  }
  if (size) parse(c, bytes, size); /* the next response of a pipeline */
}

static void counted(struct conn *c, const char *bytes, size_t size) {
  size_t n = size < c->parse.left ? size : c->parse.left;
  if (!c->publisher) scan(c, bytes, n);
  c->parse.left -= n;
  if (c->parse.left) return;
  complete(c);
  if (size > n) parse(c, bytes + n, size - n); /* the next response of a pipeline */
}

/* Take a response's head; return how many bytes of it were used. */
static size_t head(struct conn *c, const char *bytes, size_t size) {
  size_t used = 0;
  while (used < size) {
    if (c->text_len == HEAD_BYTES - 1) die("a head that is too long", c->text);
    c->text[c->text_len++] = bytes[used++];
    c->text[c->text_len] = 0;
    if (c->text_len > 3 && !memcmp(c->text + c->text_len - 4, "\r\n\r\n", 4)) break;
  }
  if (c->text_len < 4 || memcmp(c->text + c->text_len - 4, "\r\n\r\n", 4)) return used;
  int status = atoi(c->text + 9);
  if (status != 101 && status / 100 != 2) die("refused", c->text);
  const char *length = strcasestr(c->text, "\r\ncontent-length:");
  c->parse = (struct parse){.chunked = strcasestr(c->text, "chunked") != NULL};
  c->parse.left = length ? strtoull(length + 17, NULL, 10) : 0;
  c->phase = BODY;
  if (c->kind == WS || c->kind == SSE) w.heads++;
  else if (!c->parse.chunked && !c->parse.left) complete(c);
  return used;
}

void parse(struct conn *c, const char *bytes, size_t size) {
  if (c->phase == HEAD) {
    size_t used = head(c, bytes, size);
    bytes += used, size -= used;
    if (c->phase == HEAD && size) parse(c, bytes, size);
    if (c->phase != BODY) return;
  }
  if (!size) return;
  if (c->phase == IDLE) die("bytes that nobody asked for", bytes);
  if (c->kind == WS) frames(c, bytes, size);
  else if (c->parse.chunked) chunks(c, bytes, size);
  else if (c->kind == SSE) scan(c, bytes, size);
  else if (c->kind != RAW) counted(c, bytes, size);
}
