/**
 * What a person has entered but not sent; it survives a reload and closing the tab.
 *
 * `client/drafts.ts` keeps it until the request is closed. Stored drafts are validated, because
 * another version of this module may have written them.
 */
import { useEffect, useState } from "preact/hooks";
import { endDraft, keepDraft, readDraft } from "../../client/drafts";
import { isObject } from "../../protocol/decode";
import type { Input, Inputs } from "./fields";

export interface Draft {
  readonly text: string;
  readonly chosen: readonly string[];
  /** The form's inputs that were changed. */
  readonly inputs: Inputs;
  /** The text under review as edited; null before the first change. */
  readonly edited: string | null;
  /** Whether the editor, or the form to edit, is open. */
  readonly editing: boolean;
}

export const BLANK: Draft = { text: "", chosen: [], inputs: {}, edited: null, editing: false };

export interface Drafting {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  /** Keep the value of one input; a browser may autofill several at once. */
  readonly fill: (name: string, input: Input) => void;
  readonly clear: () => void;
}

/** Keep a request's draft, until the request is closed; then it stays only on the card. */
export function useDraft(server: string, requestId: string, closed: boolean): Drafting {
  const [draft, setDraft] = useState(() => decodeDraft(readDraft(server, requestId)));
  useEffect(() => {
    if (closed) endDraft(server, requestId);
  }, [closed]);
  const update = (part: (before: Draft) => Partial<Draft>) =>
    setDraft((before) => {
      const after = { ...before, ...part(before) };
      keepDraft(server, requestId, isBlank(after) ? null : after);
      return after;
    });
  return {
    draft,
    change: (part) => update(() => part),
    fill: (name, input) => update(({ inputs }) => ({ inputs: { ...inputs, [name]: input } })),
    clear: () => update(() => BLANK),
  };
}

function isBlank(draft: Draft): boolean {
  return JSON.stringify(draft) === JSON.stringify(BLANK);
}

function decodeDraft(raw: unknown): Draft {
  if (!isObject(raw)) return BLANK;
  return {
    text: typeof raw.text === "string" ? raw.text : "",
    chosen: isTexts(raw.chosen) ? raw.chosen : [],
    inputs: isObject(raw.inputs)
      ? Object.fromEntries(Object.entries(raw.inputs).filter(isInput))
      : {},
    edited: typeof raw.edited === "string" ? raw.edited : null,
    editing: raw.editing === true,
  };
}

function isInput(entry: [string, unknown]): entry is [string, Input] {
  const [, value] = entry;
  return typeof value === "string" || typeof value === "boolean" || isTexts(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
