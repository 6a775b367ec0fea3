/**
 * Shows a question's attachments at their places in its text.
 *
 * The text names an attachment by a link or an image of `attachment:NAME` (`safe-tree.ts` makes a
 * mark of it). An image takes the mark's place. A table in Markdown directly before a mark that
 * stands alone is a preview for readers that show no attachments, so a table replaces both. What has
 * no place in the text is shown below it.
 */
import type { HumanInputRequired } from "../../protocol/gen";
import { importBuilt } from "./built-file";
import { hasImage, imageOf } from "./images";

export type Attachments = HumanInputRequired["attachments"];

/** What `src/entries/table.tsx` offers. */
interface TableScript {
  drawn(host: HTMLElement, resource: unknown): (() => void) | null;
}

const TABLE = "application/vnd.dataresource+json";
const TABLE_FILE = "table.js";

/** Attachments of one question that are shown. */
const MOST = 50;

/** An image that a text has in itself. The form is that of RFC 2397, with base64. */
const DATA_URI =
  /!\[([^[\]\n]{0,1000})\]\(\s*<?data:(image\/[a-z+.-]{1,20});base64,([A-Za-z0-9+/=]+)>?\s*\)/g;

/** Return the text with its images as attachments: a parser would take long to read past them. */
export function detached(text: string, attachments: Attachments): [string, Attachments] {
  const own: Record<string, Record<string, unknown>> = {};
  const rest = text.replace(DATA_URI, (_, alt: string, type: string, data: string) => {
    const name = `data-${Object.keys(own).length + 1}`;
    own[name] = { [type]: type === "image/svg+xml" ? decoded(data) : data };
    return `![${alt}](attachment:${name})`;
  });
  return rest === text ? [text, attachments] : [rest, { ...attachments, ...own }];
}

/** Show the attachments in an element that holds the text; the result takes them away. */
export function showAttachments(
  host: HTMLElement,
  attachments: Attachments,
  load: () => Promise<TableScript | null> = () => importBuilt(TABLE_FILE),
): () => void {
  const cleanups: (() => void)[] = [];
  const shown = Object.entries(attachments).slice(0, MOST);
  for (const [name, bundle] of shown) if (hasImage(bundle)) putImage(host, name, bundle);
  const tables = shown.filter(([, bundle]) => Object.hasOwn(bundle, TABLE));
  let left = false;
  const showTables = async () => {
    const script = await load();
    if (script === null || left) return;
    for (const [name, bundle] of tables) {
      const place = host.ownerDocument.createElement("div");
      const remove = script.drawn(place, bundle[TABLE]);
      if (remove === null) continue;
      cleanups.push(remove);
      putTable(host, place, name);
    }
  };
  if (tables.length > 0) void showTables();
  return () => {
    left = true;
    for (const remove of cleanups) remove();
  };
}

/** Put an image where the text first names it, or below the text. */
function putImage(host: HTMLElement, name: string, bundle: unknown): void {
  const mark = marks(host, name)[0];
  const page = host.ownerDocument;
  const alt = mark?.textContent?.trim() || name;
  let image: HTMLElement | string = imageOf(bundle, alt, page);
  if (typeof image === "string") {
    const words = `(${alt} is left out: ${image}.)`;
    image = page.createElement("span");
    image.className = "chitl-note";
    image.textContent = words;
  }
  if (mark === undefined) host.append(image);
  else mark.replaceWith(image);
}

/** Put a table where the text names it alone in a paragraph, or below the text. */
function putTable(host: HTMLElement, place: HTMLElement, name: string): void {
  const paragraph = marks(host, name).find((one) => isAlone(one, host))?.parentElement;
  if (paragraph == null) {
    host.append(place);
    return;
  }
  const before = paragraph.previousElementSibling;
  const isPreview =
    before?.classList.contains("chitl-scroll") && before.querySelector("img") === null;
  if (isPreview) before?.remove(); // a picture that was put into it must stay
  paragraph.replaceWith(place);
}

function marks(host: HTMLElement, name: string): readonly Element[] {
  return [...host.querySelectorAll("[data-attachment]")].filter(
    (one) => one.getAttribute("data-attachment") === name,
  );
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

function decoded(base64: string): string {
  try {
    return new TextDecoder().decode(
      Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)),
    );
  } catch {
    return ""; // not SVG, and shown as such
  }
}
