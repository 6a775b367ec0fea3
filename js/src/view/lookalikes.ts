/**
 * What tells apart questions that would look the same in a list: the time at which each was asked.
 *
 * The one module that compares the questions of a list. Cards and the lines of the history use it.
 */
import type { Client } from "../client/client";
import type { HumanInputRequired } from "../protocol/gen";
import type { Request } from "../protocol/state";
import { titleWords } from "./title";
import { useClient } from "./use-client";
import { aroundAsker, asker } from "./words";

export type Marks = ReadonlyMap<string, string>;

const NONE: Marks = new Map();

/** Return a mark for each of these requests that looks like another one, by request id. */
export function marksOf(requests: readonly Request[]): Marks {
  const alike = new Map<string, HumanInputRequired[]>();
  for (const { required } of requests) {
    const look = lookOf(required);
    const group = alike.get(look);
    if (group === undefined) alike.set(look, [required]);
    else group.push(required);
  }
  const marks = new Map<string, string>();
  for (const group of alike.values()) if (group.length > 1) markEach(group, marks);
  return marks;
}

const latest = new WeakMap<Client, { readonly version: number; readonly marks: Marks }>();

/** Return the mark of a card in the list of all pending requests, or "". */
export function useMark(client: Client | null, id: string, listed: boolean): string {
  const mark = useClient(client, (known) => (listed ? marksIn(known).get(id) : undefined));
  return mark ?? "";
}

/** All cards and rows of a page ask for the same marks, so they are made once for each change. */
export function marksIn(client: Client): Marks {
  const last = latest.get(client);
  if (last?.version === client.version) return last.marks;
  const all = client.all();
  const marks = all.length < 2 ? NONE : marksOf(all);
  latest.set(client, { version: client.version, marks });
  return marks;
}

const looks = new WeakMap<HumanInputRequired, string>();

/** Return everything by which a person tells a line of a list from another, but for the time. */
function lookOf(required: HumanInputRequired): string {
  const look =
    looks.get(required) ??
    JSON.stringify([titleWords(required), asker(required), aroundAsker(required)]);
  looks.set(required, look);
  return look;
}

function markEach(group: readonly HumanInputRequired[], marks: Map<string, string>): void {
  const moments = new Map<string, number>();
  for (const { request_id: id, timestamp } of group) {
    const moment = momentOf(timestamp);
    const count = (moments.get(moment) ?? 0) + 1;
    moments.set(moment, count);
    marks.set(id, count === 1 ? moment : `${moment} (${count})`);
  }
}

/** Made once: making them takes longer than all else, and hundreds may look the same. */
const DAY = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });
const TIME = new Intl.DateTimeFormat([], { timeStyle: "medium" });

/** Return the date and time to the second: such questions often come together. */
function momentOf(timestamp: string): string {
  const time = new Date(timestamp);
  if (Number.isNaN(time.getTime())) return timestamp;
  return `${DAY.format(time)}, ${TIME.format(time)}`;
}
