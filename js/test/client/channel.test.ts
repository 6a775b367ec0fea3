import { afterEach, describe, expect, it, vi } from "vitest";
import { Channel } from "../../src/client/channel";
import { Client } from "../../src/client/client";
import { get, post } from "../../src/client/http";
import { kernelEndpoint } from "../../src/client/kernel-endpoint";

/** A widget's model whose kernel is played by the test. */
class Model {
  readonly sent: Record<string, unknown>[] = [];
  private readonly listeners = new Set<(content: unknown) => void>();

  send(content: object): void {
    this.sent.push(content as Record<string, unknown>);
  }
  on(_: string, listener: (content: unknown) => void): void {
    this.listeners.add(listener);
  }
  off(_: string, listener: (content: unknown) => void): void {
    this.listeners.delete(listener);
  }
  kernelSays(content: object): void {
    for (const listener of this.listeners) listener(content);
  }
  last(kind: string): Record<string, unknown> {
    const found = [...this.sent].reverse().find((message) => message.kind === kind);
    if (found === undefined) throw new Error(`nothing of kind ${kind} was sent`);
    return found;
  }
}

const HEARTBEAT = { type: "heartbeat", timestamp: "2026-11-22T01:00:00Z", epoch: "e", offset: 0 };

afterEach(() => vi.useRealTimers());

describe("the way through the kernel", () => {
  it("opens one stream, is live with its first heartbeat, and sends frames up on it", () => {
    const model = new Model();
    const client = new Client(kernelEndpoint(new Channel(model)));
    client.start();
    const { id, query } = model.last("open");
    expect(query).toMatchObject({ replay: "pending" });
    model.kernelSays({ kind: "frame", id, text: JSON.stringify(HEARTBEAT) });
    expect(client.connection).toMatchObject({ phase: "live", transport: "comm" });
    const said = {
      human_feedback: "Yes",
      decision: "respond",
      options: null,
      via: "card",
    } as const;
    void client.answer("r1", said);
    const frame = JSON.parse(String(model.last("frame").text));
    expect(frame).toMatchObject({ type: "answer", request_id: "r1", human_feedback: "Yes" });
    client.stop();
    expect(model.last("close").id).toBe(id);
  });

  it("tries no other transport when the kernel is busy, and counts the vain attempts", () => {
    vi.useFakeTimers();
    const model = new Model();
    const client = new Client(kernelEndpoint(new Channel(model)));
    client.start();
    vi.advanceTimersByTime(5100);
    expect(client.connection).toMatchObject({ transport: "comm", failures: 1 });
    vi.advanceTimersByTime(10_000);
    expect(model.sent.filter(({ kind }) => kind === "open").length).toBeGreaterThan(1);
    client.stop();
  });

  it("makes a card's calls and gives back what the server said", async () => {
    const model = new Model();
    const endpoint = kernelEndpoint(new Channel(model));
    const found = get(endpoint, "requests/r1");
    expect(model.last("call")).toMatchObject({ method: "GET", path: "requests/r1" });
    model.kernelSays({ kind: "reply", id: model.last("call").id, status: 200, body: '{"a":1}' });
    expect(await found).toEqual({ kind: "ok", body: { a: 1 } });
    const away = post(endpoint, "requests/r1/answer", {}, { "Idempotency-Key": "k" });
    expect(model.last("call")).toMatchObject({ method: "POST", key: "k", body: "{}" });
    model.kernelSays({ kind: "reply", id: model.last("call").id, status: 503, body: "" });
    expect(await away).toEqual({ kind: "unreachable", retryAfterMs: 0 });
  });

  it("gives a call up that a busy kernel does not hear, and never treats it as an answer", async () => {
    vi.useFakeTimers();
    const endpoint = kernelEndpoint(new Channel(new Model()));
    const reply = get(endpoint, "requests/r1");
    await vi.advanceTimersByTimeAsync(15_100);
    expect(await reply).toEqual({ kind: "unreachable" });
  });

  it("hears nothing that is another page's", () => {
    const model = new Model();
    const heard: string[] = [];
    const listener = { text: (frame: string) => heard.push(frame), ended: () => undefined };
    new Channel(model).open({}, listener);
    model.kernelSays({ kind: "frame", id: "another", text: "x" });
    model.kernelSays({ kind: "frame", id: 7, text: "x" });
    model.kernelSays({});
    expect(heard).toEqual([]);
  });
});
