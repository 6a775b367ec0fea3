import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { get, post } from "../src/http";

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

describe("behind a JupyterHub", () => {
  const page = { "Content-Type": "text/html; charset=UTF-8", "X-JupyterHub-Version": "6.1.1" };

  it("a GET to a stopped server finds nobody there", async () => {
    const endpoint = await replying(424, page, "<!doctype html>");
    expect(await get(endpoint, "requests/r-1")).toEqual({ kind: "unreachable" });
  });

  it("an answer to a stopped server is not sent, rather than forbidden", async () => {
    const endpoint = await replying(403, page, "<!doctype html>");
    expect(await post(endpoint, "requests/r-1/answer", {}, {})).toEqual({ kind: "unreachable" });
  });

  it("a refusal of the server itself stays one", async () => {
    const said = { ...page, "Content-Type": "application/json" };
    const body = '{"error":"forbidden","message":"no"}';
    const endpoint = await replying(403, said, body);
    const reply = await post(endpoint, "requests/r-1/answer", {}, {});
    expect(reply).toMatchObject({ kind: "refused", refusal: { status: 403 } });
  });
});
