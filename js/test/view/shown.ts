/** A view as a person sees and uses it. */

/** The event as a kernel displays it: not stored yet. */
export function snapshot(id: string, fields: object = {}) {
  const timestamp = new Date().toISOString();
  const event = { event_id: id, request_id: id, prompt: "Good?", timestamp, ...fields };
  return { request_id: id, event: { type: "human_input_required", ...event } };
}

/** What a person sees and does. */
export class Shown {
  constructor(readonly element: HTMLElement) {}

  find(hook: string): HTMLElement | null {
    return this.element.querySelector<HTMLElement>(`[data-testid=${hook}]`);
  }

  get status(): string | undefined {
    return this.find("hitl-card")?.dataset.status;
  }

  text(hook: string): string {
    return this.find(hook)?.textContent ?? "";
  }

  enabled(hook: string): boolean {
    return this.find(hook)?.hasAttribute("disabled") === false;
  }

  click(hook: string): void {
    this.find(hook)?.click();
  }

  /** The text in a field, wherever in it the input is. */
  value(hook: string): string {
    return this.input(hook)?.value ?? "";
  }

  type(text: string, hook = "hitl-feedback"): void {
    const input = this.input(hook);
    if (input === null) throw new Error(`there is no ${hook}`);
    input.value = text;
    input.dispatchEvent(new window.Event("input", { bubbles: true }));
  }

  press(key: string, modifiers: KeyboardEventInit = {}, hook = "hitl-feedback"): KeyboardEvent {
    const init = { key, bubbles: true, cancelable: true, ...modifiers };
    const event = new window.KeyboardEvent("keydown", init);
    this.find(hook)?.dispatchEvent(event);
    return event;
  }

  private input(hook: string): HTMLInputElement | HTMLTextAreaElement | null {
    const found = this.find(hook);
    if (found?.matches("input, textarea")) return found as HTMLInputElement;
    return found?.querySelector<HTMLInputElement>("input, textarea, select") ?? null;
  }
}
