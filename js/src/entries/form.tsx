/**
 * Entry of the script that draws the fields of a form that have parts or rows.
 *
 * `view/form/parts-on-demand.tsx` fetches it from the server's static path when a form has one. It
 * has its own Preact and brings its own style sheet, so that other cards carry neither.
 */
import { render } from "preact";
import type { FieldProps } from "../view/form/controls";
import { Parts } from "../view/form/parts/parts";
import css from "../view/form/parts/parts.css";
import "../view/text/tame-text";

/** Draw a field into an element, or draw it again with other properties. */
export function draw(host: HTMLElement, props: FieldProps): void {
  ensureStyles(host.ownerDocument);
  render(<Parts {...props} />, host);
}

/** Take a field away. */
export function remove(host: HTMLElement): void {
  render(null, host);
}

let sheet: CSSStyleSheet | null = null;

/** Add the style sheet once; a constructed one is allowed where the page's policy forbids elements. */
function ensureStyles(page: Document): void {
  if (sheet !== null) return;
  sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  page.adoptedStyleSheets = [...page.adoptedStyleSheets, sheet];
}
