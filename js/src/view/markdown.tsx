/**
 * Markdown that a crew wrote, made safe to show and readable.
 *
 * The text comes from a language model and whatever it has read, so nothing in it may run,
 * load or imitate: `safe-tree.ts` builds only what is harmless, and an image becomes a link to
 * itself (loading it would tell its server that somebody reads this). What is made of it here
 * only moves what is safe already.
 */
import { Marked } from "marked";
import { useLayoutEffect, useRef } from "preact/hooks";
import { isJson, jsonTree } from "./json-tree";
import { drawMaths, mathsExtensions } from "./maths";
import { safeTree } from "./safe-tree";

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: mathsExtensions,
  renderer: {
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** Return the Markdown as elements that are safe to show. */
export function safeMarkdown(text: string, page: Document = document): DocumentFragment {
  const markdown = isJson(text) ? `~~~json\n${text}\n~~~` : text;
  return safeTree(marked.parse(markdown, { async: false }), page);
}

export function Markdown({ text }: { readonly text: string }) {
  const host = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (host.current === null) return;
    const content = safeMarkdown(text, host.current.ownerDocument);
    dress(content);
    host.current.replaceChildren(content);
    void drawMaths(host.current);
  }, [text]);
  return <div ref={host} class="chitl-markdown" />;
}

/** Make what is safe readable: tables that scroll, JSON that folds, lists that run their way. */
function dress(content: DocumentFragment): void {
  for (const table of content.querySelectorAll("table")) {
    const box = scroller(table.ownerDocument);
    table.replaceWith(box);
    box.append(table);
  }
  // A paragraph runs as its own letters say (markdown.css); a list and a table as their first do.
  for (const block of content.querySelectorAll("blockquote, ol, table, ul")) {
    block.setAttribute("dir", "auto");
  }
  for (const block of content.querySelectorAll("pre")) {
    const tree = jsonTree(block.textContent ?? "", block.ownerDocument);
    if (tree !== null) block.replaceWith(tree);
  }
}

/** Return a box that scrolls by mouse, finger and keyboard. */
function scroller(page: Document): HTMLElement {
  const box = page.createElement("div");
  box.className = "chitl-scroll";
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Table");
  return box;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
