/** Yes-or-no answers that a person gives once, kept in this browser for all pages of the server. */

/** Whether it was kept; false where storage is forbidden, as in some frames. */
export function isKept(key: string): boolean {
  try {
    return localStorage.getItem(key) !== null;
  } catch {
    return false;
  }
}

export function keep(key: string, on: boolean): void {
  try {
    if (on) localStorage.setItem(key, "1");
    else localStorage.removeItem(key);
  } catch {
    // It is asked again at the next visit.
  }
}
