/** The end of a closed card's line: what the log says comes next. */
import { beforeEach, describe, expect, it } from "vitest";
import { UNDO_KEY } from "../../../src/client/undo";
import { until } from "../../until";
import { ALL_DECISIONS, drawnAgain, pageWithServer } from "../page-with-server";

const cards = pageWithServer();
const { asked, answeredByAda } = cards;

beforeEach(() => localStorage.setItem(UNDO_KEY, "0"));

const RUN = { execution_id: "run-1" };
const WRITER = { agent_role: "Writer", task_name: "note" };
const review = { ...RUN, task_id: "t1", source: WRITER, draft: "A fox.", response: ALL_DECISIONS };
const call = {
  ...RUN,
  kind: "tool_approval",
  task_id: "t1",
  source: WRITER,
  response: { decisions: ["approve", "reject"] },
};

function tell(type: string, fields: object = {}) {
  return cards.server.append({ type, ...RUN, ...fields });
}

function begin() {
  tell("run_started", { name: "Notes", kind: "crew", tasks: [] });
  tell("run_task_started", { task_id: "t1", task_name: "note", agent_role: "Writer" });
}

describe("what follows an answer", () => {
  it("is the next step, once the accepted one has ended", async () => {
    begin();
    const shown = await asked(review);
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
    await drawnAgain();
    expect(shown.text("hitl-follows")).toBe("");
    tell("run_task_finished", { task_id: "t1", task_name: "note" });
    tell("run_task_started", { task_id: "t2", task_name: "check", agent_role: "Editor" });
    await until(() => shown.text("hitl-follows") === "Editor continues with check");
    tell("run_finished", { result: "" });
    await drawnAgain();
    expect(shown.text("hitl-follows")).toBe("Editor continues with check");
  });

  it("is the same step after an allowed call and after feedback", async () => {
    begin();
    const shown = await asked(call);
    shown.click("hitl-accept");
    await until(() => shown.text("hitl-follows") === "Writer continues with note");
  });

  it("is the end of the run", async () => {
    begin();
    const shown = await asked(review);
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
    tell("run_task_finished", { task_id: "t1", task_name: "note" });
    tell("run_finished", { result: "" });
    await until(() => shown.text("hitl-follows") === "The run has finished");
  });

  it("is the reason of a refused call, which its agent hears", async () => {
    const shown = await asked(call);
    shown.type("Too many rows");
    await drawnAgain();
    shown.click("hitl-reject");
    await until(() => shown.text("hitl-follows") === "Writer hears why");
    expect(shown.text("hitl-record")).toContain("Refused by you");
  });

  it("is the next question of a crew without run events, and nothing before that", async () => {
    const shown = await asked(review);
    shown.type("Shorter");
    await until(() => shown.enabled("hitl-send"));
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    await drawnAgain();
    expect(shown.find("hitl-follows")).toBeNull();
    cards.server.ask("r2", { ...review, timestamp: new Date(Date.now() + 1000).toISOString() });
    await until(() => shown.text("hitl-follows") === "Writer asks again");
  });

  it("is not said where somebody else has answered", async () => {
    begin();
    const shown = await asked(call);
    answeredByAda();
    await until(() => shown.status === "answered");
    await drawnAgain();
    expect(shown.find("hitl-follows")).toBeNull();
    expect(shown.text("hitl-record")).not.toContain("you");
  });
});
