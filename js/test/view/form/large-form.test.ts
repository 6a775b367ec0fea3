/** A form that takes long to draw: parts of it are drawn on focus, and all of it is sent. */
import { describe, expect, it } from "vitest";
import { until } from "../../until";
import { pageWithServer } from "../page-with-server";

const cards = pageWithServer();
const { asked } = cards;

const asking = (properties: object) => ({
  kind: "question",
  response: { decisions: ["respond"], schema: { type: "object", properties } },
});

const countries = Array.from({ length: 250 }, (_, number) => `country ${number}`);
const lists = (count: number, more: object = {}) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, number) => [
      `from${number}`,
      { type: "string", enum: countries, ...more },
    ]),
  );

describe("a form", () => {
  it("with some long lists has all their choices at once", async () => {
    const shown = await asked(asking(lists(4)));
    expect(shown.find("hitl-form")?.querySelectorAll("option")).toHaveLength(4 * 251);
  });

  it("with very many choices draws those of a list when it gets the focus", async () => {
    const shown = await asked(asking(lists(40, { default: "country 7" })));
    const list = shown.find("hitl-field-from3")?.querySelector("select");
    expect(shown.find("hitl-form")?.querySelectorAll("option")).toHaveLength(40 * 2);
    expect(list?.value).toBe("country 7");
    list?.dispatchEvent(new window.Event("pointerdown", { bubbles: true }));
    await until(() => list?.querySelectorAll("option").length === 251);
    expect(shown.find("hitl-form")?.querySelectorAll("option")).toHaveLength(39 * 2 + 251);
    shown.type("country 9", "hitl-field-from3");
    await until(() => shown.enabled("hitl-send"));
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    const sent = cards.server.events().at(-1)?.values;
    expect(sent).toMatchObject({ from2: "country 7", from3: "country 9" });
  });

  it.each([
    ["a very long text", "x".repeat(100_000)],
    ["marks on a letter", `a${"\u0301".repeat(1000)}`],
  ])("that begins with %s shows it when asked to, and sends it as it came", async (_, text) => {
    const properties = { note: { type: "string", default: text }, name: { type: "string" } };
    const shown = await asked(asking(properties));
    expect(shown.find("hitl-field-note")?.querySelector("input, textarea")).toBeNull();
    shown.find("hitl-field-note")?.querySelector("button")?.click();
    await until(() => shown.value("hitl-field-note") === text);
    shown.type("Ada", "hitl-field-name");
    await until(() => shown.enabled("hitl-send"));
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    expect(cards.server.events().at(-1)?.values).toEqual({ note: text, name: "Ada" });
  });
});
