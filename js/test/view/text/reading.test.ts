/** What makes a context readable: formulas, JSON that folds, differences, the time that is left. */
import { describe, expect, it } from "vitest";
import { timeLeft } from "../../../src/view/countdown";
import { likeness, shortened, wordDiff } from "../../../src/view/text/diff";
import { jsonTree } from "../../../src/view/text/json-tree";
import { safeMarkdown } from "../../../src/view/text/markdown";
import { drawMaths } from "../../../src/view/text/maths";
import { page } from "../page";

function formulas(markdown: string): [string | null, string | null][] {
  const found = safeMarkdown(markdown).querySelectorAll("[data-maths]");
  return [...found].map((code) => [code.getAttribute("data-maths"), code.textContent]);
}

describe("a formula", () => {
  it.each([
    ["so $a<b$ holds", [["inline", "a<b"]]],
    ["so \\(a_1*b_2*c\\) holds", [["inline", "a_1*b_2*c"]]],
    ["$$\na\n= b\n$$", [["block", "a\n= b"]]],
    ["text\n\\[x^2\\]\ntext", [["block", "x^2"]]],
    [
      "both $x$ and $$y$$",
      [
        ["inline", "x"],
        ["block", "y"],
      ],
    ],
    ["it costs $5 and $10", []],
    ["from US$ 5 to US$ 6", []],
    ["`$x$` is code", []],
    ["```\n$$x$$\n```", []],
    ["an \\$x\\$ escaped", []],
  ])("is found in %j", (markdown, expected) => {
    expect(formulas(markdown)).toEqual(expected);
  });

  it("leaves the words around it in one paragraph", () => {
    expect(safeMarkdown("The cost is $c$, in all.").textContent).toBe("The cost is c, in all.\n");
  });

  it("is drawn by what is fetched for it, and stays source when that has no answer", async () => {
    const { drawn } = await import("../../../src/entries/maths");
    const host = page.createElement("div");
    host.append(safeMarkdown("$x^2$ and $\\unknown$ and $\\href{https://e.org}{x}$"));
    await drawMaths(host, async () => ({ drawn }));
    expect(host.querySelectorAll("math")).toHaveLength(1);
    expect(host.querySelector("math msup")).not.toBeNull();
    expect(host.textContent).toContain("\\unknown");
    expect(host.querySelector("[href]")).toBeNull();
  });

  it("stays readable where nothing can be fetched, and is fetched only when there is one", async () => {
    const host = page.createElement("div");
    let fetched = 0;
    const load = async () => {
      fetched++;
      return null;
    };
    host.append(safeMarkdown("no formula"));
    await drawMaths(host, load);
    expect(fetched).toBe(0);
    host.append(safeMarkdown("$x$"));
    await drawMaths(host, load);
    expect(fetched).toBe(1);
    expect(host.textContent).toContain("x");
  });
});

describe("JSON", () => {
  const text = (json: string) => jsonTree(json, page)?.textContent;

  it("keeps every digit, as JavaScript's own numbers would not", () => {
    expect(text('{"id": 12345678901234567890, "rate": 1.10}')).toBe(
      '{"id": 12345678901234567890,"rate": 1.10}',
    );
  });

  it("shows letters as letters, and what turns text around by its number", () => {
    expect(text('["\\u00fcber", "safe\\u202etxt.exe"]')).toBe('["über","safe\\u202etxt.exe"]');
  });

  it("folds what is long and leaves the rest open", () => {
    const long = JSON.stringify({ short: [1], long: Array.from({ length: 30 }, (_, at) => at) });
    const folds = [...(jsonTree(long, page)?.querySelectorAll("details") ?? [])];
    expect(folds.map(({ open }) => open)).toEqual([true, false]);
    expect(folds[1]?.querySelector("summary")?.textContent).toContain("30 items");
  });

  it.each(["{not json", '"a text"', "12", "", `${"[".repeat(100)}${"]".repeat(100)}`])(
    "is not seen in %j",
    (source) => {
      expect(jsonTree(source, page)).toBeNull();
    },
  );
});

describe("a difference", () => {
  const told = (before: string, after: string) =>
    wordDiff(before, after).map(({ kind, text }) => `${kind[0]}:${text}`);

  it.each([
    ["the red fox", "the red fox", ["s:the red fox"]],
    ["the red fox", "the blue fox", ["s:the ", "r:red", "a:blue", "s: fox"]],
    ["one two three", "four five three", ["r:one two", "a:four five", "s: three"]],
    ["", "new", ["a:new"]],
    ["old", "", ["r:old"]],
    ["a b", "a b c", ["s:a b", "a: c"]],
  ])("from %j to %j is told in words", (before, after, parts) => {
    expect(told(before, after)).toEqual(parts);
  });

  it("leads from one text to the other, whatever they are", () => {
    const words = ["a", "b", "c", " ", "  ", "\n", "ü", "漢字", ".", "-"];
    let seed = 7;
    const text = () => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return Array.from({ length: seed % 30 }, (_, at) => words[(seed >> (at % 20)) % 10]).join("");
    };
    for (let round = 0; round < 300; round++) {
      const [before, after] = [text(), text()];
      const diff = wordDiff(before, after);
      const side = (kind: string) =>
        diff
          .flatMap((part) => (part.kind === kind || part.kind === "same" ? part.text : []))
          .join("");
      expect([side("removed"), side("added")]).toEqual([before, after]);
    }
  });

  it("of two long texts that have nothing in common ends", () => {
    const text = (word: string) => Array.from({ length: 9000 }, (_, at) => word + at).join(" ");
    const diff = wordDiff(text("x"), text("y"));
    expect(likeness(diff)).toBeLessThan(0.1);
  });

  it("leaves out what stayed far from a change", () => {
    const long = "word ".repeat(500);
    const parts = shortened(wordDiff(`${long}red end`, `${long}blue end`));
    expect(parts.map(({ text }) => text).join("").length).toBeLessThan(300);
    expect(parts.map(({ kind }) => kind)).toEqual(["same", "removed", "added", "same"]);
  });
});

describe("the time that is left", () => {
  const asked = "2026-11-22T12:00:00Z";
  const left = (expires: string | null, now: string) => timeLeft(asked, expires, new Date(now));

  it.each([
    ["2026-11-22T12:30:00Z", "2026-11-22T12:00:00Z", "30:00 left", false],
    ["2026-11-22T12:30:00Z", "2026-11-22T12:25:51Z", "4:09 left", true],
    ["2026-11-22T12:01:00Z", "2026-11-22T12:00:20Z", "0:40 left", false],
    ["2026-11-22T12:01:00Z", "2026-11-22T12:00:35Z", "0:25 left", true],
    ["2026-11-22T15:05:00Z", "2026-11-22T12:00:00Z", "3 h 5 min left", false],
    ["2026-11-26T12:00:00Z", "2026-11-22T12:00:00Z", "4 days left", false],
    ["2026-11-22T12:01:00Z", "2026-11-22T12:02:00Z", "time is up", true],
  ])("until %s at %s is %j", (expires, now, text, urgent) => {
    expect(left(expires, now)).toMatchObject({ text, urgent });
  });

  it("is none without a deadline", () => {
    expect(left(null, asked)).toBeNull();
    expect(left("nonsense", asked)).toBeNull();
  });
});
