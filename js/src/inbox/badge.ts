/** The number of waiting requests, on the tab and on the installed page's icon. */

import type { Request } from "../protocol/state";

const BUBBLE =
  "M17 15h30a6 6 0 0 1 6 6v19a6 6 0 0 1-6 6H35l-11 9v-9h-7a6 6 0 0 1-6-6V21a6 6 0 0 1 6-6z";

/** How many requests wait. */
export function pendingCount(requests: readonly Request[]): number {
  return requests.filter(({ status }) => status === "pending").length;
}

/** Return the page's icon with a number on it, as a data URL. Pure. */
export function iconWith(count: number): string {
  const text = count > 99 ? "99+" : String(count);
  const size = text.length > 2 ? 24 : 30;
  const badge =
    count === 0
      ? '<path fill="#1565c0" d="M24 24h5v14h-5zm11 0h5v14h-5z"/>'
      : `<circle cx="42" cy="42" r="22" fill="#c62828"/><text x="42" y="52" fill="#fff" font-family="sans-serif" font-size="${size}" font-weight="700" text-anchor="middle">${text}</text>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="14" fill="#1565c0"/><path fill="#fff" d="${BUBBLE}"/>${badge}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

/** Show the number in the page's title, on its icon, and on the installed page's icon. */
export function showCount(page: Document, title: string, count: number): void {
  page.title = count === 0 ? title : `(${count}) ${title}`;
  page.querySelector<HTMLLinkElement>("link[rel=icon]")?.setAttribute("href", iconWith(count));
  const app: Partial<Pick<Navigator, "setAppBadge">> = navigator;
  // It rejects where the browser shows no badges or the page is not installed.
  app.setAppBadge?.(count).catch(() => undefined);
}
