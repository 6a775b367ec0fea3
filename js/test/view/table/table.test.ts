import { beforeAll, describe, expect, it, vi } from "vitest";
import { attach } from "../../../src/entries/table";
import { showAttachments } from "../../../src/view/text/attachments";
import { safeMarkdown } from "../../../src/view/text/markdown";
import { page } from "../page";
import { drawnAgain } from "../page-with-server";
import { Shown } from "../shown";

const TYPE = "application/vnd.dataresource+json";
const PREVIEW = "| n |\n|---|\n| 0 |";

beforeAll(() => {
  // jsdom has no constructed style sheets.
  vi.stubGlobal(
    "CSSStyleSheet",
    class {
      replaceSync() {}
    },
  );
  Object.assign(page, { adoptedStyleSheets: [] });
});

const numbers = (rows: number) => ({
  schema: {
    fields: [
      { name: "index", type: "integer", title: "" },
      { name: "n", type: "integer", dtype: "int64" },
    ],
  },
  index: ["index"],
  total: { rows: 1000, columns: 1 },
  data: Array.from({ length: rows }, (_, index) => ({ index, n: rows - index })),
});

/** Show a text with attachments as a card does, with the script at hand or out of reach. */
async function show(
  text: string,
  attachments: Record<string, Record<string, unknown>>,
  reachable = true,
) {
  const host = page.createElement("div");
  host.append(safeMarkdown(text));
  for (const table of host.querySelectorAll("table")) {
    const box = page.createElement("div");
    box.className = "chitl-scroll";
    table.replaceWith(box);
    box.append(table);
  }
  const remove = showAttachments(host, attachments, async () => (reachable ? { attach } : null));
  await drawnAgain();
  return { shown: new Shown(host), remove };
}

const rows = (shown: Shown) =>
  [...shown.element.querySelectorAll("tbody tr")].map((row) => row.textContent);

describe("a data frame on a card", () => {
  it("takes no picture away that a text has put into its preview", async () => {
    const preview = "| n |\n|---|\n| ![x](attachment:i) |";
    const text = `${preview}\n\n[Table](attachment:t)\n\n![Chart](attachment:i)`;
    const image = { "image/png": "iVBORw0KGgo=" };
    const { shown } = await show(text, { t: { [TYPE]: numbers(2) }, i: image });
    expect(shown.element.querySelector("[data-testid=hitl-table]")).not.toBeNull();
    const left = shown.element.querySelectorAll("img, .chitl-note").length;
    expect(left).toBeGreaterThan(0);
  });

  it("finds rows until Escape empties the field", async () => {
    const { shown } = await show("[Table](attachment:t)", { t: { [TYPE]: numbers(9) } });
    const find = () => shown.find("hitl-table-find") as HTMLInputElement;
    find().value = "7";
    find().dispatchEvent(new window.Event("input", { bubbles: true }));
    await drawnAgain();
    expect(shown.text("hitl-table-found")).toContain("found");
    find().dispatchEvent(new window.KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    await drawnAgain();
    expect(find().value).toBe("");
    expect(shown.text("hitl-table-found")).toBe("");
  });

  it("shows a cell whole that is a little too long, and cuts one that is much too long", async () => {
    const cells = (chars: number) => ({
      schema: { fields: [{ name: "text", type: "string" }] },
      index: [],
      total: { rows: 1, columns: 1 },
      data: [{ text: "x".repeat(chars) }],
    });
    for (const [chars, shownChars, buttons] of [
      [220, 220, 0],
      [221, 160, 1],
    ] as const) {
      const { shown } = await show("[Table](attachment:t)", { t: { [TYPE]: cells(chars) } });
      const cell = shown.element.querySelector("tbody td");
      expect(cell?.textContent?.match(/x/g)).toHaveLength(shownChars);
      expect(cell?.querySelectorAll("button")).toHaveLength(buttons);
    }
  });

  it("stands where the text names it, in place of its preview", async () => {
    const text = `before\n\n${PREVIEW}\n\n[Table](attachment:t)\n\nafter`;
    const { shown } = await show(text, { t: { [TYPE]: numbers(2) } });
    expect(shown.element.querySelectorAll("table")).toHaveLength(1);
    const parts = [...shown.element.children].map((part) => part.textContent);
    expect(parts[0]).toBe("before");
    expect(parts[1]).toContain("First 2 of 1,000 rows, 1 column");
    expect(parts[2]).toBe("after");
  });

  it("stands below a text that does not name it alone in a paragraph", async () => {
    const { shown } = await show(`see [it](attachment:t)\n\n${PREVIEW}`, {
      t: { [TYPE]: numbers(1) },
    });
    expect(shown.element.querySelectorAll("table")).toHaveLength(2);
    expect(shown.element.lastElementChild?.textContent).toContain("index");
  });

  it("leaves the preview where it cannot be drawn", async () => {
    const text = `${PREVIEW}\n\n[Table: 1 row](attachment:t)`;
    for (const [data, reachable] of [
      [numbers(1), false],
      [{ schema: 1 }, true],
    ] as const) {
      const { shown } = await show(text, { t: { [TYPE]: data } }, reachable);
      expect(shown.element.textContent).toContain("Table: 1 row");
      expect(shown.element.querySelectorAll("table")).toHaveLength(1);
      expect(shown.find("hitl-table")).toBeNull();
    }
  });

  it("is paged, sorted and searched, and says that this is within its first rows", async () => {
    const { shown } = await show("", { t: { [TYPE]: numbers(45) } });
    expect(rows(shown)[0]).toBe("045");
    shown.click("hitl-table-next");
    await drawnAgain();
    expect(shown.text("hitl-table-page")).toBe("21–40 of 45");
    shown.element.querySelectorAll<HTMLElement>("[data-testid=hitl-table-sort]")[1]?.click();
    await drawnAgain();
    expect(rows(shown)[0]).toBe("441");
    expect(shown.element.querySelectorAll("th")[1]?.getAttribute("aria-sort")).toBe("ascending");
    expect(shown.text("hitl-table-found")).toBe("Only these 45 rows are searched and sorted");
    shown.type("44", "hitl-table-find");
    await drawnAgain();
    expect(rows(shown)).toEqual(["441", "144"]);
    expect(shown.text("hitl-table-found")).toContain("2 found");
    expect(shown.find("hitl-table-page")).toBeNull();
  });

  it("is gone with its card", async () => {
    const { shown, remove } = await show("", { t: { [TYPE]: numbers(2) } });
    remove();
    expect(shown.find("hitl-table")).toBeNull();
  });
});
