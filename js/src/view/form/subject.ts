/** What the buttons of a card are about: a part of their accessible names. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";

export const Subject = createContext("");

/** Return the accessible name of a button: its words first, as people say them to their computer. */
export function useNameOf(words: string): string {
  const subject = useContext(Subject);
  return subject === "" ? words : `${words}: ${subject}`;
}
