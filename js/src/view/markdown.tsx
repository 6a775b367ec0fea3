/**
 * Markdown that a crew wrote, made safe to show, and then readable.
 *
 * The text comes from a language model and whatever it has read, so nothing in it may run,
 * load or imitate: only the tags below survive, an image becomes a link to itself (loading it
 * would tell its server that somebody reads this), and links open elsewhere, unlinked from us.
 * What is made of it afterwards (`dress`) only moves what is safe already.
 */
import createPurifier from "dompurify";
import { Marked } from "marked";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { isJson, jsonTree } from "./json-tree";
import { drawMaths, MATHS, mathsExtensions } from "./maths";

const TAGS =
  "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre strong sub sup table tbody td th thead tr ul".split(
    " ",
  );

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: mathsExtensions,
  renderer: {
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

let purifier: ReturnType<typeof createPurifier> | undefined;

/** Return the Markdown as HTML that is safe to insert. */
export function safeHtml(markdown: string): string {
  purifier ??= newPurifier();
  return purifier.sanitize(marked.parse(markdown, { async: false }), {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["href", "title", "start", "align", MATHS],
    ADD_URI_SAFE_ATTR: ["start", "align", MATHS],
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
}

/** Return a formula's MathML with nothing in it that links, names or comes from elsewhere. */
export function safeMaths(mathml: string): string {
  purifier ??= newPurifier();
  return purifier.sanitize(mathml, {
    USE_PROFILES: { mathMl: true },
    FORBID_ATTR: ["href", "xlink:href", "id"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
}

export function Markdown({ text }: { readonly text: string }) {
  const html = useMemo(() => safeHtml(isJson(text) ? `~~~json\n${text}\n~~~` : text), [text]);
  const host = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (host.current !== null) dress(host.current);
  }, [html]);
  return (
    // Sanitised by safeHtml, the one place that may feed this.
    <div ref={host} class="chitl-markdown" dangerouslySetInnerHTML={{ __html: html }} />
  );
}

/** Make what is safe readable: tables that scroll, JSON that folds, formulas that are drawn. */
function dress(host: HTMLElement): void {
  for (const table of host.querySelectorAll("table")) table.replaceWith(scroller(table));
  for (const block of host.querySelectorAll("pre")) {
    const tree = jsonTree(block.textContent ?? "");
    if (tree !== null) block.replaceWith(tree);
  }
  void drawMaths(host, safeMaths);
}

/** Return the table in a box that scrolls by mouse, finger and keyboard. */
function scroller(table: HTMLElement): HTMLElement {
  const box = table.ownerDocument.createElement("div");
  box.className = "chitl-scroll";
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Table");
  table.before(box);
  box.append(table.cloneNode(true));
  return box;
}

function newPurifier() {
  const own = createPurifier(window); // an own one: hooks on the shared instance would leak
  own.addHook("afterSanitizeAttributes", (node) => {
    if (node.tagName !== "A") return;
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  });
  return own;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
