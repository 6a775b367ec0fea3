/** The state of a field with parts: what is entered here, and its JSON, which the card keeps. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";

export interface Kept<T> {
  readonly state: T;
  readonly change: (next: (before: T) => T, path?: string | undefined) => void;
}

/**
 * Keep a state whose text the card keeps; begin again if the card has another text.
 *
 * A browser may fill several inputs in one turn, so a change is applied to the latest state.
 */
export function useKept<T>(
  text: string,
  read: (text: string) => T,
  write: (state: T) => string,
  onText: (text: string, path?: string) => void,
): Kept<T> {
  const [state, setState] = useState(() => read(text));
  const latest = useRef(state);
  const written = useRef(text);
  const received = useRef(text);
  useLayoutEffect(() => {
    if (received.current === text) return; // the card has not yet drawn what was written here
    received.current = text;
    if (written.current === text) return;
    written.current = text;
    latest.current = read(text);
    setState(latest.current);
  });
  return {
    state,
    change: (next, path) => {
      latest.current = next(latest.current);
      written.current = write(latest.current);
      setState(latest.current);
      onText(written.current, path);
    },
  };
}
