import { vi } from "vitest";

/** Wait until a condition holds, and return its value; it fails after `timeout` milliseconds. */
export const until = <T>(condition: () => T, timeout = 9000) =>
  vi.waitUntil(condition, { timeout, interval: 5 });
