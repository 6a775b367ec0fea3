/** Where the focus of an answer form goes when its state changes. */
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Answer } from "../../client/answers";
import type { Sending, Trouble } from "./sending";

/** After Undo, move the focus back to the button that gave the answer. */
export function useFocusOnUndo(
  form: RefObject<HTMLFormElement | null>,
  { held, busy }: Sending,
): void {
  const was = useRef(held);
  useLayoutEffect(() => {
    const undone = held === null && !busy ? was.current : null;
    if (undone !== null) buttonOf(undone.answer, form.current)?.focus();
    was.current = held;
  }, [form, held, busy]);
}

function buttonOf({ decision, options, rule }: Answer, form: HTMLFormElement | null) {
  if (rule !== undefined) {
    return form?.querySelector<HTMLElement>("[data-testid=hitl-rule-menu] summary");
  }
  const buttons = [...(form?.querySelectorAll<HTMLElement>("button") ?? [])];
  return buttons.find(({ dataset }) =>
    decision === "respond"
      ? dataset.testid === "hitl-outcome" && dataset.option === options?.[0]
      : dataset.testid === (decision === "edit" ? "hitl-send" : "hitl-accept"),
  );
}

/** Move the focus to the first wrong field, or to the text, unless it has left the card. */
export function useFocusOnTrouble(
  form: RefObject<HTMLFormElement | null>,
  trouble: Trouble | null,
): void {
  const seen = useRef<Trouble | null>(null);
  useLayoutEffect(() => {
    const isNew = trouble !== null && seen.current === null;
    seen.current = trouble;
    const card = form.current?.closest("article");
    const active = card?.ownerDocument.activeElement;
    if (!isNew || !(card?.contains(active ?? null) || active === card?.ownerDocument.body)) return;
    const wrong = form.current?.querySelector<HTMLElement>("[aria-invalid=true]");
    (wrong ?? form.current?.querySelector<HTMLElement>(".chitl-text"))?.focus();
  }, [form, trouble]);
}

/** Move the focus to the first field when a person opens the form to edit, but not on reload. */
export function useFocusOnForm(form: RefObject<HTMLFormElement | null>, open: boolean): void {
  const was = useRef(open);
  useLayoutEffect(() => {
    if (open && !was.current) {
      form.current?.querySelector<HTMLElement>(".chitl-fields [aria-keyshortcuts]")?.focus();
    }
    was.current = open;
  }, [form, open]);
}
