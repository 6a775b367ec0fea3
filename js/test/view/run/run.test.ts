import { beforeEach, describe, expect, it } from "vitest";
import type { Endpoint } from "../../../src/client/endpoint";
import { UNDO_KEY } from "../../../src/client/undo";
import { mountBundle } from "../../../src/view/bundle/mount-bundle";
import { duration, shownAs } from "../../../src/view/run/words";
import { until } from "../../until";
import { pageWithServer } from "../page-with-server";
import { Shown } from "../shown";

const rig = pageWithServer();

beforeEach(() => {
  localStorage.setItem(UNDO_KEY, "0"); // undo has tests of its own
});

const TASKS = [
  { id: "t1", name: "note", agent: "Writer" },
  { id: "t2", name: "check", agent: "Editor" },
];

function began(fields: object = {}) {
  return {
    type: "run_started",
    event_id: "begun",
    timestamp: new Date().toISOString(),
    execution_id: "run-1",
    name: "Notes",
    kind: "crew",
    tasks: TASKS,
    ...fields,
  };
}

function tell(type: string, fields: object = {}) {
  return rig.server.append({ type, execution_id: "run-1", ...fields });
}

function step(type: string, id = "t1", fields: object = {}) {
  const { name, agent } = TASKS.find((task) => task.id === id) ?? { name: id, agent: null };
  return tell(type, { task_id: id, task_name: name, agent_role: agent, ...fields });
}

/** A run's view as a person sees it. */
class RunShown extends Shown {
  get run(): string | undefined {
    return this.find("hitl-run")?.dataset.status;
  }

  steps(): string[] {
    const steps = this.element.querySelectorAll<HTMLElement>("[data-testid=hitl-step]");
    return [...steps].map((one) => one.dataset.status ?? "");
  }
}

function show(event: object = began(), endpoint: Endpoint | null = rig.server.endpoint) {
  const payload = { mode: "run", execution_id: "run-1", event };
  const { element } = rig.show((host) => mountBundle(host, payload, "lab", endpoint));
  return new RunShown(element);
}

describe("a run's view", () => {
  it("is drawn at once and then follows the log", async () => {
    const shown = show();
    expect(shown.run).toBe("starting");
    expect(shown.steps()).toEqual(["waiting", "waiting"]);
    rig.server.append(began());
    step("run_task_started");
    await until(() => shown.run === "running");
    expect(shown.steps()).toEqual(["working", "waiting"]);
    step("run_task_finished");
    step("run_task_started", "t2");
    tell("run_finished", { result: "# Done" });
    step("run_task_finished", "t2");
    await until(() => shown.steps()[1] === "done");
    expect(shown.run).toBe("finished");
    expect(shown.find("hitl-run-result")?.querySelector("h1")?.textContent).toBe("Done");
    expect(shown.find("hitl-run-cancel")).toBeNull();
  });

  it("shows the whole record of a run that is over, its questions folded away", async () => {
    rig.server.append(began());
    step("run_task_started");
    rig.server.ask("r1", { execution_id: "run-1", task_id: "t1" });
    rig.server.append({
      type: "human_input_completed",
      request_id: "r1",
      execution_id: "run-1",
      human_feedback: "",
      decision: "approve",
      answered_by: { name: "ada", via: "cli" },
    });
    step("run_task_finished");
    tell("run_finished", { result: "# Done" });
    const shown = show();
    await until(() => shown.run === "finished");
    expect(shown.steps()).toEqual(["done", "waiting"]);
    expect(shown.text("hitl-run-earlier")).toContain("1 question");
    expect(shown.text("hitl-run-earlier")).toContain("ada");
  });

  it("reads a long past page by page", async () => {
    rig.server.append(began());
    for (let n = 0; n < 600; n++) step(n % 2 === 0 ? "run_task_started" : "run_task_finished");
    tell("run_failed", { error: "ValueError: boom", cause: "KeyError: 'x'\nOSError: y" });
    const shown = show();
    await until(() => shown.run === "failed");
    expect(shown.text("hitl-run-error")).toContain("ValueError: boom");
    expect(shown.find("hitl-run-error")?.querySelectorAll("li")).toHaveLength(2);
    const pages = rig.server.asked.filter((one) => one.startsWith("GET /poll/human-input/run-1"));
    expect(pages).toHaveLength(2);
  });

  it("has the pending card in place, where it is answered", async () => {
    rig.server.append(began());
    step("run_task_started");
    const shown = show();
    await until(() => shown.run === "running");
    rig.server.ask("r1", { execution_id: "run-1", task_id: "t1" });
    rig.server.ask("r2", { execution_id: "another" });
    await until(() => shown.run === "waiting" && shown.enabled("hitl-accept"));
    expect(shown.steps()).toEqual(["asking", "waiting"]);
    expect(shown.element.querySelectorAll("[data-testid=hitl-card]")).toHaveLength(1);
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
    expect(shown.run).toBe("running");
  });

  it("requests cancelling through the log, and shows that it was requested", async () => {
    rig.server.append(began());
    const shown = show();
    await until(() => shown.run === "running");
    shown.click("hitl-run-cancel");
    await until(() => shown.text("hitl-run-note").includes("Cancelling"));
    const wish = rig.server.events().find((event) => event.type === "run_cancel_requested");
    expect(wish).toMatchObject({ execution_id: "run-1", via: "lab" });
    expect(shown.enabled("hitl-run-cancel")).toBe(false);
    step("run_task_failed", "t1", { error: "stopped" });
    tell("run_cancelled", { reason: "withdrawn" });
    await until(() => shown.run === "cancelled");
    expect(shown.steps()).toEqual(["stopped", "waiting"]);
    expect(shown.text("hitl-run-note")).toBe("The run was cancelled.");
  });

  it("says when cancelling cannot reach the server, and can be tried again", async () => {
    rig.server.append(began());
    const shown = show();
    await until(() => shown.run === "running");
    await rig.server.stop();
    shown.click("hitl-run-cancel");
    await until(() => shown.element.textContent?.includes("Nothing was cancelled"));
    expect(shown.enabled("hitl-run-cancel")).toBe(true);
    await rig.server.start();
  });

  it("misses nothing of what happened while the server was away", async () => {
    rig.server.append(began());
    const shown = show();
    await until(() => shown.run === "running");
    await rig.server.stop();
    step("run_task_started");
    tell("run_finished", { result: "ok" });
    await rig.server.start();
    await until(() => shown.run === "finished");
    expect(shown.steps()).toEqual(["stopped", "waiting"]);
  });

  it("says that its kernel has stopped when one of its questions was lost", async () => {
    rig.server.append(began());
    rig.server.ask("r1", { execution_id: "run-1" });
    rig.server.append({
      type: "human_input_cancelled",
      request_id: "r1",
      execution_id: "run-1",
      reason: "source_lost",
    });
    const shown = show();
    await until(() => shown.run === "lost");
    expect(shown.text("hitl-run-note")).toContain("cannot continue");
  });

  it("says that the log has dropped an old run", async () => {
    const shown = show(began({ timestamp: "2026-01-01T00:00:00Z" }));
    await until(() => shown.run === "gone");
    expect(shown.text("hitl-run-state")).toBe("No longer in the log");
  });

  it("shows names without marks that turn them around", () => {
    const tasks = [{ id: "t1", name: "pay \u202e001", agent: "Wri\u2066ter" }];
    const shown = show(began({ name: "No\u202etes", tasks }), null);
    expect(shown.element.textContent).toContain("pay 001");
    expect(shown.element.textContent).not.toMatch(/[\u202e\u2066]/);
  });

  it("can be read on a page without a server", () => {
    expect(show(began(), null).run).toBe("detached");
  });
});

describe("the words of a run", () => {
  it("tell how long it took", () => {
    const from = "2026-11-22T01:00:00Z";
    expect(duration(from, "2026-11-22T01:00:07Z")).toBe("0:07");
    expect(duration(from, "2026-11-22T01:12:03Z")).toBe("12:03");
    expect(duration(from, "2026-11-22T02:02:03Z")).toBe("1:02:03");
    expect(duration(from, "2026-11-22T00:59:00Z")).toBe("0:00"); // a clock that is behind
  });

  it("call a run without a connection detached, whatever is known of it", () => {
    const known = { connected: false, asks: true, lost: true };
    expect(shownAs(null, known, new Date())).toBe("detached");
  });
});
