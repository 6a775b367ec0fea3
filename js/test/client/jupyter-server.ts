/**
 * A real Jupyter server with the extension, in a process of its own, for tests that need one.
 *
 * It needs the Python environment of the repository (`make test` has it); PYTHON names another.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import type { Endpoint } from "../../src/client/endpoint";
import { post } from "../../src/client/http";
import type { Transport } from "../../src/client/resume";
import { connectPoll } from "../../src/client/transports/poll";
import { connectSse } from "../../src/client/transports/sse";
import type { Connect } from "../../src/client/transports/transport";
import { connectWebSocket } from "../../src/client/transports/websocket";

export const TOKEN = "a-token-for-this-test";
export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** A browser's cookie opens the WebSocket; here the URL carries the token. */
export const CONNECT: Readonly<Record<Exclude<Transport, "comm">, Connect>> = {
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

/** Return the endpoint at a port of this machine: the server's, or that of what is before it. */
export function endpointAt(port: number): Endpoint {
  return {
    prefix: `http://127.0.0.1:${port}/crewai-hitl/`,
    headers: () => ({ Authorization: `token ${TOKEN}` }),
  };
}

export function python(): string {
  const venv = join(ROOT, ".venv", "bin", "python");
  return process.env.PYTHON ?? (existsSync(venv) ? venv : "python3");
}

/** One server that can be killed and started again, at the same address with the same data. */
export class JupyterServer {
  port = 0;
  private asked = 0;
  private readonly place = mkdtempSync(join(tmpdir(), "crewai-hitl-"));
  private child: ChildProcess | undefined;

  constructor(private readonly options: readonly string[] = []) {}

  get endpoint(): Endpoint {
    return endpointAt(this.port);
  }

  async start(): Promise<void> {
    this.port ||= await freePort();
    const options = [
      "--no-browser",
      "--allow-root",
      "--ServerApp.ip=127.0.0.1",
      `--ServerApp.port=${this.port}`,
      "--ServerApp.port_retries=0",
      `--ServerApp.root_dir=${this.place}`,
      `--IdentityProvider.token=${TOKEN}`,
      "--ServerApp.jpserver_extensions=crewai_hitl_nb=True",
      ...this.options,
    ];
    const env = {
      ...process.env,
      JUPYTER_CONFIG_DIR: join(this.place, "config"),
      JUPYTER_DATA_DIR: join(this.place, "data"),
      JUPYTER_RUNTIME_DIR: join(this.place, "runtime"),
    };
    const child = spawn(python(), ["-m", "jupyter_server", ...options], { cwd: ROOT, env });
    this.child = child;
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => {
        said += text;
      });
    }
    const healthy = async () => {
      if (child.exitCode !== null) throw new Error(`the server did not start:\n${said}`);
      const response = await fetch(`${this.endpoint.prefix}health`).catch(() => null);
      return response?.ok === true;
    };
    await vi.waitUntil(healthy, { timeout: 30_000, interval: 100 });
  }

  /** Publish a question and return its request id. */
  async ask(fields: object = {}): Promise<string> {
    const requestId = `request-${++this.asked}`;
    const asked = { type: "human_input_required", request_id: requestId, prompt: "Good?" };
    const event = { ...asked, ...fields };
    const reply = await post(this.endpoint, "events", event, {});
    if (reply.kind !== "ok") throw new Error(`not published: ${JSON.stringify(reply)}`);
    return requestId;
  }

  async kill(): Promise<void> {
    await killed(this.child);
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.place, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Kill a process and wait until it is gone. */
export async function killed(child: ChildProcess | undefined): Promise<void> {
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
