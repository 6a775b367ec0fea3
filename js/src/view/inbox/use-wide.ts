/** Whether a list and an open card fit beside each other: from 900 px on. */
import { useEffect, useState } from "preact/hooks";

const WIDE = "(min-width: 900px)";

/** Return whether the page is wide; a panel beside a notebook never is. */
export function useWide(ownsPage: boolean): boolean {
  const query = ownsPage ? globalThis.matchMedia?.(WIDE) : undefined;
  const [wide, setWide] = useState(query?.matches === true);
  useEffect(() => {
    if (query === undefined) return;
    const follow = () => setWide(query.matches);
    follow();
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, [query?.media]);
  return wide && ownsPage;
}
