/**
 * The connection to the server through the kernel, for pages that cannot reach the server.
 *
 * Custom messages of the card's widget carry the same frames as a WebSocket, and a card's calls;
 * `widget/relay.py` passes them on. Above it are the comm transport and the kernel's endpoint; it
 * knows neither frames nor requests.
 */

/** The part of anywidget's model that this uses. */
export interface Messenger {
  send(content: object): void;
  on(event: "msg:custom", listener: (content: unknown) => void): void;
  off(event: "msg:custom", listener: (content: unknown) => void): void;
}

export interface StreamListener {
  text(frame: string): void;
  /** It ended by itself; the HTTP status says why. */
  ended(status: number): void;
}

interface Message {
  readonly kind?: unknown;
  readonly id?: unknown;
  readonly text?: unknown;
  readonly status?: unknown;
  readonly body?: unknown;
}

/** A busy kernel reads no messages: a call fails after this long. */
const CALL_MS = 15_000;

export class Channel {
  private readonly streams = new Map<string, StreamListener>();
  private readonly calls = new Map<string, (response: Response) => void>();

  constructor(private readonly model: Messenger) {
    model.on("msg:custom", this.hear);
  }

  close(): void {
    this.model.off("msg:custom", this.hear);
    for (const id of this.streams.keys()) this.model.send({ kind: "close", id });
    this.streams.clear();
    this.calls.clear();
  }

  open(query: Readonly<Record<string, string | null>>, listener: StreamListener) {
    const id = newId();
    this.streams.set(id, listener);
    this.model.send({ kind: "open", id, query });
    return {
      send: (text: string): boolean => {
        if (!this.streams.has(id)) return false;
        this.model.send({ kind: "frame", id, text });
        return true;
      },
      close: (): void => {
        if (this.streams.delete(id)) this.model.send({ kind: "close", id });
      },
    };
  }

  /** Make a call as `fetch` would; rejects when no reply comes. */
  readonly fetch = (url: URL, init: RequestInit): Promise<Response> => {
    const id = newId();
    const key = new Headers(init.headers).get("Idempotency-Key");
    const path = url.pathname.slice(1) + url.search;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.calls.delete(id);
        reject(new TypeError("the kernel is busy"));
      }, CALL_MS);
      this.calls.set(id, (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      const method = init.method ?? "GET";
      this.model.send({ kind: "call", id, method, path, key, body: init.body ?? null });
    });
  };

  private readonly hear = (content: unknown): void => {
    const { kind, id, text, status, body } = (content ?? {}) as Message;
    if (typeof id !== "string") return;
    if (kind === "frame" && typeof text === "string") this.streams.get(id)?.text(text);
    if (kind === "ended" && typeof status === "number") {
      const stream = this.streams.get(id);
      this.streams.delete(id);
      stream?.ended(status);
    }
    if (kind === "reply" && typeof status === "number") {
      this.calls.get(id)?.(new Response(typeof body === "string" ? body : "", { status }));
      this.calls.delete(id);
    }
  };
}

/** Every page that shows the widget receives every message, so ids must be unique. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join(
    "",
  );
}
