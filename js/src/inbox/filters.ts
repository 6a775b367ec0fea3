/**
 * Filters a list of requests: a search and five filters. Pure.
 *
 * The same filters apply to pending requests, all of which the page knows, and to the history,
 * which comes in pages: its query has the filters that the server knows, and all of them are
 * checked here again.
 */
import { type HumanInputRequired, MAX_SEARCH_CHARS } from "../protocol/gen";
import type { Request } from "../protocol/state";
import { isFound } from "./search";

export type Field = "kind" | "crew" | "execution" | "assignee" | "notebook";

export interface Filters extends Readonly<Record<Field, string>> {
  /** Words that must all be found. */
  readonly text: string;
}

export const NO_FILTERS: Filters = {
  text: "",
  kind: "",
  crew: "",
  execution: "",
  assignee: "",
  notebook: "",
};

export const KINDS: Readonly<Record<HumanInputRequired["kind"], string>> = {
  task_feedback: "Task feedback",
  training_feedback: "Training feedback",
  flow_feedback: "Flow feedback",
  question: "Question",
  tool_approval: "Tool approval",
  llm_approval: "Model call approval",
};

/** One filter and what can be chosen in it. */
export interface Facet {
  readonly field: Field;
  readonly label: string;
  readonly values: readonly Choice[];
}

export interface Choice {
  readonly value: string;
  readonly label: string;
  /** The heading that it stands under, or "": a run's crew. */
  readonly group: string;
}

/** The crews that have an id, by id, and "" for those whose name no request has said. */
export type Crews = ReadonlyMap<string, string>;

export function crewsOf(requests: readonly Request[]): Crews {
  const crews = new Map<string, string>();
  for (const { required } of requests) {
    const name = crewName(required);
    const id = required.crew_id;
    if (id !== null && (name !== "" || !crews.has(id))) crews.set(id, name);
  }
  return crews;
}

const FACETS: readonly { field: Field; label: string }[] = [
  { field: "kind", label: "Kind" },
  { field: "crew", label: "Crew" },
  { field: "execution", label: "Run" },
  { field: "assignee", label: "For" },
  { field: "notebook", label: "Notebook" },
];

export function isFiltered(filters: Filters): boolean {
  return Object.values(filters).some((value) => value.trim() !== "");
}

export function matches(request: Request, filters: Filters, crews: Crews): boolean {
  for (const { field } of FACETS) {
    const chosen = filters[field];
    if (chosen !== "" && fieldOf(request.required, field, crews) !== chosen) return false;
  }
  return isFound(request, filters.text);
}

/** Return the filters that these requests differ in, or that are in use. */
export function facets(
  requests: readonly Request[],
  filters: Filters,
  crews: Crews,
): readonly Facet[] {
  return FACETS.map(({ field, label }) => {
    const found = new Map<string, Choice>();
    for (const { required } of requests) {
      const value = fieldOf(required, field, crews);
      if (value === "" || found.has(value)) continue;
      const group = field === "execution" ? crewOf(required, crews) : "";
      found.set(value, { value, label: labelOf(required, field, crews), group });
    }
    const chosen = filters[field];
    if (chosen !== "" && !found.has(chosen)) {
      found.set(chosen, { value: chosen, label: chosen, group: "" });
    }
    return { field, label, values: sorted(distinct([...found.values()])) };
  }).filter(({ field, values }) => filters[field] !== "" || values.length > 1);
}

/** Return the choices with labels that tell them apart: two notebooks may have the same file name. */
function distinct(choices: readonly Choice[]): Choice[] {
  const counts = new Map<string, number>();
  const nameOf = ({ group, label }: Choice) => JSON.stringify([group, label]);
  for (const choice of choices) {
    counts.set(nameOf(choice), (counts.get(nameOf(choice)) ?? 0) + 1);
  }
  return choices.map((choice) =>
    (counts.get(nameOf(choice)) ?? 0) > 1
      ? { ...choice, label: `${choice.label} (${choice.value})` }
      : choice,
  );
}

function sorted(choices: Choice[]): readonly Choice[] {
  return choices.sort(
    (a, b) => COLLATOR.compare(a.group, b.group) || COLLATOR.compare(a.label, b.label),
  );
}

/** Return the part of the filters that the server's listing knows, as its parameters. */
export function listingParameters(
  filters: Filters,
  crews: Crews,
): Readonly<Record<string, string>> {
  const parameters: Record<string, string> = {};
  if (filters.kind !== "") parameters.kind = filters.kind;
  if (filters.execution !== "") parameters.execution_id = filters.execution;
  if (filters.assignee !== "") parameters.assignee = filters.assignee;
  const ids = [...crews].filter(([id, name]) => (name || id) === filters.crew).map(([id]) => id);
  const byId = filters.crew !== "" && ids.length === 1;
  if (byId) parameters.crew_id = ids[0] ?? "";
  const q = searchFor([filters.text, filters.notebook, byId ? "" : filters.crew]);
  if (q !== "") parameters.q = q;
  return parameters;
}

/**
 * The words for the server's search. Its listing has no filter for a notebook, or for a crew
 * that has no id or several, but it searches their names.
 */
function searchFor(parts: readonly string[]): string {
  return parts.reduce((taken, part) => {
    const both = `${taken} ${part}`.trim();
    return both.length <= MAX_SEARCH_CHARS ? both : taken;
  }, "");
}

function fieldOf(required: HumanInputRequired, field: Field, crews: Crews): string {
  switch (field) {
    case "kind":
      return required.kind;
    case "crew":
      return crewOf(required, crews);
    case "execution":
      return required.execution_id ?? "";
    case "assignee":
      return required.assignee ?? "";
    case "notebook":
      return required.source.notebook ?? "";
  }
}

function labelOf(required: HumanInputRequired, field: Field, crews: Crews): string {
  switch (field) {
    case "kind":
      return KINDS[required.kind];
    case "crew":
      return crewOf(required, crews);
    case "execution":
      return `${momentOf(required.timestamp)} · ${(required.execution_id ?? "").slice(-8)}`;
    case "notebook":
      return required.source.notebook?.split(/[/\\]/).at(-1) ?? "";
    case "assignee":
      return required.assignee ?? "";
  }
}

/**
 * Return a crew's name, or its id if none is known. Every kernel gives the same crew another id, so
 * a crew is its name to a person.
 */
function crewOf(required: HumanInputRequired, crews: Crews): string {
  const id = required.crew_id ?? "";
  return crewName(required) || crews.get(id) || id;
}

export function crewName({ source }: HumanInputRequired): string {
  return source.crew_name ?? source.flow_name ?? "";
}

/** Made once, because a list of hundreds is labelled again with each event. */
const MOMENT = new Intl.DateTimeFormat([], {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const COLLATOR = new Intl.Collator();

function momentOf(timestamp: string): string {
  const time = new Date(timestamp);
  if (Number.isNaN(time.getTime())) return timestamp;
  return MOMENT.format(time);
}
