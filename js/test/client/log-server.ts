/**
 * A small server that speaks the protocol, so that the wire can be broken on purpose.
 *
 * It keeps a log in memory and serves the three transports, answers and single requests. What
 * the true server does is tested against that one (real-server.test.ts); this one is for what
 * the true one never does: refuse a transport, fall silent, forget its log.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Endpoint } from "../../src/client/endpoint";
import type { Transport } from "../../src/client/resume";

export interface LogEvent {
  readonly type: string;
  readonly event_id: string;
  readonly offset: number;
  readonly timestamp: string;
  readonly request_id?: string;
  readonly [field: string]: unknown;
}

interface Subscriber {
  readonly transport: Transport;
  readonly write: (frame: object) => void;
  readonly end: () => void;
}

const PATHS: Readonly<Record<string, Transport>> = {
  "/ws/human-input": "websocket",
  "/events/human-input": "sse",
  "/poll/human-input": "poll",
};

const CLOSING = ["human_input_completed", "human_input_cancelled", "human_input_expired"];

export class LogServer {
  /** Transports that are answered with 404, as a proxy without them would. */
  readonly refused = new Set<Transport>();
  /** Transports that open and then say nothing. */
  readonly silent = new Set<Transport>();
  /** Send no heartbeats but the first of a connection. */
  muted = false;
  /** How far its clock is from this process's. */
  clockAheadMs = 0;
  /** Take events into the log without telling anybody. */
  deaf = false;
  /** Answer everything with this status. */
  status: number | null = null;
  /** … and ask to be left alone for so long. */
  leaveSeconds = 0;
  /** Requests that the streams bring in brief, without their texts. */
  readonly brief = new Set<string>();
  /** Answer calls for single requests with this status. */
  textsStatus: number | null = null;
  /** Events on one page of an execution's log, as when they are large. */
  mostOnAPage = 1000;
  /** The processes that are connected. */
  readonly near = new Set<string>();
  /** Take an answer into the log, and lose the connection before saying so. */
  loseReplies = 0;
  /** What was asked, in order: "GET /poll/human-input?…". */
  readonly asked: string[] = [];
  readonly headers: IncomingMessage["headers"][] = [];
  /** The transport and key of every answer that came. */
  readonly answers: { by: "frame" | "post"; key: string }[] = [];

  private log: LogEvent[] = [];
  private epoch = 1;
  private port = 0;
  private server: Server | null = null;
  private readonly sockets = new Set<Socket>();
  private readonly subscribers = new Set<Subscriber>();
  private beat: ReturnType<typeof setInterval> | undefined;

  constructor(readonly heartbeatMs = 100) {}

  get endpoint(): Endpoint {
    return {
      prefix: `http://127.0.0.1:${this.port}/`,
      headers: () => ({ "X-XSRFToken": "xsrf", Authorization: "token t" }),
    };
  }

  async start(): Promise<this> {
    const server = createServer((request, response) => this.http(request, response));
    const upgrades = new WebSocketServer({ noServer: true });
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    server.on("upgrade", (request, socket, head) => {
      this.note(request);
      if (this.status !== null || this.refused.has("websocket")) {
        socket.end(`HTTP/1.1 ${this.status ?? 404} No\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      upgrades.handleUpgrade(request, socket, head, (ws) => this.webSocket(request, ws));
    });
    await new Promise<void>((resolve) => server.listen(this.port, "127.0.0.1", resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
    this.beat = setInterval(() => this.heartbeat(), this.heartbeatMs);
    return this;
  }

  /** Stop as a killed process does: every connection breaks. The log stays. */
  async stop(): Promise<void> {
    clearInterval(this.beat);
    const closed = new Promise((resolve) => this.server?.close(resolve) ?? resolve(null));
    this.server = null;
    this.drop();
    await closed;
  }

  /** Break every connection. */
  drop(): void {
    this.subscribers.clear();
    for (const socket of this.sockets) socket.destroy();
  }

  /** Lose the log's history, as a deleted file does. */
  forget(): void {
    this.log = [];
    this.epoch++;
  }

  /** The log. */
  events(): readonly LogEvent[] {
    return this.log;
  }

  /** How many subscribers a transport has. */
  count(transport: Transport): number {
    return [...this.subscribers].filter((one) => one.transport === transport).length;
  }

  /** Send a frame that is no event of the log to every subscriber. */
  broadcast(frame: object): void {
    for (const subscriber of [...this.subscribers]) subscriber.write(this.sent(frame));
  }

  append(event: { type: string; [field: string]: unknown }): LogEvent {
    const offset = this.log.length + 1;
    const stored: LogEvent = {
      event_id: `e${this.epoch}-${offset}`,
      timestamp: new Date().toISOString(),
      ...event,
      offset,
    };
    this.log.push(stored);
    if (!this.deaf) this.broadcast(stored);
    return stored;
  }

  ask(requestId: string, fields: object = {}): LogEvent {
    return this.append({
      type: "human_input_required",
      request_id: requestId,
      prompt: `Question ${requestId}?`,
      ...fields,
    });
  }

  private note(request: IncomingMessage): URL {
    this.asked.push(`${request.method} ${request.url}`);
    this.headers.push(request.headers);
    return new URL(request.url ?? "/", "http://x");
  }

  private http(request: IncomingMessage, response: ServerResponse): void {
    const url = this.note(request);
    const transport = PATHS[url.pathname];
    if (this.leaveSeconds > 0) response.setHeader("Retry-After", this.leaveSeconds);
    if (this.status !== null) reply(response, this.status, { error: "forbidden", message: "No." });
    else if (transport !== undefined && this.refused.has(transport)) reply(response, 404, {});
    else if (transport === "sse") this.sse(url, response);
    else if (transport === "poll") this.poll(url, response);
    else if (url.pathname.startsWith("/poll/human-input/")) this.page(url, response);
    else if (url.pathname.startsWith("/sources/")) {
      reply(response, 200, { present: this.near.has(url.pathname.split("/")[2] ?? "") });
    } else if (url.pathname === "/events") this.publish(request, response);
    else if (request.method === "POST") this.post(request, url, response);
    else this.show(url, response);
  }

  private webSocket(request: IncomingMessage, ws: WebSocket): void {
    const write = (frame: object) => ws.send(JSON.stringify(frame));
    const leave = this.subscribe(this.note(request), "websocket", write, () => ws.terminate());
    ws.on("close", leave);
    ws.on("message", (data) => {
      const frame = JSON.parse(String(data));
      const key = String(frame.idempotency_key);
      this.answers.push({ by: "frame", key });
      const [status, body] = this.answer(frame.request_id, frame, key);
      if (this.lost()) return;
      if (status === 200) write({ type: "ack", ref: frame.ref, body });
      else write({ type: "error", ref: frame.ref, status, ...body });
    });
  }

  private sse(url: URL, response: ServerResponse): void {
    response.writeHead(200, { "Content-Type": "text/event-stream" }).flushHeaders();
    const write = (frame: object) => {
      const name = "epoch" in frame && !("reason" in frame) ? "event: heartbeat\n" : "";
      response.write(`${name}data: ${JSON.stringify(frame)}\n\n`);
    };
    response.on(
      "close",
      this.subscribe(url, "sse", write, () => response.destroy()),
    );
  }

  private poll(url: URL, response: ServerResponse): void {
    const { gap, events } = this.replay(url);
    const send = (found: readonly LogEvent[]) =>
      reply(response, 200, {
        events: found.map((event) => this.sent(event)),
        last_event_id: found.at(-1)?.event_id ?? url.searchParams.get("last_event_id"),
        epoch: String(this.epoch),
        ...(gap === null ? {} : { gap }),
      });
    if (events.length > 0 || gap !== null || url.searchParams.get("timeout") === "0") {
      send(events);
      return;
    }
    const waiting: Subscriber = {
      transport: "poll",
      write: (frame) => {
        if (!("event_id" in frame)) return;
        this.subscribers.delete(waiting);
        send([frame as LogEvent]);
      },
      end: () => response.destroy(),
    };
    this.subscribers.add(waiting);
    response.on("close", () => this.subscribers.delete(waiting));
  }

  /** One execution's log, page by page. */
  private page(url: URL, response: ServerResponse): void {
    const id = decodeURIComponent(url.pathname.split("/")[3] ?? "");
    const last = url.searchParams.get("last_event_id");
    const all = this.log.filter((event) => event.execution_id === id);
    const after = all.slice(all.findIndex((event) => event.event_id === last) + 1);
    const events = after.slice(
      0,
      Math.min(this.mostOnAPage, Number(url.searchParams.get("limit"))),
    );
    const more = events.length < after.length;
    const last_event_id = events.at(-1)?.event_id ?? last;
    reply(response, 200, { events, last_event_id, more, epoch: "1" });
  }

  private publish(request: IncomingMessage, response: ServerResponse): void {
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => reply(response, 200, { events: [this.append(JSON.parse(text))] }));
  }

  private subscribe(url: URL, transport: Transport, write: Subscriber["write"], end: () => void) {
    if (this.silent.has(transport)) return () => undefined;
    const subscriber: Subscriber = { transport, write, end };
    const { gap, events } = this.replay(url);
    for (const frame of [...(gap === null ? [] : [gap]), ...events]) write(this.sent(frame));
    write(this.heartbeatFrame());
    this.subscribers.add(subscriber);
    return () => this.subscribers.delete(subscriber);
  }

  private replay(url: URL): { gap: object | null; events: readonly LogEvent[] } {
    const last = url.searchParams.get("last_event_id");
    if (last === null) return { gap: null, events: this.log.filter((event) => this.open(event)) };
    const at = this.log.findIndex((event) => event.event_id === last);
    if (at >= 0) return { gap: null, events: this.log.slice(at + 1) };
    const reason = "unknown_event_id";
    const gap = {
      type: "gap",
      reason,
      last_event_id: last,
      epoch: String(this.epoch),
      message: "",
    };
    return { gap, events: this.log };
  }

  private sent(frame: object): object {
    const { type, request_id: id } = frame as LogEvent;
    if (type !== "human_input_required" || !this.brief.has(id ?? "")) return frame;
    return { ...frame, brief: true, context: undefined, response: undefined };
  }

  private heartbeat(): void {
    for (const subscriber of this.muted ? [] : this.subscribers) {
      if (subscriber.transport !== "poll") subscriber.write(this.heartbeatFrame());
    }
  }

  private heartbeatFrame(): object {
    const timestamp = new Date(Date.now() + this.clockAheadMs).toISOString();
    return { type: "heartbeat", timestamp, epoch: String(this.epoch), offset: this.log.length };
  }

  private open(event: LogEvent): boolean {
    return event.type === "human_input_required" && this.closing(event.request_id) === undefined;
  }

  private closing(id: string | undefined): LogEvent | undefined {
    return this.log.find((event) => CLOSING.includes(event.type) && event.request_id === id);
  }

  private show(url: URL, response: ServerResponse): void {
    if (this.textsStatus !== null) {
      reply(response, this.textsStatus, { error: "x", message: "Not now." });
      return;
    }
    const id = decodeURIComponent(url.pathname.replace("/requests/", ""));
    const asked = this.log.find((event) => event.request_id === id);
    if (asked === undefined) {
      reply(response, 404, { error: "unknown_request", message: "There is no such request." });
      return;
    }
    const completion = this.closing(id) ?? null;
    const status = completion === null ? "pending" : (STATUS[completion.type] ?? "");
    reply(response, 200, { ...asked, status, claimed_by: null, completion });
  }

  private post(request: IncomingMessage, url: URL, response: ServerResponse): void {
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => {
      if (url.pathname.endsWith("/claim")) {
        this.claim(url, JSON.parse(text), response);
        return;
      }
      const key = String(request.headers["idempotency-key"]);
      this.answers.push({ by: "post", key });
      const id = decodeURIComponent(url.pathname.split("/")[2] ?? "");
      const [status, body] = this.answer(id, JSON.parse(text), key);
      if (!this.lost()) reply(response, status, body);
    });
  }

  private claim(url: URL, { via }: { via: string }, response: ServerResponse): void {
    const id = decodeURIComponent(url.pathname.split("/")[2] ?? "");
    if (this.closing(id) !== undefined) {
      reply(response, 409, { error: "already_answered", message: "Too late." });
      return;
    }
    const event = this.append({
      type: "human_input_claimed",
      request_id: id,
      claimed_by: { name: "me", via },
    });
    reply(response, 200, { request_id: id, status: "pending", event });
  }

  private lost(): boolean {
    if (this.loseReplies === 0) return false;
    this.loseReplies--;
    this.drop();
    return true;
  }

  private answer(id: string, said: Record<string, unknown>, key: string): [number, object] {
    if (said.human_feedback === "invalid") {
      const message = "`human_feedback`: not this.";
      return [422, { error: "invalid_answer", message, field: "human_feedback" }];
    }
    const values = (said.values ?? {}) as Record<string, unknown>;
    const wrong = Object.keys(values).filter((name) => values[name] === "invalid");
    if (wrong.length > 0) {
      const errors = wrong.map((name) => ({ field: `values.${name}`, message: "not this" }));
      return [422, { error: "invalid_answer", message: "Not this.", field: "values", errors }];
    }
    const before = this.closing(id);
    if (before?.key === key) return [200, { request_id: id, status: "answered", event: before }];
    if (before !== undefined) return refusal(before);
    const event = this.append({
      type: "human_input_completed",
      request_id: id,
      human_feedback: said.human_feedback,
      decision: said.decision,
      options: said.options,
      values: said.values,
      answered_by: { name: "me", via: said.via },
      ...(said.rule === undefined
        ? {}
        : { rule: { scope: said.rule, tool: "send", asker: "a", hours: 24 } }),
      key,
    });
    return [200, { request_id: id, status: "answered", event }];
  }
}

const STATUS: Readonly<Record<string, string>> = {
  human_input_completed: "answered",
  human_input_cancelled: "cancelled",
  human_input_expired: "expired",
};

function refusal(event: LogEvent): [number, object] {
  if (event.type !== "human_input_completed") {
    return [410, { error: "cancelled", message: "Nobody waits for this answer.", event }];
  }
  const message = "ada answered first; your answer was not used.";
  return [409, { error: "already_answered", message, winner: event.answered_by, event }];
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
