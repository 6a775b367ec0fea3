/**
 * The client against a real Jupyter server with the extension in it, on each transport.
 *
 * It needs the Python environment of the repository (`make test` has it); PYTHON names another.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Client } from "../src/client";
import type { Endpoint } from "../src/endpoint";
import { post } from "../src/http";
import type { Transport } from "../src/resume";
import { connectPoll } from "../src/transports/poll";
import { connectSse } from "../src/transports/sse";
import type { Connect } from "../src/transports/transport";
import { connectWebSocket } from "../src/transports/websocket";

const TOKEN = "a-token-for-this-test";
const TRANSPORTS: readonly (keyof typeof CONNECT)[] = ["websocket", "sse", "poll"];

const place = mkdtempSync(join(tmpdir(), "crewai-hitl-"));
let server: ChildProcess | undefined;
let port: number;
let clients: Client[] = [];

const until = (condition: () => unknown, timeout = 9000) =>
  vi.waitUntil(condition, { timeout, interval: 10 });

beforeAll(async () => {
  port = await freePort();
  server = await startServer();
}, 60_000);

afterAll(async () => {
  await kill(server);
  rmSync(place, { recursive: true, force: true, maxRetries: 5 });
});

afterEach(() => {
  for (const client of clients) client.stop();
  clients = [];
});

describe.each(TRANSPORTS)("by %s", (transport) => {
  it("sees what was asked before and after it came, and its answer closes it", async () => {
    const [before, after] = [newId(), newId()];
    await ask(before);
    const client = await connected(transport);
    expect(client.request(before)?.status).toBe("pending");
    await ask(after);
    await until(() => client.request(after)?.status === "pending");
    const outcome = await client.answer(after, words("Shorter"));
    expect(outcome).toMatchObject({ kind: "accepted", event: { human_feedback: "Shorter" } });
    expect(client.request(after)?.completion).toMatchObject({ answered_by: { via: "card" } });
  });

  it("hears of an answer that was given elsewhere, and is told that it came second", async () => {
    const id = newId();
    await ask(id);
    const [one, two] = [await connected(transport), await connected("websocket")];
    await two.answer(id, words("Fine"));
    await until(() => one.request(id)?.status === "answered");
    expect(await one.answer(id, words("No"))).toMatchObject({
      kind: "refused",
      refusal: { status: 409, error: "already_answered", event: { human_feedback: "Fine" } },
    });
  });

  it("is told which field is wrong while the request stays open", async () => {
    const id = newId();
    await ask(id);
    const client = await connected(transport);
    expect(await client.answer(id, words(" "))).toMatchObject({
      kind: "refused",
      refusal: { status: 422, event: null },
    });
    expect(client.request(id)?.status).toBe("pending");
  });

  it("resumes behind a server that was killed and came back", async () => {
    const [before, meanwhile] = [newId(), newId()];
    await ask(before);
    const client = await connected(transport);
    await kill(server);
    await until(() => client.connection.phase !== "live");
    server = await startServer();
    await ask(meanwhile);
    await until(() => client.request(meanwhile)?.status === "pending", 15_000);
    expect(client.request(before)?.status).toBe("pending");
    expect(await client.answer(before, words("Still here"))).toMatchObject({ kind: "accepted" });
  }, 60_000);
});

function words(human_feedback: string) {
  return { human_feedback, decision: "respond", options: null, via: "card" } as const;
}

async function connected(transport: keyof typeof CONNECT): Promise<Client> {
  const only = CONNECT[transport];
  const client = new Client(endpoint(), {
    connect: { websocket: only, sse: only, poll: only, comm: only },
  });
  clients.push(client);
  client.start();
  await until(() => client.connection.phase === "live");
  return client;
}

/** A browser's cookie opens the WebSocket; here the URL carries the token. */
const CONNECT: Readonly<Record<Exclude<Transport, "comm">, Connect>> = {
  websocket: (subscription, listener) => {
    class WithToken extends WebSocket {
      constructor(url: URL) {
        url.searchParams.set("token", TOKEN);
        super(url);
      }
    }
    vi.stubGlobal("WebSocket", WithToken);
    try {
      return connectWebSocket(subscription, listener);
    } finally {
      vi.unstubAllGlobals();
    }
  },
  sse: connectSse,
  poll: connectPoll,
};

function endpoint(): Endpoint {
  return {
    prefix: `http://127.0.0.1:${port}/crewai-hitl/`,
    headers: () => ({ Authorization: `token ${TOKEN}` }),
  };
}

async function ask(requestId: string): Promise<void> {
  const event = { type: "human_input_required", request_id: requestId, prompt: "Good?" };
  const reply = await post(endpoint(), "events", event, {});
  if (reply.kind !== "ok") throw new Error(`not published: ${JSON.stringify(reply)}`);
}

let ids = 0;
function newId(): string {
  return `request-${++ids}`;
}

async function startServer(): Promise<ChildProcess> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const venv = join(root, ".venv", "bin", "python");
  const python = process.env.PYTHON ?? (existsSync(venv) ? venv : "python3");
  const options = [
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    `--ServerApp.port=${port}`,
    "--ServerApp.port_retries=0",
    `--ServerApp.root_dir=${place}`,
    `--IdentityProvider.token=${TOKEN}`,
    "--ServerApp.jpserver_extensions=crewai_hitl_nb=True",
  ];
  const env = {
    ...process.env,
    JUPYTER_CONFIG_DIR: join(place, "config"),
    JUPYTER_DATA_DIR: join(place, "data"),
    JUPYTER_RUNTIME_DIR: join(place, "runtime"),
  };
  const child = spawn(python, ["-m", "jupyter_server", ...options], { cwd: root, env });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      said += text;
    });
  }
  const healthy = async () => {
    if (child.exitCode !== null) throw new Error(`the server did not start:\n${said}`);
    const response = await fetch(`${endpoint().prefix}health`).catch(() => null);
    return response?.ok === true;
  };
  await vi.waitUntil(healthy, { timeout: 30_000, interval: 100 });
  return child;
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const found = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(found));
    });
  });
}
