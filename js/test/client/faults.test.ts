/**
 * The client behind networks that block, drop, hold back or double a transport.
 *
 * The same networks as in `tests/faults/test_standing.py`, read from the same file; the proxy is the
 * same, in a process of its own.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Client } from "../../src/client/client";
import { until } from "../until";
import { CONNECT, endpointAt, JupyterServer, killed, python, ROOT } from "./jupyter-server";

interface Standing {
  readonly name: string;
  readonly rules: readonly object[];
  readonly falls_to: keyof typeof CONNECT;
}

const STANDING: readonly Standing[] = JSON.parse(
  readFileSync(join(ROOT, "tests/faults/standing.json"), "utf8"),
);
const BEAT_MS = 500;

/** The rules under which each transport is the best that gets through. */
const LEAVING: Readonly<Record<keyof typeof CONNECT, readonly object[]>> = {
  websocket: [],
  sse: [{ act: "drop", kinds: ["websocket"] }],
  poll: [
    { act: "drop", kinds: ["websocket"] },
    { act: "hold", kinds: ["sse"] },
  ],
};

const server = new JupyterServer([`--HumanInputApp.heartbeat_seconds=${BEAT_MS / 1000}`]);
let proxy: BadProxy;
let client: Client | undefined;

/** The misbehaving proxy, told what to do line by line. */
class BadProxy {
  private constructor(
    readonly port: number,
    private readonly child: ChildProcess,
    private readonly replies: AsyncIterator<string>,
  ) {}

  static async before(port: number): Promise<BadProxy> {
    const child = spawn(python(), ["-m", "tests.faults.proxy", `${port}`], {
      cwd: ROOT,
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines: Interface = createInterface({ input: child.stdout });
    const replies = lines[Symbol.asyncIterator]();
    return new BadProxy(Number((await replies.next()).value), child, replies);
  }

  async order(order: { obey?: readonly object[]; strike?: "cut" | "restore" | "freeze" }) {
    this.child.stdin?.write(`${JSON.stringify(order)}\n`);
    const { value } = await this.replies.next();
    if (value !== "done") throw new Error(`the proxy said ${value}`);
  }

  end(): Promise<void> {
    return killed(this.child);
  }
}

beforeAll(async () => {
  await server.start();
  proxy = await BadProxy.before(server.port);
}, 60_000);

afterAll(async () => {
  await proxy.end();
  await server.end();
});

afterEach(() => client?.stop());

/** How long a client may take to recover from a fault. */
const RECOVERY_MS = 25_000;

const words = {
  human_feedback: "Shorter",
  decision: "respond",
  options: null,
  via: "api",
} as const;

describe("a network with", () => {
  it.each(STANDING)(
    "$name leaves $falls_to, by which everything comes",
    async ({ rules, falls_to }) => {
      await proxy.order({ obey: rules });
      const before = await server.ask();
      const page = begun();
      await until(() => page.connection.phase === "live", RECOVERY_MS);
      expect(page.connection.transport).toBe(falls_to);
      expect(page.request(before)?.status).toBe("pending");
      const after = await server.ask();
      await until(() => page.request(after)?.status === "pending", RECOVERY_MS);
      expect(await page.answer(after, words)).toMatchObject({ kind: "accepted" });
      expect(page.request(after)?.status).toBe("answered");
    },
    30_000,
  );
});

describe.each(Object.keys(LEAVING) as (keyof typeof CONNECT)[])("a stream by %s", (transport) => {
  const strikes = {
    "is cut": async () => {
      await proxy.order({ strike: "cut" });
      await lost();
      await proxy.order({ strike: "restore" });
    },
    "is half-open": async () => {
      await proxy.order({ strike: "freeze" });
      await lost();
    },
    "meets a proxy that has lost its server": async () => {
      await proxy.order({ obey: [{ act: "refuse", status: 502 }], strike: "cut" });
      await proxy.order({ strike: "restore" });
      await until(() => client?.connection.phase === "offline", RECOVERY_MS);
      await proxy.order({ obey: LEAVING[transport] });
    },
  };

  it.each(Object.entries(strikes))(
    "goes on where it stopped after it %s",
    async (_, strike) => {
      await proxy.order({ obey: LEAVING[transport] });
      const before = await server.ask();
      const page = begun();
      await until(() => page.request(before)?.status === "pending" && isLive(page), RECOVERY_MS);
      const struck = strike();
      const meanwhile = await server.ask();
      await struck;
      await until(() => isLive(page), RECOVERY_MS);
      const after = await server.ask();
      await until(() => page.request(after)?.status === "pending", RECOVERY_MS);
      expect(page.request(meanwhile)?.status).toBe("pending");
      expect(page.request(before)?.status).toBe("pending");
    },
    60_000,
  );
});

function isLive(page: Client): boolean {
  return page.connection.phase === "live";
}

async function lost(): Promise<void> {
  await until(() => client?.connection.phase !== "live", RECOVERY_MS);
}

/** A client that knows of nothing but the proxy. */
function begun(): Client {
  client = new Client(endpointAt(proxy.port), {
    connect: { ...CONNECT, comm: CONNECT.poll },
    heartbeatMs: BEAT_MS,
    openingMs: 1000,
  });
  client.start();
  return client;
}
