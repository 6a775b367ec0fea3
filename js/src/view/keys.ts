/**
 * The keyboard inside a card.
 *
 * Every control names its own keys (`aria-keyshortcuts`, so assistive technology knows them as
 * well), and a key does what a click on its control would, or goes to it when it is something
 * to write into. Letters count only while nobody types, and only in the card that has the focus
 * (WCAG 2.1.4). What a card takes, the host page does not hear.
 */

/** For `aria-keyshortcuts`: send what is written. */
export const SEND_KEYS = "Control+Enter Meta+Enter";

/** The same, as it is told to people. */
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
  // What is typed is nobody else's business, nor what a control of ours has taken.
  if (typing || control !== null) event.stopPropagation();
  if (control === null && !leaves) return;
  event.preventDefault();
  if (leaves) card.focus({ preventScroll: true });
  else if (control?.tagName !== "BUTTON") control?.focus();
  else if (!event.repeat) control.click(); // a key held down decides once
}

/** Give the keyboard back to the host page, where a card that closed still holds it. */
function leave(card: HTMLElement): void {
  const outside = card.parentElement?.closest<HTMLElement>("[tabindex]");
  if (outside == null) card.blur();
  else outside.focus({ preventScroll: true });
}

/** Return the key as `aria-keyshortcuts` writes it, or null when it is none of ours. */
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
