/** The golden files that pytest reads too (tests/fixtures/README.md). */
import { readFileSync } from "node:fs";
import { decodeFrame, type RequestEvent } from "../../src/protocol/decode";

export interface GoldenFrame {
  readonly name: string;
  readonly kind: "event" | "unknown" | "control" | "invalid";
  readonly frame: unknown;
}

export interface GoldenFold {
  readonly name: string;
  readonly events: readonly unknown[];
  readonly requests: readonly {
    readonly request_id: string;
    readonly status: string;
    readonly claimed_by: unknown;
    readonly completion_id: string | null;
  }[];
}

export interface GoldenRun {
  readonly name: string;
  readonly events: readonly unknown[];
  readonly run: unknown;
}

export interface GoldenSearch {
  readonly name: string;
  readonly events: readonly unknown[];
  readonly found: readonly string[];
  readonly missed: readonly string[];
}

export const goldenFrames = read<GoldenFrame[]>("frames.json");
export const goldenFolds = read<GoldenFold[]>("folds.json");
export const goldenSearches = read<GoldenSearch[]>("searches.json");
export const goldenRuns = read<GoldenRun[]>("runs.json");

/** What has broken sanitisers before: OWASP's and DOMPurify's corpora, in Markdown's clothes. */
export const hostileTexts = read<string[]>("payloads.json");

/** Return those of golden events that the fold takes. */
export function requestEvents(raw: readonly unknown[]): RequestEvent[] {
  return raw
    .map(decodeFrame)
    .flatMap((decoded) => (decoded.kind === "event" ? [decoded.event] : []));
}

function read<T>(name: string): T {
  const file = new URL(`../../../tests/fixtures/${name}`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as T;
}
