/**
 * Entry of the script that draws data frames.
 *
 * `view/text/attachments.ts` fetches it from the server's static path when a question has one. It
 * has its own Preact and brings its own style sheet, so a card without a table carries neither.
 */
import { render } from "preact";
import { putTable } from "../view/table/preview";
import { tableOf } from "../view/table/resource";
import { DataTable } from "../view/table/table";
import css from "../view/table/table.css";
import "../view/text/tame-text";

/** Put a table into the text that names it; the preview stays if the data is not a table. */
export function attach(host: HTMLElement, name: string, resource: unknown): () => void {
  const table = tableOf(resource);
  if (table === null) return () => undefined;
  ensureStyles(host.ownerDocument);
  const place = host.ownerDocument.createElement("div");
  render(<DataTable table={table} />, place);
  putTable(host, place, name);
  return () => render(null, place);
}

let sheet: CSSStyleSheet | null = null;

/** Add the style sheet once; a constructed one is allowed where the page's policy forbids elements. */
function ensureStyles(page: Document): void {
  if (sheet !== null) return;
  sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  page.adoptedStyleSheets = [...page.adoptedStyleSheets, sheet];
}
