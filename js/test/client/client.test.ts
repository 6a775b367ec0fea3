import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/client/client";
import { hold } from "../../src/client/shared";
import type { Listener } from "../../src/client/transports/transport";
import { decodeRequired } from "../../src/protocol/decode";
import type { HumanInputRequired } from "../../src/protocol/gen";
import { until } from "../until";
import { LogServer } from "./log-server";

let server: LogServer;
let client: Client;

beforeEach(async () => {
  server = await new LogServer().start();
  client = new Client(server.endpoint, { heartbeatMs: server.heartbeatMs, openingMs: 500 });
});

afterEach(async () => {
  client.stop();
  await server.stop();
});

const live = (transport: string) =>
  until(() => client.connection.phase === "live" && client.connection.transport === transport);
const status = (id: string) => client.request(id)?.status;
const approval = { human_feedback: "", decision: "approve", options: null, via: "card" } as const;
const words = { ...approval, human_feedback: "Shorter", decision: "respond" } as const;

function shown(id: string, timestamp = "2020-01-01T00:00:00Z"): HumanInputRequired {
  const raw = {
    type: "human_input_required",
    event_id: id,
    request_id: id,
    prompt: "?",
    timestamp,
  };
  const required = decodeRequired(raw);
  if (required === null) throw new Error("the test's own event is wrong");
  return required;
}

describe("the stream", () => {
  it("shows what was asked before it connected, and what is asked from then on", async () => {
    server.ask("before");
    client.start();
    await live("websocket");
    expect(status("before")).toBe("pending");
    server.ask("after");
    await until(() => status("after") === "pending");
  });

  it("reaches every card although another one fails", async () => {
    const failure = new Error("this card is broken");
    const reported = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const seen: (string | undefined)[] = [];
    client.subscribe(() => {
      throw failure;
    });
    client.subscribe(() => seen.push(status("r1")));
    server.ask("r1");
    client.start();
    await until(() => seen.includes("pending"));
    expect(reported).toHaveBeenCalledWith(expect.any(String), failure);
    reported.mockRestore();
  });

  it("shows what a long replay has brought while the rest is still on its way", () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    let bring: Listener | null = null;
    const connect = (_: unknown, listener: Listener) => {
      bring = listener;
      return { send: () => false, close: () => undefined };
    };
    client = new Client(server.endpoint, {
      connect: { websocket: connect, sse: connect, poll: connect, comm: connect },
    });
    client.start();
    let told = 0;
    client.subscribe(() => told++);
    const ask = (id: string, offset: number) =>
      (bring as Listener | null)?.frame({ kind: "event", event: { ...shown(id), offset } });
    ask("first", 1);
    expect(told).toBe(0);
    vi.setSystemTime(Date.now() + 1000);
    ask("second", 2);
    expect(told).toBe(1);
    expect(client.all()).toHaveLength(2);
    vi.useRealTimers();
  });

  it("stays with a transport that is still bringing a long replay", () => {
    vi.useFakeTimers();
    const begun: Listener[] = [];
    const connect = (_: unknown, listener: Listener) => {
      begun.push(listener);
      return { send: () => false, close: () => undefined };
    };
    client = new Client(server.endpoint, {
      openingMs: 500,
      connect: { websocket: connect, sse: connect, poll: connect, comm: connect },
    });
    client.start();
    for (let offset = 1; offset < 10; offset++) {
      begun[0]?.frame({ kind: "event", event: { ...shown(`q${offset}`), offset } });
      vi.advanceTimersByTime(400);
    }
    expect(begun).toHaveLength(1);
    vi.advanceTimersByTime(400);
    expect(begun).toHaveLength(2); // nothing more came: something holds it up
    vi.useRealTimers();
  });

  it.each([
    ["sse", ["websocket"]],
    ["poll", ["websocket", "sse"]],
  ] as const)("falls back to %s when %s does not get through", async (transport, refused) => {
    for (const one of refused) server.refused.add(one);
    server.ask("before");
    client.start();
    await live(transport);
    expect(status("before")).toBe("pending");
    server.ask("after");
    await until(() => status("after") === "pending");
    expect(await client.answer("after", words)).toMatchObject({ kind: "accepted" });
    expect(status("after")).toBe("answered");
  });

  it("falls to long-poll when something in between holds a stream back", async () => {
    server.refused.add("websocket");
    server.silent.add("sse");
    server.ask("before");
    client.start();
    await live("poll");
    expect(status("before")).toBe("pending");
  });

  it("goes back up to WebSocket when that gets through again, and misses nothing", async () => {
    client.stop();
    client = new Client(server.endpoint, {
      heartbeatMs: server.heartbeatMs,
      upgradeInMs: (state) => (state.transport === "websocket" ? null : 100),
    });
    server.refused.add("websocket");
    server.ask("r1");
    client.start();
    await live("sse");
    const phases = new Set<string>();
    client.subscribe(() => phases.add(client.connection.phase));
    const tries = () => server.asked.filter((line) => line.includes("/ws/")).length;
    await until(() => tries() >= 3);
    server.refused.delete("websocket");
    server.ask("r2");
    await live("websocket");
    server.ask("r3");
    await until(() => status("r2") === "pending" && status("r3") === "pending");
    await until(() => server.count("sse") === 0);
    expect(phases).toEqual(new Set(["live"]));
  });

  it("carries the XSRF token and the page's token on every fetch", async () => {
    server.refused.add("websocket");
    server.refused.add("sse");
    client.start();
    await live("poll");
    const fetched = server.headers.filter((headers) => headers.upgrade === undefined);
    expect(fetched.length).toBeGreaterThan(1);
    for (const headers of fetched) {
      expect(headers).toMatchObject({ "x-xsrftoken": "xsrf", authorization: "token t" });
    }
  });

  it("resumes after a lost connection and misses nothing that came meanwhile", async () => {
    server.ask("r1");
    client.start();
    await live("websocket");
    await server.stop();
    await until(() => client.connection.phase === "reconnecting");
    server.append({ type: "human_input_cancelled", request_id: "r1", reason: "interrupted" });
    server.ask("r2");
    await server.start();
    await live("websocket");
    await until(() => status("r2") === "pending");
    expect(status("r1")).toBe("cancelled");
    expect(server.asked.some((line) => line.includes("last_event_id=e1-1"))).toBe(true);
  });

  it("says offline while the server stays away and comes back by itself", async () => {
    await server.stop();
    client.start();
    await until(() => client.connection.phase === "offline");
    await server.start();
    await live("websocket");
  });

  it("says so when the login is refused", async () => {
    server.status = 403;
    client.start();
    await until(() => client.connection.forbidden);
    expect(client.connection.phase).toBe("offline");
  });

  it("leaves a connection that has fallen silent", async () => {
    client.start();
    await live("websocket");
    const opened = () => server.asked.filter((line) => line.includes("/ws/")).length;
    const before = opened();
    server.muted = true;
    await until(() => opened() > before);
    server.muted = false;
    await live("websocket");
  });

  it("forgets a pending request that the log has lost", async () => {
    server.ask("lost", { timestamp: "2020-01-01T00:00:00Z" });
    client.start();
    await live("websocket");
    server.forget();
    server.drop();
    await until(() => client.connection.phase !== "live");
    await live("websocket");
    await until(() => client.isGone("lost"));
    expect(status("lost")).toBeUndefined();
  });

  it("reads a log anew that lost history and has the last event again", async () => {
    server.ask("q1", { timestamp: "2020-01-01T00:00:00Z" });
    server.ask("q2");
    client.start();
    await live("websocket");
    const last = server.events().at(-1)?.event_id;
    server.forget();
    server.ask("q2", { event_id: last });
    server.ask("q3"); // at the offset that the last event had
    server.drop();
    await until(() => status("q3") === "pending");
    await until(() => client.isGone("q1"));
    expect(status("q2")).toBe("pending");
  });

  it("reads on behind a frame that it cannot read", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    client.start();
    await live("websocket");
    server.broadcast({ type: "human_input_required", event_id: "broken", offset: 1 });
    server.append({ type: "weather_changed" });
    server.ask("r1");
    await until(() => status("r1") === "pending");
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
});

describe("a card's request that the stream did not bring", () => {
  it("is looked up when it was closed before the page came", async () => {
    server.ask("old");
    server.append({ type: "human_input_expired", request_id: "old" });
    client.start();
    client.expect(shown("old"));
    await until(() => status("old") === "expired");
  });

  it("is gone when the server knows nothing of it, and comes back when it is asked", async () => {
    client.start();
    client.expect(shown("nowhere"));
    await until(() => client.isGone("nowhere"));
    server.ask("nowhere");
    await until(() => status("nowhere") === "pending");
    expect(client.isGone("nowhere")).toBe(false);
  });

  it("is not gone while it may still be on its way", async () => {
    client.start();
    await live("websocket");
    client.expect(shown("fresh", new Date().toISOString()));
    await until(() => server.asked.some((line) => line.includes("requests/fresh")));
    server.ask("fresh");
    await until(() => status("fresh") === "pending");
    expect(client.isGone("fresh")).toBe(false);
  });
});

describe("an answer", () => {
  beforeEach(async () => {
    server.ask("r1");
    client.start();
    await live("websocket");
  });

  it("goes over the open WebSocket and is shown as soon as it is acknowledged", async () => {
    expect(await client.answer("r1", approval)).toMatchObject({ kind: "accepted" });
    expect(status("r1")).toBe("answered");
    expect(server.answers.map(({ by }) => by)).toEqual(["frame"]);
  });

  it("is sent again under the same key when the connection is lost before the reply", async () => {
    server.loseReplies = 2;
    expect(await client.answer("r1", words)).toMatchObject({ kind: "accepted" });
    expect(server.answers.map(({ by }) => by)).toEqual(["frame", "post", "post"]);
    expect(new Set(server.answers.map(({ key }) => key)).size).toBe(1);
  });

  it("that came second is refused with the winner, who is shown at once", async () => {
    const other = new Client(server.endpoint, { heartbeatMs: server.heartbeatMs });
    const both = await Promise.all([client.answer("r1", words), other.answer("r1", approval)]);
    const refused = both.find(({ kind }) => kind === "refused");
    expect(both.filter(({ kind }) => kind === "accepted")).toHaveLength(1);
    expect(refused).toMatchObject({ refusal: { status: 409, winner: { name: "me" } } });
    expect(status("r1")).toBe("answered");
    expect(other.request("r1")?.status).toBe(undefined); // it has never connected
    other.stop();
  });

  it("to a cancelled request says so and shows why", async () => {
    const quiet = new Client(server.endpoint);
    server.append({ type: "human_input_cancelled", request_id: "r1", reason: "interrupted" });
    const outcome = await quiet.answer("r1", words);
    expect(outcome).toMatchObject({ kind: "refused", refusal: { status: 410 } });
    quiet.stop();
  });

  it("that does not fit leaves the request open", async () => {
    const outcome = await client.answer("r1", { ...words, human_feedback: "invalid" });
    expect(outcome).toMatchObject({ kind: "refused", refusal: { status: 422, event: null } });
    expect(status("r1")).toBe("pending");
  });

  it("to a server that stays away waits, and is unreachable once it is taken back", async () => {
    await server.stop();
    await until(() => client.connection.phase === "offline");
    const outcome = client.answer("r1", words);
    await until(() => client.unsentAnswer("r1") === words);
    client.takeBackUnsent("r1");
    expect(await outcome).toEqual({ kind: "unreachable" });
    expect(client.unsentAnswer("r1")).toBeNull();
    expect(status("r1")).toBe("pending");
  });

  it("that may have arrived cannot be taken back, and is looked up first", async () => {
    await server.stop();
    const sent = client.answer("r1", approval);
    await until(() => client.unsentAnswer("r1") === approval);
    expect(client.isUncertain("r1")).toBe(true);
    expect(client.takeBackUnsent("r1")).toBe(false);
    server.append({ type: "human_input_completed", request_id: "r1", human_feedback: "Fine" });
    await server.start();
    client.retryNow();
    expect(await sent).toEqual({ kind: "unreachable" }); // looked up, and not sent again
    expect(status("r1")).toBe("answered");
    expect(server.answers).toHaveLength(0);
  });

  it("decided offline is not tried until the server is back", async () => {
    await server.stop();
    await until(() => client.connection.phase === "offline");
    const sent = client.answer("r1", approval);
    await until(() => client.unsentAnswer("r1") === approval);
    expect(client.isUncertain("r1")).toBe(false);
    expect(client.takeBackUnsent("r1")).toBe(true);
    expect(await sent).toEqual({ kind: "unreachable" });
  });

  it("that waits goes when the server is back, unless it was refused meanwhile", async () => {
    await server.stop();
    const approved = client.answer("r1", approval);
    await until(() => client.unsentAnswer("r1") === approval);
    const refusal = { ...approval, decision: "reject" } as const;
    const refused = client.answer("r1", refusal);
    expect(await approved).toEqual({ kind: "unreachable" });
    await until(() => client.unsentAnswer("r1") === refusal);
    await server.start();
    client.retryNow();
    expect(await refused).toMatchObject({ kind: "accepted", event: { decision: "reject" } });
    expect(server.answers).toHaveLength(1);
  });
});

describe("an answer that is held", () => {
  it("waits only while the page could still send all that wait when it is left", () => {
    const long = { ...words, human_feedback: "ä".repeat(16_000) };
    const first = client.reserveLeaving(long);
    expect(first).not.toBeNull();
    expect(client.reserveLeaving(long)).toBeNull();
    expect(client.reserveLeaving(approval)).not.toBeNull();
    first?.();
    expect(client.reserveLeaving(long)).not.toBeNull();
  });
});

describe("the page's one client", () => {
  it("is shared, outlives a card that is drawn again, and closes after the last", async () => {
    const first = hold(server.endpoint, undefined, 50);
    const second = hold(server.endpoint, undefined, 50);
    expect(second.client).toBe(first.client);
    await until(() => server.count("websocket") === 1);
    first.release();
    first.release();
    second.release();
    const third = hold(server.endpoint, undefined, 50);
    expect(third.client).toBe(first.client);
    third.release();
    await until(() => server.count("websocket") === 0);
    expect(hold(server.endpoint, undefined, 0).client).not.toBe(first.client);
  });
});
