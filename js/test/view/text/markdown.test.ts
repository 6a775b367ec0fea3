import createPurifier from "dompurify";
import { describe, expect, it } from "vitest";
import { safeMarkdown } from "../../../src/view/text/markdown";
import { hostileTexts } from "../../protocol/golden";
import { page } from "../page";

/** What is safe, as text, for what a test can compare. */
function htmlOf(markdown: string): string {
  const host = page.createElement("div");
  host.append(safeMarkdown(markdown));
  return host.innerHTML;
}

const TAGS = new Set(
  "A BLOCKQUOTE BR CODE DEL EM H1 H2 H3 H4 H5 H6 HR LI OL P PRE SPAN STRONG SUB SUP TABLE TBODY TD TH THEAD TR UL".split(
    " ",
  ),
);
const ATTRIBUTES = new Set([
  "href",
  "title",
  "start",
  "align",
  "target",
  "rel",
  "data-maths",
  "data-attachment",
]);

describe("a crew's Markdown", () => {
  it.each(hostileTexts)("can neither run nor load nor imitate: %s", (markdown) => {
    const host = safeMarkdown(markdown);
    for (const element of host.querySelectorAll("*")) {
      expect(TAGS).toContain(element.tagName);
      for (const { name } of element.attributes) expect(ATTRIBUTES).toContain(name);
    }
    for (const link of host.querySelectorAll("a[href]")) {
      expect(link.getAttribute("href")).toMatch(/^(https?|mailto):/i);
      expect(link.getAttribute("rel")).toBe("noopener noreferrer");
      expect(link.getAttribute("target")).toBe("_blank");
    }
  });

  it("leaves a sanitiser of its own nothing to take away", () => {
    const purifier = createPurifier(window);
    const hostile = hostileTexts.map(htmlOf).join("");
    expect(purifier.sanitize(hostile, { ADD_ATTR: ["target"] })).toBe(hostile);
  });

  it("keeps what makes a draft readable", () => {
    const html = htmlOf("# T\n\n*a* **b** `c`\n\n1. x\n\n> q\n\n| h |\n|---|\n| d |\n\n- [x] done");
    for (const tag of ["h1", "em", "strong", "code", "ol", "blockquote", "table", "td"]) {
      expect(html).toContain(`<${tag}`);
    }
    expect(html).toContain("☑ done");
  });

  it("shows an image as a link, because loading it would tell that somebody reads", () => {
    expect(htmlOf("![a chart](https://e.org/c.png)")).toBe(
      '<p><a href="https://e.org/c.png" target="_blank" rel="noopener noreferrer">a chart</a></p>\n',
    );
  });

  it("keeps a table's alignment, and the text of what it does not know", () => {
    const html = htmlOf("| a | b |\n|--:|---|\n| 1 | <x-card>2</x-card><br>3 |");
    expect(html).toContain('<th align="right">a</th>');
    expect(html).toContain("<td>2<br>3</td>");
  });

  it("gives up no word of a long text", () => {
    const text = "word ".repeat(10_000);
    expect(safeMarkdown(text).textContent?.match(/word/g)).toHaveLength(10_000);
  });
});
