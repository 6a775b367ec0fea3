/**
 * Keyboard shortcuts of a list: moving between cards, searching, switching views.
 *
 * The card with the focus handles the keys that decide (`a`, `r`, `e`, `x`, Ctrl+Enter). On the inbox
 * page the shortcuts work everywhere; in JupyterLab only inside the panel, because other letters
 * belong to the notebook. They do not work while somebody types.
 */
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

export type Action = "next" | "previous" | "search" | "pending" | "history" | "shortcuts";

export const KEYS: Readonly<Record<string, Action>> = {
  j: "next",
  k: "previous",
  "/": "search",
  g: "pending",
  h: "history",
  "?": "shortcuts",
};

/** The shortcuts as the dialog shows them, including those of a card. */
export const KEY_WORDS: readonly (readonly [string, string])[] = [
  ["j", "next card"],
  ["k", "previous card"],
  ["/", "search"],
  ["g", "pending"],
  ["h", "history"],
  ["a", "accept"],
  ["r", "respond"],
  ["e", "edit"],
  ["x", "reject"],
  ["Ctrl Enter", "send"],
  ["Esc", "leave the field"],
  ["?", "shortcuts"],
];

export function useShortcuts(
  root: RefObject<HTMLElement | null>,
  wholePage: boolean,
  act: (action: Action) => void,
): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const element = root.current;
    const target = wholePage ? (element?.ownerDocument ?? null) : element;
    if (target === null) return;
    const listen = (event: Event) => {
      const action = actionOf(event as KeyboardEvent);
      if (action === null) return;
      event.preventDefault();
      event.stopPropagation();
      latest.current(action);
    };
    target.addEventListener("keydown", listen);
    return () => target.removeEventListener("keydown", listen);
  }, [root, wholePage]);
}

/** Return the action of a key press, or null when it is text or not a shortcut. */
export function actionOf(event: KeyboardEvent): Action | null {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target as Element | null;
  if (
    target?.closest(
      "input:not([type=checkbox], [type=radio]), textarea, select, dialog, [contenteditable]",
    )
  ) {
    return null;
  }
  return KEYS[event.key] ?? null;
}

/** Move the focus to the next or previous card; in a list of rows, open it. */
export function moveFocus(root: HTMLElement, by: 1 | -1): void {
  const rows = [...root.querySelectorAll<HTMLElement>("[data-row]")];
  if (rows.length > 0) {
    openRow(root, rows, by);
    return;
  }
  const cards = [...root.querySelectorAll<HTMLElement>("[data-stop]")];
  const active = root.ownerDocument.activeElement;
  const at = cards.findIndex((card) => card.contains(active));
  const next = at === -1 ? (by === 1 ? 0 : cards.length - 1) : at + by;
  const stop = cards[Math.max(0, Math.min(cards.length - 1, next))];
  const target = stop?.querySelector<HTMLElement>("[data-testid=hitl-card], summary") ?? stop;
  target?.focus();
  target?.scrollIntoView?.({ block: "nearest" });
}

/** The first key goes to the card that is open already. */
function openRow(root: HTMLElement, rows: readonly HTMLElement[], by: 1 | -1): void {
  const active = root.ownerDocument.activeElement;
  const inside = active?.closest("[data-row], [data-testid=hitl-card]") != null;
  const at = rows.findIndex((row) => row.ariaCurrent === "true");
  rows[Math.max(0, Math.min(rows.length - 1, inside ? at + by : at))]?.click();
}
