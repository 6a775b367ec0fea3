import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { get, post } from "../../src/client/http";
import { connectPoll } from "../../src/client/transports/poll";
import { connectSse } from "../../src/client/transports/sse";

let server: Server | undefined;

/** Serve one reply to everything, and return where. */
async function replying(status: number, headers: Record<string, string>, body: string) {
  server = createServer((_, response) => response.writeHead(status, headers).end(body));
  await new Promise<void>((listening) => server?.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return { prefix: `http://127.0.0.1:${port}/user/ada/crewai-hitl/`, headers: () => ({}) };
}

afterEach(() => {
  server?.close();
});

describe("a server that asks to be left alone", () => {
  const limit = { "Content-Type": "application/json", "Retry-After": "30" };
  const body = '{"error":"too_many","message":"try again in 30 s","retry_after":30}';

  it("says for how long, and nothing was done", async () => {
    const endpoint = await replying(429, limit, body);
    const reply = await post(endpoint, "requests/r-1/answer", {}, {});
    expect(reply).toEqual({ kind: "unreachable", retryAfterMs: 30_000 });
  });

  it("is believed for a minute at most, and as a number only", async () => {
    for (const [said, retryAfterMs] of [
      ["86400", 60_000],
      ["Wed, 21 Oct 2026 07:28:00 GMT", 0],
      ["-1", 0],
    ] as const) {
      const endpoint = await replying(503, { "Retry-After": said }, "busy");
      expect(await get(endpoint, "requests")).toEqual({ kind: "unreachable", retryAfterMs });
      server?.close();
    }
  });

  it.each([
    ["sse", connectSse],
    ["poll", connectPoll],
  ] as const)("ends an attempt by %s with that pause", async (_, connect) => {
    const endpoint = await replying(429, limit, body);
    const ended = await new Promise((resolve) => {
      const listener = {
        frame: () => {},
        ended: resolve,
      };
      connect(
        { endpoint, lastEventId: null, beginsAgain: false, types: [], beatMs: 4000 },
        listener,
      );
    });
    expect(ended).toEqual({ status: 429, isOwn: true, retryAfterMs: 30_000 });
  });
});

describe("a poll that brought no event", () => {
  it.each([
    ["what is pending", null, "pending"],
    ["all that is kept, after a gap", { type: "gap", reason: "pruned", message: "" }, "all"],
  ])("is followed by one for %s", async (_, gap, replay) => {
    const asked: URLSearchParams[] = [];
    const reply = JSON.stringify({ events: [], last_event_id: null, epoch: "e", gap });
    server = createServer(({ url }, response) => {
      if (asked.push(new URL(url ?? "", "http://h").searchParams) < 2) response.end(reply);
      else response.writeHead(503).end();
    });
    await new Promise<void>((listening) => server?.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    const endpoint = { prefix: `http://127.0.0.1:${port}/`, headers: () => ({}) };
    await new Promise((ended) =>
      connectPoll(
        { endpoint, lastEventId: gap && "old", beginsAgain: false, types: [], beatMs: 1 },
        { frame: () => {}, ended },
      ),
    );
    expect(asked[1]?.get("replay")).toBe(replay);
    expect(asked[1]?.has("last_event_id")).toBe(false);
  });
});

describe("behind a JupyterHub", () => {
  const page = { "Content-Type": "text/html; charset=UTF-8", "X-JupyterHub-Version": "6.1.1" };

  it("a GET to a stopped server finds nobody there", async () => {
    const endpoint = await replying(424, page, "<!doctype html>");
    expect(await get(endpoint, "requests/r-1")).toMatchObject({ kind: "unreachable" });
  });

  it("an answer to a stopped server is not sent, rather than forbidden", async () => {
    const endpoint = await replying(403, page, "<!doctype html>");
    expect(await post(endpoint, "requests/r-1/answer", {}, {})).toMatchObject({
      kind: "unreachable",
    });
  });

  it("a refusal of the server itself stays one", async () => {
    const said = { ...page, "Content-Type": "application/json" };
    const body = '{"error":"forbidden","message":"no"}';
    const endpoint = await replying(403, said, body);
    const reply = await post(endpoint, "requests/r-1/answer", {}, {});
    expect(reply).toMatchObject({ kind: "refused", refusal: { status: 403 } });
  });
});
