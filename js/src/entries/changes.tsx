/**
 * Entry of the script that shows the differences between two texts.
 *
 * The card's script is one file, so it fetches this one from the server's static path
 * (`view/text/fetched-changes.tsx`); the other pages split their own scripts. It has its own Preact.
 */
import { type ComponentProps, render } from "preact";
import { Changes, FoldedChanges } from "../view/text/changes";
import "../view/text/tame-text";

/** Draw a difference into an element, under a summary if there is one. */
export function draw(
  host: HTMLElement,
  { summary, ...texts }: ComponentProps<typeof Changes> & { readonly summary?: string },
): void {
  const folded = summary !== undefined;
  render(folded ? <FoldedChanges {...texts} summary={summary} /> : <Changes {...texts} />, host);
}

/** Take a difference away. */
export function remove(host: HTMLElement): void {
  render(null, host);
}
