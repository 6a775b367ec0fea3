import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client } from "../../src/client/client";
import { until } from "../until";
import { LogServer } from "./log-server";

let server: LogServer;
let client: Client;

beforeEach(async () => {
  server = await new LogServer().start();
  client = new Client(server.endpoint, { againMs: 30 });
  client.start();
});

afterEach(async () => {
  client.stop();
  await server.stop();
});

function begin(source: string) {
  const run = { execution_id: "run-1", name: "Notes", kind: "crew", source: { id: source } };
  return server.append({ type: "run_started", ...run });
}

describe("a run whose process was killed", () => {
  it("is lost when the process stays away", async () => {
    begin("kernel-1");
    client.follow("run-1", null);
    await until(() => client.run("run-1")?.lost);
    expect(client.run("run-1")?.state?.status).toBe("running");
    const looked = server.asked.filter((one) => one === "GET /sources/kernel-1");
    expect(looked).toHaveLength(2); // it might have been on its way back
  });

  it("is not lost when the process comes back after a restart of the server", async () => {
    server.near.add("kernel-1");
    begin("kernel-1");
    client.follow("run-1", null);
    await until(() => server.asked.includes("GET /sources/kernel-1"));
    await server.stop();
    server.near.clear();
    await server.start();
    await until(() => server.asked.filter((one) => one === "GET /sources/kernel-1").length === 2);
    server.near.add("kernel-1");
    await until(() => server.asked.filter((one) => one === "GET /sources/kernel-1").length === 3);
    expect(client.run("run-1")?.lost).toBe(false);
  });

  it("is not looked for once the run is over", async () => {
    begin("kernel-1");
    server.append({ type: "run_finished", execution_id: "run-1", result: "" });
    client.follow("run-1", null);
    await until(() => client.run("run-1")?.loaded);
    expect(server.asked.some((one) => one.startsWith("GET /sources/"))).toBe(false);
  });
});

describe("a run's past", () => {
  it("is read to its end, however little of it is on a page", async () => {
    server.mostOnAPage = 1;
    begin("kernel-1");
    server.append({ type: "run_finished", execution_id: "run-1", result: "" });
    client.follow("run-1", null);
    await until(() => client.run("run-1")?.loaded);
    expect(client.run("run-1")?.state?.status).toBe("finished");
  });
});
