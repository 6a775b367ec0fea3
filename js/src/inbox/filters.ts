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
  readonly values: readonly { readonly value: string; readonly label: string }[];
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

export function matches(request: Request, filters: Filters): boolean {
  for (const { field } of FACETS) {
    if (filters[field] !== "" && fieldOf(request.required, field) !== filters[field]) return false;
  }
  return isFound(request, filters.text);
}

/** Return the filters that these requests differ in, or that are in use. */
export function facets(requests: readonly Request[], filters: Filters): readonly Facet[] {
  return FACETS.map(({ field, label }) => {
    const found = new Map<string, string>();
    for (const { required } of requests) {
      const value = fieldOf(required, field);
      if (value === "") continue;
      // Some requests name their crew by its id alone; another one's name is kept.
      const text = labelOf(required, field);
      if (text !== value || !found.has(value)) found.set(value, text);
    }
    const chosen = filters[field];
    if (chosen !== "" && !found.has(chosen)) found.set(chosen, chosen);
    const values = [...found].map(([value, text]) => ({ value, label: text }));
    return { field, label, values: values.sort((a, b) => a.label.localeCompare(b.label)) };
  }).filter(({ field, values }) => filters[field] !== "" || values.length > 1);
}

/** Return the part of the filters that the server's listing knows, as its parameters. */
export function listingParameters(
  filters: Filters,
  known: readonly Request[],
): Readonly<Record<string, string>> {
  const parameters: Record<string, string> = {};
  if (filters.kind !== "") parameters.kind = filters.kind;
  if (filters.execution !== "") parameters.execution_id = filters.execution;
  if (filters.assignee !== "") parameters.assignee = filters.assignee;
  const byId = known.some(({ required }) => required.crew_id === filters.crew);
  if (filters.crew !== "" && byId) parameters.crew_id = filters.crew;
  const q = searchFor([filters.text, filters.notebook, byId ? "" : filters.crew]);
  if (q !== "") parameters.q = q;
  return parameters;
}

/**
 * The words for the server's search. Its listing has no filter for a notebook, or for a crew
 * without an id, but it searches their names.
 */
function searchFor(parts: readonly string[]): string {
  return parts.reduce((taken, part) => {
    const both = `${taken} ${part}`.trim();
    return both.length <= MAX_SEARCH_CHARS ? both : taken;
  }, "");
}

function fieldOf(required: HumanInputRequired, field: Field): string {
  switch (field) {
    case "kind":
      return required.kind;
    case "crew":
      return required.crew_id ?? nameOf(required);
    case "execution":
      return required.execution_id ?? "";
    case "assignee":
      return required.assignee ?? "";
    case "notebook":
      return required.source.notebook ?? "";
  }
}

function labelOf(required: HumanInputRequired, field: Field): string {
  switch (field) {
    case "kind":
      return KINDS[required.kind];
    case "crew":
      return nameOf(required) || (required.crew_id ?? "");
    case "execution":
      return `${nameOf(required) || "Run"} · ${(required.execution_id ?? "").slice(-8)}`;
    case "notebook":
      return required.source.notebook?.split(/[/\\]/).at(-1) ?? "";
    case "assignee":
      return required.assignee ?? "";
  }
}

function nameOf({ source }: HumanInputRequired): string {
  return source.crew_name ?? source.flow_name ?? "";
}
