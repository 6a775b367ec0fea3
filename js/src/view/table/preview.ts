/** Where a table goes in the text that names it. */
import { fillsItsBlock, marks } from "../text/marks";

/** Put a table where the text names it alone in a paragraph, or below the text. */
export function putTable(host: HTMLElement, place: HTMLElement, name: string): void {
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

/** Whether the mark is the only content of a paragraph of the text itself. */
function isAlone(mark: Element, host: HTMLElement): boolean {
  const paragraph = mark.parentElement;
  return paragraph?.localName === "p" && paragraph.parentElement === host && fillsItsBlock(mark);
}
