import { describe, expect, it } from "vitest";
import { detached, showAttachments } from "../../../src/view/text/attachments";
import { imageOf } from "../../../src/view/text/images";
import { safeMarkdown } from "../../../src/view/text/markdown";
import { page } from "../page";

const number = (value: number, bytes: number) =>
  Array.from({ length: bytes }, (_, at) => (value >> (8 * (bytes - 1 - at))) & 255);
const base64 = (...bytes: readonly number[]) => btoa(String.fromCharCode(...bytes));
const letters = (text: string) => [...text].map((letter) => letter.charCodeAt(0));

/** The head of a file, which states its size. */
const png = (width: number, height: number) =>
  base64(
    0x89,
    ...letters("PNG\r\n\x1a\n"),
    ...number(13, 4),
    ...letters("IHDR"),
    ...number(width, 4),
    ...number(height, 4),
  );
const jpeg = (width: number, height: number) =>
  base64(
    0xff,
    0xd8,
    0xff,
    0xe0,
    0,
    4,
    1,
    2,
    0xff,
    0xc2,
    0,
    11,
    8,
    ...number(height, 2),
    ...number(width, 2),
  );
const gif = (width: number, height: number) =>
  base64(...letters("GIF89a"), width & 255, width >> 8, height & 255, height >> 8);

const svg = (inside: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">${inside}</svg>`;

/** Return the address of what is shown, or why nothing is. */
function shown(type: string, data: unknown): string {
  const image = imageOf({ [type]: data }, "a chart", page);
  return typeof image === "string" ? image : image.src;
}

/** Show a text with attachments as a card does. */
function show(text: string, attachments: Record<string, Record<string, unknown>> = {}) {
  const host = page.createElement("div");
  const [rest, all] = detached(text, attachments);
  host.append(safeMarkdown(rest));
  showAttachments(host, all, async () => null);
  return host;
}

describe("an attached image", () => {
  it.each([
    ["image/png", png(20, 10)],
    ["image/jpeg", jpeg(20, 10)],
    ["image/gif", gif(20, 10)],
  ])("of type %s is shown in its size, with words for who does not see it", (type, data) => {
    const image = imageOf({ [type]: data }, "a chart", page);
    expect(image).toHaveProperty("src", `data:${type};base64,${data}`);
    expect(image).toHaveProperty("alt", "a chart");
    expect([image].map((one) => typeof one !== "string" && one.getAttribute("width"))).toEqual([
      "20",
    ]);
  });

  it.each([
    ["image/png", png(100_000, 100_000)],
    ["image/jpeg", jpeg(60_000, 60_000)],
    ["image/gif", gif(60_000, 60_000)],
    ["image/png", jpeg(60_000, 60_000)], // whatever it claims to be
  ])("of type %s that would need gigabytes is left out", (type, data) => {
    expect(shown(type, data)).toMatch(/^it has \d+ × \d+ pixels$/);
  });

  it.each([
    ["image/png", btoa("<svg onload=alert(1)>")],
    ["image/png", "%%%"],
    ["image/png", 7],
    ["text/html", "<b>"],
    ["image/svg+xml", "<html/>"],
    ["image/svg+xml", "not XML"],
  ])("is left out with the reason where it is not an image: %s %j", (type, data) => {
    expect(shown(type, data)).toMatch(/^it|^its data/);
  });
});

describe("an attached drawing", () => {
  it("is shown as an image, in which nothing runs", () => {
    const drawing = svg('<defs><path id="p"/></defs><use xlink:href="#p"/><circle r="1"/>');
    expect(shown("image/svg+xml", drawing)).toBe(
      `data:image/svg+xml,${encodeURIComponent(drawing)}`,
    );
  });

  it.each([
    ["a script", svg("<script>alert(1)</script>")],
    ["HTML", svg('<foreignObject><b xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>')],
    ["an image from elsewhere", svg('<image href="https://e.org/x.png"/>')],
    ["an animation", svg('<animate attributeName="r"/>')],
    ["a style that moves", svg("<style>* { animation: a 1s infinite }</style>")],
    ["a filter", svg('<rect style="filter:blur(900px)"/>')],
    ["entities", `<!DOCTYPE svg [<!ENTITY a "aaaa">]>${svg("<text>x</text>")}`],
    [
      "copies of copies",
      svg('<g id="a"><rect/></g><g id="b"><use href="#a"/></g><use href="#b"/>'),
    ],
    ["itself", svg('<g id="a"><use href="#a"/></g>')],
    ["a copy of a copy", svg('<rect id="a"/><use id="b" href="#a"/><use href="#b"/>')],
    [
      "too many elements",
      svg(`<g id="a">${"<rect/>".repeat(3000)}</g>${'<use href="#a"/>'.repeat(10)}`),
    ],
  ])("with %s is left out", (_, drawing) => {
    expect(shown("image/svg+xml", drawing)).toMatch(/^its drawing/);
  });
});

describe("an image in a text", () => {
  it("is named by its words without the escapes of Markdown", () => {
    const host = show("![Costs \\*5\\*](attachment:i)", { i: { "image/png": png(1, 1) } });
    expect(host.querySelector("img")?.alt).toBe("Costs *5*");
  });

  it("takes the place where it is named, once, and nothing else of the text", () => {
    const host = show("see ![a chart](attachment:i) here", { i: { "image/png": png(1, 1) } });
    expect(host.querySelector("p img")?.getAttribute("alt")).toBe("a chart");
    expect(host.textContent?.trim()).toBe("see  here");
  });

  it("stands below the text if it has no place", () => {
    const host = show("words", { chart: { "image/png": png(1, 1) } });
    expect(host.lastElementChild).toHaveProperty("alt", "chart");
  });

  it("may be in the text itself, also a large one", () => {
    const data = btoa(
      String.fromCharCode(...letters(atob(png(9, 9))), ...new Array(90_000).fill(7)),
    );
    const host = show(`a ![dot](data:image/png;base64,${data}) b`);
    expect(host.querySelector("img")?.getAttribute("src")).toHaveLength(22 + data.length);
  });

  it("says why it is left out", () => {
    const host = show("a ![dot](data:image/png;base64,AAAA) b");
    expect(host.textContent?.trim()).toBe(
      "a (dot is left out: it is not PNG, JPEG, GIF or WebP.) b",
    );
  });

  it.each([
    "![x](https://e.org/x.png)",
    "![x](data:text/html;base64,PGI+)",
    '<img src="data:image/png;base64,AAAA">',
    "![x](attachment:missing)",
    "![x](attachment:__proto__)",
    "![x](javascript:alert(1))",
  ])("from elsewhere is not loaded: %s", (text) => {
    const host = show(text);
    expect(host.querySelector("img")).toBeNull();
    expect(host.textContent).not.toContain("left out");
  });
});
