/** The client against a real Jupyter server with the extension in it, on each transport. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Client } from "../../src/client/client";
import { until } from "../until";
import { CONNECT, JupyterServer } from "./jupyter-server";

const TRANSPORTS: readonly (keyof typeof CONNECT)[] = ["websocket", "sse", "poll"];

const server = new JupyterServer();
let clients: Client[] = [];

beforeAll(() => server.start(), 60_000);
afterAll(() => server.end());

afterEach(() => {
  for (const client of clients) client.stop();
  clients = [];
});

describe.each(TRANSPORTS)("by %s", (transport) => {
  it("sees what was asked before and after it came, and its answer closes it", async () => {
    const before = await server.ask();
    const client = await connected(transport);
    expect(client.request(before)?.status).toBe("pending");
    const after = await server.ask();
    await until(() => client.request(after)?.status === "pending");
    const outcome = await client.answer(after, words("Shorter"));
    expect(outcome).toMatchObject({ kind: "accepted", event: { human_feedback: "Shorter" } });
    expect(client.request(after)?.completion).toMatchObject({ answered_by: { via: "api" } });
  });

  it("hears of an answer that was given elsewhere, and is told that it came second", async () => {
    const id = await server.ask();
    const [one, two] = [await connected(transport), await connected("websocket")];
    await two.answer(id, words("Fine"));
    await until(() => one.request(id)?.status === "answered");
    expect(await one.answer(id, words("No"))).toMatchObject({
      kind: "refused",
      refusal: { status: 409, error: "already_answered", event: { human_feedback: "Fine" } },
    });
  });

  it("is told which field is wrong while the request stays open", async () => {
    const id = await server.ask();
    const client = await connected(transport);
    expect(await client.answer(id, words(" "))).toMatchObject({
      kind: "refused",
      refusal: { status: 422, event: null },
    });
    expect(client.request(id)?.status).toBe("pending");
  });

  it("is brought large questions in brief, and fetches the full text of one that is shown", async () => {
    const context = "w".repeat(100_000);
    const before = await server.ask({ context });
    const client = await connected(transport);
    const after = await server.ask({ context });
    await until(() => client.request(after)?.status === "pending");
    for (const id of [before, after]) {
      expect(client.request(id)?.required).toMatchObject({ brief: true, context: "" });
      client.showTexts(id);
      await until(() => client.request(id)?.required.context === context);
      expect(client.request(id)?.required.brief).toBeUndefined();
    }
  });

  it("resumes behind a server that was killed and came back", async () => {
    const before = await server.ask();
    const client = await connected(transport);
    await server.kill();
    await until(() => client.connection.phase !== "live");
    await server.start();
    const meanwhile = await server.ask();
    await until(() => client.request(meanwhile)?.status === "pending", 15_000);
    expect(client.request(before)?.status).toBe("pending");
    expect(await client.answer(before, words("Still here"))).toMatchObject({ kind: "accepted" });
  }, 60_000);
});

function words(human_feedback: string) {
  return { human_feedback, decision: "respond", options: null, via: "api" } as const;
}

async function connected(transport: keyof typeof CONNECT): Promise<Client> {
  const only = CONNECT[transport];
  const client = new Client(server.endpoint, {
    connect: { websocket: only, sse: only, poll: only, comm: only },
  });
  clients.push(client);
  client.start();
  await until(() => client.connection.phase === "live");
  return client;
}
