/**
 * Shows a question's attachments at their places in its text.
 *
 * The text names an attachment by a link or an image of `attachment:NAME` (`safe-tree.ts` makes a
 * mark of it). An image takes the mark's place. A table in Markdown directly before a mark that
 * stands alone is a preview for readers that show no attachments, so a table replaces both. A file
 * takes the place of a mark that stands alone. What has no place in the text is shown below it.
 */
import type { HumanInputRequired } from "../../protocol/gen";
import { importBuilt } from "./built-file";
import { FILE, FILES_SCRIPT, NO_FILES } from "./files";
import { hasImage, imageOf } from "./images";
import { marks } from "./marks";

export type Attachments = HumanInputRequired["attachments"];

/** What `src/entries/table.tsx` and `src/entries/files.tsx` offer. */
export interface AttachmentScript {
  /** Put an attachment into the text that names it; the result takes it away. */
  attach(host: HTMLElement, name: string, data: unknown): () => void;
}

/** The media types that a script of their own draws. */
const SCRIPTS = [
  ["application/vnd.dataresource+json", "table.js"],
  [FILE, FILES_SCRIPT],
] as const;

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
  load = (file: string) => importBuilt<AttachmentScript>(file),
): () => void {
  const cleanups: (() => void)[] = [];
  const shown = Object.entries(attachments).slice(0, MOST);
  for (const [name, bundle] of shown) if (hasImage(bundle)) putImage(host, name, bundle);
  let left = false;
  for (const [type, file] of SCRIPTS) {
    const all = shown.filter(([, bundle]) => Object.hasOwn(bundle, type));
    if (all.length === 0) continue;
    void load(file).then((script) => {
      if (left) return;
      if (script === null && type === FILE) host.append(noteOf(host.ownerDocument, NO_FILES));
      for (const [name, bundle] of all) {
        const remove = script?.attach(host, name, bundle[type]);
        if (remove !== undefined) cleanups.push(remove);
      }
    });
  }
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
    image = noteOf(page, `(${alt} is left out: ${image}.)`);
  }
  if (mark === undefined) host.append(image);
  else mark.replaceWith(image);
}

function noteOf(page: Document, words: string): HTMLElement {
  const note = page.createElement("span");
  note.className = "chitl-note";
  note.textContent = words;
  return note;
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
