/** The order of the pending requests: by age, deadline or crew. Pure. */
import type { Request } from "../protocol/state";
import { crewName } from "./filters";

export const ORDERS = {
  oldest: "Oldest first",
  newest: "Newest first",
  deadline: "Deadline first",
  crew: "By crew",
} as const;

export type Order = keyof typeof ORDERS;

export function isOrder(raw: unknown): raw is Order {
  return typeof raw === "string" && Object.hasOwn(ORDERS, raw);
}

/** Return the requests, which are in asking order, in another one. Equal ones stay as asked. */
export function ordered(requests: readonly Request[], order: Order): readonly Request[] {
  switch (order) {
    case "oldest":
      return requests;
    case "newest":
      return [...requests].reverse();
    case "deadline":
      return [...requests].sort((a, b) => deadlineOf(a) - deadlineOf(b));
    case "crew":
      return byCrew(requests);
  }
}

/** Requests without a crew come last. */
function byCrew(requests: readonly Request[]): readonly Request[] {
  const compare = new Intl.Collator().compare;
  const named = requests.map((request) => ({ request, crew: crewName(request.required) }));
  named.sort((a, b) => Number(a.crew === "") - Number(b.crew === "") || compare(a.crew, b.crew));
  return named.map(({ request }) => request);
}

/** Requests without a deadline come last. */
function deadlineOf({ required }: Request): number {
  const at = Date.parse(required.expires_at ?? "");
  return Number.isNaN(at) ? Number.MAX_SAFE_INTEGER : at;
}
