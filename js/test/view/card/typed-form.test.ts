/** Answers with values: typed forms, and the arguments of a tool. */
import { describe, expect, it } from "vitest";
import { UNDO_KEY } from "../../../src/client/undo";
import { until } from "../../until";
import { page } from "../page";
import { drawnAgain, pageWithServer } from "../page-with-server";

const cards = pageWithServer();
const { asked, drawn, lastEvent } = cards;

const BOOKING = {
  type: "object",
  properties: {
    name: { type: "string", title: "Guest", description: "As in the passport", minLength: 2 },
    nights: { type: "integer", minimum: 1, maximum: 14, default: 3 },
    room: { type: "string", enum: ["s", "d"], enumNames: ["Single", "Double"] },
    extras: { type: "array", items: { type: "string", enum: ["breakfast", "parking"] } },
    smoker: { type: "boolean", default: false },
  },
  required: ["name", "extras"],
};

describe("a typed form", () => {
  const form = { kind: "question", response: { decisions: ["respond"], schema: BOOKING } };

  it("shows what it asks for and sends values of the right types", async () => {
    const shown = await asked(form);
    expect(shown.text("hitl-field-name")).toContain("Guest (required)");
    expect(shown.text("hitl-field-name")).toContain("As in the passport · at least 2 characters");
    expect(shown.text("hitl-field-room")).toContain("Double");
    expect(shown.value("hitl-field-nights")).toBe("3");
    expect(shown.find("hitl-feedback")).toBeNull();
    shown.type("Ada", "hitl-field-name");
    shown.type("2", "hitl-field-nights");
    shown.find("hitl-field-room")?.querySelectorAll("input")[1]?.click();
    shown.find("hitl-field-extras")?.querySelectorAll("input")[0]?.click();
    await drawnAgain();
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    const values = { name: "Ada", nights: 2, room: "d", extras: ["breakfast"], smoker: false };
    expect(lastEvent()).toMatchObject({ decision: "respond", values });
    expect(shown.text("hitl-values")).toContain("GuestAda");
    expect(shown.text("hitl-values")).toContain("roomDouble");
  });

  it("names a file that was sent, where the script that shows files is out of reach", async () => {
    const receipt = { type: "object", format: "file" };
    const schema = { type: "object", properties: { receipt, scans: { type: "array" } } };
    const fields = { kind: "question", response: { decisions: ["respond"], schema } };
    const shown = await asked(fields);
    const file = { name: "sales.csv", media_type: "text/csv", size: 12_345 };
    const reference = { ...file, sha256: "0".repeat(64) };
    cards.server.append({
      type: "human_input_completed",
      request_id: "r1",
      decision: "respond",
      human_feedback: "",
      values: { receipt: reference, scans: [reference] },
    });
    await until(() => shown.status === "answered");
    expect(shown.text("hitl-values")).toBe("receiptsales.csv (12 KB)scanssales.csv (12 KB)");
  });

  it("marks the wrong fields, goes to the first, and loses nothing that was typed", async () => {
    const shown = await asked(form);
    shown.type("Ada", "hitl-field-name");
    shown.type("invalid", "hitl-field-nights");
    shown.find("hitl-card")?.focus();
    await drawnAgain();
    shown.click("hitl-send");
    await until(() => shown.find("hitl-error"));
    expect(shown.text("hitl-field-nights")).toContain("not this");
    expect(page.activeElement).toBe(shown.find("hitl-field-nights")?.querySelector("input"));
    expect(shown.value("hitl-field-name")).toBe("Ada");
    expect(shown.status).toBe("pending");
    shown.type("4", "hitl-field-nights");
    await until(() => shown.find("hitl-error") === null);
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    expect(lastEvent()?.values).toMatchObject({ nights: 4, extras: [] });
  });

  it("survives a reload of the page", async () => {
    const before = await asked(form);
    before.type("Ada", "hitl-field-name");
    before.find("hitl-field-room")?.querySelectorAll("input")[0]?.click();
    cards.takeDown();
    const after = drawn(form);
    expect(after.value("hitl-field-name")).toBe("Ada");
    expect(after.find("hitl-field-room")?.querySelector("input")?.checked).toBe(true);
  });

  it("refuses a number that this browser cannot send exactly", async () => {
    const shown = await asked(form);
    shown.type("12345678901234567890", "hitl-field-nights");
    await drawnAgain();
    shown.click("hitl-send");
    await until(() => shown.find("hitl-error"));
    expect(shown.text("hitl-field-nights")).toContain("more digits than");
    expect(cards.server.answers).toHaveLength(0);
  });
});

describe("a tool's arguments", () => {
  const properties = {
    table: { type: "string", default: "customers" },
    limit: { type: "integer", default: 1000 },
    since: { type: "string", format: "date-time", default: "2026-01-01T00:00:00+02:00" },
  };
  const schema = { type: "object", properties, required: ["table", "limit"] };
  const response = { decisions: ["approve", "reject", "edit"], schema };
  const call = { kind: "tool_approval", response };

  it("are allowed as changed; what nobody touched goes back as it came", async () => {
    localStorage.setItem(UNDO_KEY, "0");
    const shown = await asked(call);
    expect(shown.find("hitl-form")).toBeNull();
    shown.click("hitl-edit");
    await until(() => shown.find("hitl-form"));
    expect(shown.text("hitl-accept")).toBe("Allow");
    expect(shown.enabled("hitl-send")).toBe(false);
    shown.type("10", "hitl-field-limit");
    await until(() => shown.enabled("hitl-send"));
    expect(shown.text("hitl-accept")).toBe("Allow without changes");
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    expect(lastEvent()).toMatchObject({
      decision: "edit",
      values: { table: "customers", limit: 10, since: "2026-01-01T00:00:00+02:00" },
    });
    expect(shown.text("hitl-record")).toContain("Allowed with changes");
    expect(shown.find("hitl-values")?.querySelector("del")?.textContent).toBe("1000");
    expect(shown.find("hitl-values")?.querySelector("ins")?.textContent).toBe("10");
  });
});
