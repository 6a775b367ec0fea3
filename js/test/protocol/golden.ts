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

/** A question, and the rules that can be made with its approval. */
export interface GoldenRules {
  readonly name: string;
  readonly question: unknown;
  readonly scopes: readonly string[];
}

export interface GoldenSearch {
  readonly name: string;
  readonly events: readonly unknown[];
  readonly found: readonly string[];
  readonly missed: readonly string[];
}

/** A field of a form, and what people read about its limits and about a wrong value. */
export interface GoldenField {
  readonly property: Readonly<Record<string, unknown>>;
  readonly value: unknown;
  readonly message: string;
  readonly limits: string;
}

type Steps = "live" | "unreachable" | "unusable" | "forbidden" | "refused";
export type GoldenStep = Steps | { readonly wait: number } | { readonly unreachable: number };

interface GoldenAttempts {
  readonly transports: readonly string[];
  readonly pauses: readonly (number | null)[];
}

/** What differs between a program and a page is listed for each, with the reason. */
export interface GoldenResume {
  readonly cursor: readonly {
    readonly name: string;
    readonly replay: "pending" | "all" | "none" | null;
    readonly feed: readonly (
      | { readonly event: string; readonly offset: number | null }
      | { readonly gap: string; readonly epoch: string }
      | { readonly heartbeat: number; readonly epoch: string }
    )[];
    readonly new: readonly boolean[];
    /** Of each heartbeat. */
    readonly lost?: readonly boolean[];
    readonly parameters: Readonly<Record<string, string>>;
  }[];
  readonly statuses: readonly {
    readonly status: number;
    readonly transport: "websocket" | "sse" | "poll";
    readonly own: boolean;
    readonly last: boolean;
    readonly ending: string;
  }[];
  readonly closes: readonly {
    readonly code: number | null;
    readonly live: boolean;
    readonly ending: string;
  }[];
  readonly silences: readonly { readonly live: boolean; readonly ending: string }[];
  readonly pauses: readonly {
    readonly attempt: number;
    readonly random: number;
    readonly seconds?: number;
    readonly page?: number;
  }[];
  readonly idle: readonly {
    readonly name: string;
    readonly expected: number;
    readonly feed: readonly (
      | { readonly heartbeat: number }
      | { readonly connecting: true }
      | { readonly expired: true }
    )[];
    readonly seconds: number;
  }[];
  readonly attempts: readonly {
    readonly name: string;
    readonly steps: readonly GoldenStep[];
    readonly both?: GoldenAttempts;
    readonly page?: GoldenAttempts;
  }[];
}

export const goldenFrames = read<GoldenFrame[]>("frames.json");
export const goldenFolds = read<GoldenFold[]>("folds.json");
export const goldenFields = read<GoldenField[]>("forms.json");
export const goldenRules = read<GoldenRules[]>("rules.json");
export const goldenSearches = read<GoldenSearch[]>("searches.json");
export const goldenResume = read<GoldenResume>("resume.json");
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
