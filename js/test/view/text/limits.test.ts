/** Limits on the cost of a text: what is formatted, and how long texts are shown in parts. */
import { describe, expect, it } from "vitest";
import { wordDiff } from "../../../src/view/text/diff";
import { format, formattedAtOnce } from "../../../src/view/text/formatting";
import { jsonTree } from "../../../src/view/text/json-tree";
import {
  firstPart,
  isModest,
  LIST_ITEMS,
  tamed,
  UNAIDED_CHARS,
} from "../../../src/view/text/limits";
import { safeMarkdown } from "../../../src/view/text/markdown";
import { markdownHtml } from "../../../src/view/text/markdown-html";
import { until } from "../../until";
import { page } from "../page";
import { pageWithServer } from "../page-with-server";

const cards = pageWithServer();
const never = new AbortController().signal;

describe("a Markdown text", () => {
  it.each([
    ["elements in one another", "<em><strong>".repeat(100)],
    ["quotes in quotes", `${"> ".repeat(200)}x`],
    ["quotes in quotes without end", ">".repeat(20_000)],
    ["lists in lists", Array.from({ length: 200 }, (_, at) => `${"  ".repeat(at)}- x`).join("\n")],
    ["more elements than a page needs", "*a* ".repeat(6000)],
    ["an element of attributes", `<p ${"a=b ".repeat(3000)}>x</p>`],
    ["an element that never ends", `<p ${"a=b ".repeat(3000)}`],
  ])("is not formatted when it holds %s", (_, text) => {
    expect(markdownHtml(text) === null || !markdownHtml(text)?.includes("<p a=b")).toBe(true);
  });

  it("is formatted when it is merely long", () => {
    const text = "A paragraph with *words*.\n\n".repeat(500);
    expect(markdownHtml(text)?.match(/<p>/g)).toHaveLength(500);
  });

  it("is formatted later when it is longer than what is fast for every text", () => {
    expect(formattedAtOnce("*a*")).toContain("<em>");
    expect(formattedAtOnce("*a* ".repeat(1000))).toBeUndefined();
  });

  it("is formatted up to a bound where a page has no worker", async () => {
    expect(await format("*a* ".repeat(300), never)).toContain("<em>");
    expect(await format("a ".repeat(UNAIDED_CHARS), never)).toBeNull();
  });

  it("knows formulas up to a length", () => {
    expect(markdownHtml("$x^2$ and \\(y\\)")?.match(/data-maths/g)).toHaveLength(2);
    expect(markdownHtml(`\\(${"x".repeat(3000)}\\)`)).not.toContain("data-maths");
    expect(markdownHtml(`$$${"x".repeat(3000)}$$`)).not.toContain("data-maths");
  });
});

describe("HTML", () => {
  it("of usual size and depth is allowed, and other HTML is not", () => {
    expect(isModest('<ul><li>a<ul><li>b</li></ul></li></ul><br><hr><a href="x">y</a>')).toBe(true);
    expect(isModest("<br>".repeat(200))).toBe(true);
    expect(isModest("<b>".repeat(65))).toBe(false);
    expect(isModest("x".repeat(500_000))).toBe(false);
  });
});

describe("marks on one letter", () => {
  it("are cut off beyond what any script needs", () => {
    expect(tamed(`a${"\u0301".repeat(1000)}b`)).toBe(`a${"\u0301".repeat(8)}…b`);
    expect(tamed("é ก็ שָׁלוֹם हिन्दी 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿")).toBe("é ก็ שָׁלוֹם हिन्दी 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿");
  });

  it("are cut off wherever a card draws a text", async () => {
    const piled = `a${"\u0301".repeat(1000)}`;
    const shown = await cards.asked({
      prompt: piled,
      context: piled,
      reason_flags: { [piled]: true },
      source: { agent_role: piled, crew_name: piled },
      response: { decisions: ["respond"], options: [piled] },
      kind: "question",
    });
    expect(shown.element.textContent).not.toMatch(/\u0301{9}/);
    expect(shown.find("hitl-option")?.dataset.option).toBe(piled); // what is sent is not changed
  });
});

describe("a long text or list", () => {
  it("is cut in a name, and can be read in full elsewhere", async () => {
    const shown = await cards.asked({
      context: "x ".repeat(30_000),
      source: { agent_role: "r".repeat(100_000) },
    });
    expect(shown.element.querySelector(".chitl-name")?.textContent).toHaveLength(61);
    await until(() => shown.find("hitl-plain"));
    shown.element.querySelector<HTMLElement>("[data-testid=hitl-context] .chitl-more")?.click();
    await until(() => shown.text("hitl-context").match(/x /g)?.length === 30_000);
  });

  it("has no letter with a pile of marks, also after Show more", async () => {
    const shown = await cards.asked({ prompt: `a${"\u0301".repeat(1000)} `.repeat(10) });
    expect(shown.text("hitl-prompt")).not.toMatch(/\u0301{9}/);
    shown.element.querySelector<HTMLElement>("[data-testid=hitl-prompt] .chitl-more")?.click();
    await until(() => shown.text("hitl-prompt").includes("left") === false);
    expect(shown.text("hitl-prompt")).not.toMatch(/\u0301{9}/);
  });

  it("is never cut inside a character", () => {
    expect(firstPart("a😀b", 2)).toBe("a");
    expect(firstPart("a😀b", 3)).toBe("a😀");
  });

  it("is shown in parts, with a button for more", async () => {
    const shown = await cards.asked({
      prompt: "p".repeat(100_000),
      reason_flags: Object.fromEntries(
        Array.from({ length: 500 }, (_, at) => [`flag ${at}`, true]),
      ),
      history: Array.from({ length: 500 }, (_, at) => ({ draft: "d", feedback: `said ${at}` })),
      context: "x ".repeat(100_000),
    });
    expect(shown.text("hitl-prompt").length).toBeLessThan(3000);
    expect(shown.element.querySelectorAll(".chitl-reasons li").length).toBeLessThan(30);
    const rounds = () => shown.element.querySelectorAll(".chitl-round").length;
    const before = rounds();
    expect(before).toBeLessThan(30);
    expect(shown.text("hitl-thread")).toContain("said 499"); // the latest, not the first
    await until(() => shown.find("hitl-plain"));
    expect(shown.text("hitl-context").length).toBeLessThan(25_000);
    const more = [...shown.element.querySelectorAll<HTMLElement>("[data-testid=hitl-more]")];
    more.find(({ textContent }) => textContent?.includes("earlier rounds"))?.click();
    await until(() => rounds() === before + LIST_ITEMS);
  });

  it("is not compared word by word", () => {
    const [one, other] = ["a ".repeat(80_000), "b ".repeat(80_000)];
    expect(wordDiff(one, other).map(({ kind }) => kind)).toEqual(["removed", "added", "same"]);
  });

  it("is not drawn as a tree if it is JSON", () => {
    expect(jsonTree(`[${"1,".repeat(20_000)}1]`, page)).toBeNull();
    expect(jsonTree("[1, 2]", page)).not.toBeNull();
  });
});

const THAI = "\u0e01";

describe("a run of letters without spaces, of a script whose words a dictionary knows", () => {
  it("may end a line within it when it is longer than any sentence", () => {
    expect(tamed(THAI.repeat(499))).toBe(THAI.repeat(499));
    const long = tamed(THAI.repeat(1750));
    expect(long.replaceAll("\u200b", "")).toBe(THAI.repeat(1750));
    expect(Math.max(...long.split("\u200b").map((part) => part.length))).toBe(500);
  });

  it("is not parted before a mark, which belongs to the letter before it", () => {
    const parts = tamed(`${THAI}\u0e34`.repeat(1000)).split("\u200b");
    expect(parts.length).toBeGreaterThan(3);
    expect(parts.every((part) => part.startsWith(THAI))).toBe(true);
  });
});

describe("excess marks and runs", () => {
  const longest = (text: string, sign: string) =>
    Math.max(0, ...(text.match(new RegExp(`${sign}+`, "gu")) ?? []).map((run) => run.length));

  it.each([
    ["entities", "&#769;".repeat(2000)],
    ["elements", "<del>\u0301\u0301</del>".repeat(1000)],
    ["JSON", `["a${"\\u0301".repeat(2000)}"]`],
  ])("of marks are cut also when written as %s", (_, text) => {
    const shown = safeMarkdown(`a${text}`.replace(/^a\[/, "["), page).textContent ?? "";
    expect(longest(shown, "\u0301")).toBeLessThanOrEqual(8);
  });

  it("of marks are cut in JSON drawn as a tree", () => {
    const tree = jsonTree(`{"k${"\\u0301".repeat(100)}": "v${"\\u0301".repeat(100)}"}`, page);
    expect(longest(tree?.textContent ?? "", "\u0301")).toBe(8);
  });

  it.each([
    ["entities", "&#3585;".repeat(2000)],
    ["elements", `<del>${THAI.repeat(3)}</del>`.repeat(700)],
  ])("of letters are broken also when written as %s", (_, text) => {
    const shown = safeMarkdown(text, page).textContent ?? "";
    expect(shown.replaceAll("\u200b", "").trim().length).toBeGreaterThan(1999);
    expect(longest(shown, THAI)).toBe(500);
  });
});
