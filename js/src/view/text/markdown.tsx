/**
 * Markdown that a crew wrote, made safe to show and readable.
 *
 * The text comes from a language model and whatever it has read, so nothing in it may run,
 * load or imitate: `safe-tree.ts` builds only what is harmless, and an image becomes a link to
 * itself (loading it would tell its server that somebody reads this). Nor may it hold up the
 * page: `formatting.ts` formats it elsewhere, and what costs too much is shown plain.
 */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { format, formattedAtOnce } from "./formatting";
import { jsonTree } from "./json-tree";
import { JSON_CHARS, PLAIN_CHARS, tamed } from "./limits";
import { markdownHtml } from "./markdown-html";
import { drawMaths } from "./maths";
import { safeTree } from "./safe-tree";
import { LongText } from "./show-more";

/** Return the Markdown as elements that are safe to show; none where it costs too much. */
export function safeMarkdown(text: string, page: Document = document): DocumentFragment {
  return safeTree(markdownHtml(text) ?? "", page);
}

export function Markdown({ text }: { readonly text: string }) {
  const html = useFormatted(useMemo(() => tamed(text), [text]));
  if (typeof html === "string") return <Formatted html={html} />;
  return (
    <>
      {html === null && (
        <p class="chitl-note" data-testid="hitl-plain">
          {PLAIN}
        </p>
      )}
      <div class="chitl-plain" dir="auto">
        <LongText text={text} most={PLAIN_CHARS} />
      </div>
    </>
  );
}

const PLAIN = "This text is too long or too deeply nested to format, so it is shown as written.";

/** Return the HTML, null when there is none, and undefined until it is known. */
function useFormatted(text: string): string | null | undefined {
  const [late, setLate] = useState<{ text: string; html: string | null } | null>(null);
  const atOnce = useMemo(() => formattedAtOnce(text), [text]);
  useLayoutEffect(() => {
    if (atOnce !== undefined) return;
    const left = new AbortController();
    void format(text, left.signal).then((html) => {
      if (!left.signal.aborted) setLate({ text, html });
    });
    return () => left.abort();
  }, [text, atOnce]);
  if (atOnce !== undefined) return atOnce;
  return late?.text === text ? late.html : undefined;
}

function Formatted({ html }: { readonly html: string }) {
  const host = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (host.current === null) return;
    const content = safeTree(html, host.current.ownerDocument);
    dress(content);
    host.current.replaceChildren(content);
    void drawMaths(host.current);
  }, [html]);
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
  let left = JSON_CHARS;
  for (const block of content.querySelectorAll("pre")) {
    const source = block.textContent ?? "";
    const tree = source.length > left ? null : jsonTree(source, block.ownerDocument);
    if (tree === null) continue;
    left -= source.length;
    block.replaceWith(tree);
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
