/** What a person has typed and not sent yet: it outlives a reload of the page. */
import { useCallback, useState } from "preact/hooks";

const key = (requestId: string) => `crewai-hitl/draft/${requestId}`;

export function useDraft(requestId: string): readonly [string, (text: string) => void] {
  const [text, setText] = useState(() => read(requestId));
  const change = useCallback(
    (next: string) => {
      setText(next);
      write(requestId, next);
    },
    [requestId],
  );
  return [text, change];
}

function read(requestId: string): string {
  try {
    return sessionStorage.getItem(key(requestId)) ?? "";
  } catch {
    return ""; // storage is forbidden in some frames; a draft then lives as long as its card
  }
}

function write(requestId: string, text: string): void {
  try {
    if (text === "") sessionStorage.removeItem(key(requestId));
    else sessionStorage.setItem(key(requestId), text);
  } catch {
    // Full or forbidden: the text is still on screen.
  }
}
