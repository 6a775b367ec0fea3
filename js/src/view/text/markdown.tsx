/**
 * Shows a crew's Markdown safely.
 *
 * The text comes from a language model and whatever it has read, so nothing in it may run, load or
 * imitate the page: `safe-tree.ts` builds only harmless elements, and an image from
 * elsewhere becomes a link (loading it would tell its server that somebody reads this). It must not block the page either:
 * `formatting.ts` formats it in a worker, and a text that takes too long is shown plain.
 */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Attachments, detached, showAttachments } from "./attachments";
import { format, formattedAtOnce } from "./formatting";
import { jsonTree } from "./json-tree";
import { JSON_CHARS, PLAIN_CHARS, tamed } from "./limits";
import { markdownHtml } from "./markdown-html";
import { drawMaths } from "./maths";
import { safeTree } from "./safe-tree";
import { LongText } from "./show-more";

/** Return the Markdown as safe elements; empty if it exceeds the limits. */
export function safeMarkdown(text: string, page: Document = document): DocumentFragment {
  return safeTree(markdownHtml(text) ?? "", page);
}

interface Props {
  readonly text: string;
  /** What the text links to as `attachment:NAME`. */
  readonly attachments?: Attachments;
}

export function Markdown({ text: source, attachments: attached = NOTHING }: Props) {
  const [text, attachments] = useMemo(() => detached(source, attached), [source, attached]);
  const html = useFormatted(useMemo(() => tamed(text), [text]));
  if (typeof html === "string") return <Formatted html={html} attachments={attachments} />;
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
      {html === null && <Formatted html="" attachments={attachments} />}
    </>
  );
}

const NOTHING: Attachments = {};

const PLAIN = "This text is too long or too deeply nested to format, so it is shown as written.";

/** Return the HTML, null to show the text plain, or undefined while it is being formatted. */
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

interface FormattedProps {
  readonly html: string;
  readonly attachments: Attachments;
}

function Formatted({ html, attachments }: FormattedProps) {
  const host = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (host.current === null) return;
    const content = safeTree(html, host.current.ownerDocument);
    enhance(content);
    host.current.replaceChildren(content);
    void drawMaths(host.current);
    return showAttachments(host.current, attachments);
  }, [html, attachments]);
  return <div ref={host} class="chitl-markdown" />;
}

/** Make tables scroll, JSON fold, and lists and tables follow their text direction. */
function enhance(content: DocumentFragment): void {
  for (const table of content.querySelectorAll("table")) {
    const box = scroller(table.ownerDocument);
    table.replaceWith(box);
    box.append(table);
  }
  // CSS gives each paragraph its direction; a list or table gets that of its first letters.
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

/** Return a box that scrolls by mouse, touch and keyboard. */
function scroller(page: Document): HTMLElement {
  const box = page.createElement("div");
  box.className = "chitl-scroll";
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Table");
  return box;
}
