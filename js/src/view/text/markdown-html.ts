/**
 * Markdown as HTML, not yet safe: `safe-tree.ts` makes elements of it. Pure.
 *
 * What it costs depends on the text, and no parser of Markdown is fast for every text. So it runs
 * in a worker (`formatting.ts`), but for what is short.
 */
import { Marked } from "marked";
import { isJson } from "./json-tree";
import { isModest } from "./limits";
import { mathsExtensions } from "./maths";

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: mathsExtensions,
  renderer: {
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** Return the HTML, or null where it is too much to build or nested too deeply to be read. */
export function markdownHtml(text: string): string | null {
  try {
    const html = marked.parse(isJson(text) ? `~~~json\n${text}\n~~~` : text, { async: false });
    return isModest(html) ? html : null;
  } catch {
    return null; // nested so deeply that the parser gave up
  }
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
