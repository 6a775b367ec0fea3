import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadTrail } from "../../src/client/trail";
import { closedOnes, History } from "../../src/inbox/history";
import { type Request, requestFromListing } from "../../src/protocol/state";
import { LogServer } from "../client/log-server";

let server: LogServer;

beforeEach(async () => {
  server = await new LogServer().start();
});

afterEach(() => server.stop());

const entry = (id: string) => ({
  event_id: `asked-${id}`,
  request_id: id,
  prompt: "Good?",
  timestamp: "2026-11-22T01:00:00Z",
  status: "answered",
  claimed_by: null,
  completion: null,
});

function listed(id: string, offset: number, status: string): Request {
  const made = requestFromListing({ ...entry(id), offset, status });
  if (made === null) throw new Error("not a request");
  return made;
}

describe("the history", () => {
  it("puts what was listed and what was heard together, newest first, without what waits", () => {
    const closed = closedOnes(
      [listed("b", 2, "answered"), listed("a", 1, "expired")],
      [listed("c", 3, "cancelled"), listed("b", 2, "answered"), listed("d", 4, "pending")],
    );
    expect(closed.map(({ required }) => required.request_id)).toEqual(["c", "b", "a"]);
  });

  it.each([
    [403, "forbidden"],
    [500, "failed"],
  ])("says what a %i means, and can be asked again", async (status, phase) => {
    const history = new History(server.endpoint, () => undefined);
    server.status = status;
    await history.open({});
    expect(history.pages.phase).toBe(phase);
    server.status = null;
    await history.older();
    expect(history.pages.phase).toBe("failed"); // this server has no listing
  });

  it("looks on where a page of a search is empty, up to a full list or the end", async () => {
    const found: Record<string, string[]> = { "": [], "90": ["r7"], "40": [] };
    const following: Record<string, string | null> = { "": "90", "90": "40", "40": null };
    const asked: string[] = [];
    const phases: string[] = [];
    const listing = async (url: string) => {
      const query = new URL(url).searchParams;
      const cursor = query.get("cursor") ?? "";
      asked.push(query.get("q") ?? "");
      const requests = (found[cursor] ?? []).map(entry);
      return Response.json({ requests, next: following[cursor] });
    };
    const endpoint = { ...server.endpoint, fetch: listing as typeof fetch };
    const history = new History(endpoint, () => phases.push(history.pages.phase));
    await history.open({ q: "budget" });
    expect(history.pages.requests.map(({ required }) => required.request_id)).toEqual(["r7"]);
    expect(history.pages.more).toBe(false);
    expect(asked).toEqual(["budget", "budget", "budget"]);
    expect(phases).toEqual(["loading", "loading", "loading", "ready"]);
  });

  it("does not send what is typed over within the pause", async () => {
    const asked: string[] = [];
    const listing = async (url: string) => {
      asked.push(new URL(url).searchParams.get("q") ?? "");
      return Response.json({ requests: [], next: null });
    };
    const endpoint = { ...server.endpoint, fetch: listing as typeof fetch };
    const history = new History(endpoint, () => undefined);
    const typed = history.open({ q: "bud" }, 1);
    await Promise.all([typed, history.open({ q: "budget" }, 1)]);
    expect(asked).toEqual(["budget"]);
  });

  it("drops the reply to a query that is no longer asked", async () => {
    const changed = vi.fn();
    const history = new History(server.endpoint, changed);
    const first = history.open({ kind: "question" });
    history.stop();
    changed.mockClear();
    await first;
    expect(changed).not.toHaveBeenCalled();
  });
});

describe("a trail", () => {
  const about = (type: string, fields: object = {}) => ({ type, request_id: "r1", ...fields });

  it("holds every event of its request, and no other's", async () => {
    server.ask("r0");
    const asked = server.ask("r1");
    server.append(about("human_input_claimed", { claimed_by: { name: "ada", via: "cli" } }));
    server.append({ type: "note" });
    server.append(about("human_input_reminded"));
    server.append({ type: "human_input_expired", request_id: "r0" });
    const end = server.append(about("human_input_expired"));
    const request = requestFromListing({ ...asked, status: "expired", completion: end });
    if (request === null) throw new Error("not a request");
    const trail = await loadTrail(server.endpoint, request);
    expect(trail.map(({ type }) => type)).toEqual([
      "human_input_required",
      "human_input_claimed",
      "human_input_reminded",
      "human_input_expired",
    ]);
  });

  it("is what the fold knows where the log cannot tell", async () => {
    const end = { ...server.append(about("human_input_expired")), event_id: "end" };
    const raw = { event_id: "pruned", request_id: "r1", prompt: "?", timestamp: end.timestamp };
    const request = requestFromListing({ ...raw, status: "expired", completion: end });
    if (request === null) throw new Error("not a request");
    const types = async () => (await loadTrail(server.endpoint, request)).map(({ type }) => type);
    expect(await types()).toEqual(["human_input_required", "human_input_expired"]);
    server.status = 503;
    expect(await types()).toEqual(["human_input_required", "human_input_expired"]);
  });
});
