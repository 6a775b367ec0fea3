/** The places that a text names for its attachments (`safe-tree.ts` makes the marks). */

export function marks(host: HTMLElement, name: string): readonly Element[] {
  return [...host.querySelectorAll("[data-attachment]")].filter(
    (one) => one.getAttribute("data-attachment") === name,
  );
}

/** Whether a mark is the only content of its paragraph, list item or the like. */
export function fillsItsBlock({ parentElement, textContent }: Element): boolean {
  return parentElement?.textContent?.trim() === textContent?.trim();
}
