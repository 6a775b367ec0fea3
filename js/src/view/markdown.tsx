/**
 * Markdown that a crew wrote, made safe to show.
 *
 * The text comes from a language model and whatever it has read, so nothing in it may run,
 * load or imitate: only the tags below survive, an image becomes a link to itself (loading it
 * would tell its server that somebody reads this), and links open elsewhere, unlinked from us.
 */
import createPurifier from "dompurify";
import { Marked } from "marked";
import { useMemo } from "preact/hooks";

const TAGS =
  "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre strong sub sup table tbody td th thead tr ul".split(
    " ",
  );

const marked = new Marked({
  gfm: true,
  breaks: true,
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
    ALLOWED_ATTR: ["href", "title", "start", "align"],
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
}

export function Markdown({ text }: { readonly text: string }) {
  const html = useMemo(() => safeHtml(text), [text]);
  return (
    // Sanitised by safeHtml, the one place that may feed this.
    <div class="chitl-markdown" dangerouslySetInnerHTML={{ __html: html }} />
  );
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
