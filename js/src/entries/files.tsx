/**
 * Entry of the script that sends and shows files.
 *
 * A form with a field for files fetches it from the server's static path
 * (`view/form/parts-on-demand.tsx`), and so does a card that shows a file. It has its own Preact and
 * brings its own style sheet, so that other cards carry neither.
 */
import { render } from "preact";
import { FileField } from "../view/files/field";
import css from "../view/files/files.css";
import { placeOf } from "../view/files/place";
import { ShownFiles } from "../view/files/shown";
import type { FieldProps } from "../view/form/controls";
import { NO_FILES } from "../view/text/files";
import { fillsItsBlock, marks } from "../view/text/marks";
import "../view/text/tame-text";

/** Draw a field into an element, or draw it again with other properties. */
export function draw(host: HTMLElement, props: FieldProps): void {
  ensureStyles(host.ownerDocument);
  const place = placeOf(host);
  const shown = place === null ? <NoFiles /> : <FileField {...props} place={place} />;
  render(shown, host);
}

/** Draw the files in a value, with the value's text if it is more than files. */
export function show(host: HTMLElement, value: unknown, text: string): void {
  ensureStyles(host.ownerDocument);
  render(<ShownFiles value={value} text={text} place={placeOf(host)} />, host);
}

/** Put a file into the text that names it: in the place of the words that stand alone for it. */
export function attach(host: HTMLElement, name: string, reference: unknown): () => void {
  const row = host.ownerDocument.createElement("div");
  const mark = marks(host, name).find(fillsItsBlock);
  if (mark === undefined) host.append(row);
  else mark.replaceWith(row);
  show(row, reference, name);
  return () => remove(row);
}

/** Take away what was drawn. */
export function remove(host: HTMLElement): void {
  render(null, host);
}

function NoFiles() {
  return <p class="chitl-note">{NO_FILES}</p>;
}

let sheet: CSSStyleSheet | null = null;

/** Add the style sheet once; a constructed one is allowed where the page's policy forbids elements. */
function ensureStyles(page: Document): void {
  if (sheet !== null) return;
  sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  page.adoptedStyleSheets = [...page.adoptedStyleSheets, sheet];
}
