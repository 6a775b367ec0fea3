/**
 * Keyboard shortcuts inside a card.
 *
 * Every control names its own keys (`aria-keyshortcuts`, so assistive technology knows them as
 * well). A key clicks its control, or moves the focus to it when it is an input. Single letters work
 * only in the card that has the focus, and not while somebody types (WCAG 2.1.4). A key that a card
 * handles does not reach the host page.
 */

/** The keys that send, for `aria-keyshortcuts`. */
export const SEND_KEYS = "Control+Enter Meta+Enter";

/** The same keys, as shown to people. */
export const SEND_WORDS = /Mac|iP/.test(globalThis.navigator?.platform ?? "")
  ? "⌘Enter"
  : "Ctrl+Enter";

export function onCardKey(event: KeyboardEvent, card: HTMLElement): void {
  const typing = isTyping(event.target);
  const key = keyOf(event, typing);
  const control = key === null ? null : controlOf(card, key);
  const leaves = key === "Escape" && control === null && typing;
  const closed = card.dataset.status !== "pending" && card.dataset.status !== "sending";
  if (key === "Escape" && closed) leave(card);
  // The host page must not see what is typed, or keys that a control has handled.
  if (typing || control !== null) event.stopPropagation();
  if (control === null && !leaves) return;
  event.preventDefault();
  if (leaves) card.focus({ preventScroll: true });
  else if (control?.tagName !== "BUTTON") control?.focus();
  else if (!event.repeat) control.click(); // a key held down decides once
}

/** Give the focus back to the host page from a closed card. */
function leave(card: HTMLElement): void {
  const outside = card.parentElement?.closest<HTMLElement>("[tabindex]");
  if (outside == null) card.blur();
  else outside.focus({ preventScroll: true });
}

/** Return the key in the notation of `aria-keyshortcuts`, or null for other keys. */
function keyOf(event: KeyboardEvent, typing: boolean): string | null {
  if (event.isComposing || event.altKey) return null;
  const chord = event.ctrlKey || event.metaKey;
  if (event.key === "Enter") return chord ? "Control+Enter" : null;
  if (chord) return null;
  if (event.key === "Escape") return "Escape";
  return typing || !/^[a-z]$/.test(event.key) ? null : event.key;
}

function controlOf(card: HTMLElement, key: string): HTMLElement | null {
  return card.querySelector<HTMLElement>(`[aria-keyshortcuts~="${key}"]`);
}

function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return element?.matches?.("textarea, select, input:not([type=radio], [type=checkbox])") === true;
}
