/**
 * Shows a question's attachments at their places in its text.
 *
 * The text links to an attachment as `attachment:NAME` (`safe-tree.ts` makes a mark of the link). A
 * table in Markdown directly before a link that stands alone is a preview for readers that show no
 * attachments, so the attachment replaces both. What has no place in the text is shown below it.
 */
import type { HumanInputRequired } from "../../protocol/gen";
import { importBuilt } from "./built-file";

export type Attachments = HumanInputRequired["attachments"];

/** What `src/entries/table.tsx` offers. */
interface TableScript {
  drawn(host: HTMLElement, resource: unknown): (() => void) | null;
}

const TABLE = "application/vnd.dataresource+json";
const TABLE_FILE = "table.js";

/** Attachments of one question that are shown. */
const MOST = 50;

/** Show the attachments in an element that holds the text; the result takes them away. */
export function showAttachments(
  host: HTMLElement,
  attachments: Attachments,
  load: () => Promise<TableScript | null> = () => importBuilt(TABLE_FILE),
): () => void {
  const cleanups: (() => void)[] = [];
  let left = false;
  const show = async () => {
    const tables = Object.entries(attachments)
      .filter(([, bundle]) => Object.hasOwn(bundle, TABLE))
      .slice(0, MOST);
    if (tables.length === 0) return;
    const script = await load();
    if (script === null || left) return;
    for (const [name, bundle] of tables) {
      const place = host.ownerDocument.createElement("div");
      const remove = script.drawn(place, bundle[TABLE]);
      if (remove === null) continue;
      cleanups.push(remove);
      put(host, place, name);
    }
  };
  void show();
  return () => {
    left = true;
    for (const remove of cleanups) remove();
  };
}

/** Put an attachment where the text names it, or below the text. */
function put(host: HTMLElement, place: HTMLElement, name: string): void {
  const mark = [...host.querySelectorAll("[data-attachment]")].find(
    (one) => one.getAttribute("data-attachment") === name && isAlone(one, host),
  );
  const paragraph = mark?.parentElement;
  if (paragraph == null) {
    host.append(place);
    return;
  }
  const before = paragraph.previousElementSibling;
  if (before?.classList.contains("chitl-scroll")) before.remove();
  paragraph.replaceWith(place);
}

/** Whether the mark is the only content of a paragraph of the text itself. */
function isAlone(mark: Element, host: HTMLElement): boolean {
  const paragraph = mark.parentElement;
  return (
    paragraph?.localName === "p" &&
    paragraph.parentElement === host &&
    paragraph.textContent?.trim() === mark.textContent?.trim()
  );
}
