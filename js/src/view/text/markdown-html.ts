/**
 * Converts Markdown to HTML that is not yet safe; `safe-tree.ts` builds elements from it. Pure.
 *
 * No Markdown parser is fast for every text, so this runs in a worker (`formatting.ts`), except for
 * short texts.
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
    image({ href, text, tokens }) {
      const words =
        tokens === undefined ? text : this.parser.parseInline(tokens, this.parser.textRenderer);
      return `<a href="${escaped(href)}">${escaped(words || href)}</a>`;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** Return the HTML, or null if it is too large to build or too deeply nested. */
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
