/** The rows above a list, which stay in sight: what is wrong with the connection, search, filters. */
import type { ComponentChildren, RefObject } from "preact";
import { useState } from "preact/hooks";
import type { Client } from "../../client/client";
import {
  type Choice,
  type Facet,
  type Field,
  type Filters,
  isFiltered,
  NO_FILTERS,
} from "../../inbox/filters";
import { MAX_SEARCH_CHARS } from "../../protocol/gen";
import { ConnectionProblem } from "./connection-problem";

interface Props {
  readonly client: Client;
  readonly filters: Filters;
  readonly facets: readonly Facet[];
  readonly onChange: (filters: Filters) => void;
  readonly search: RefObject<HTMLInputElement | null>;
  /** Further controls. */
  readonly children?: ComponentChildren;
  /** What stands below the search: how many there are, and their order. */
  readonly below?: ComponentChildren;
}

export function Toolbar({ client, filters, facets, onChange, search, children, below }: Props) {
  const used = facets.filter(({ field }) => filters[field] !== "").length;
  const [open, setOpen] = useState(false);
  return (
    <>
      <div class="chitl-sticky">
        <ConnectionProblem client={client} />
        <search class="chitl-toolbar" data-lm-suppress-shortcuts="true">
          <SearchField filters={filters} onChange={onChange} field={search} />
          {facets.length > 0 && (
            <button
              type="button"
              class="chitl-button chitl-quiet"
              data-testid="hitl-filters"
              aria-expanded={open || used > 0}
              onClick={() => setOpen(!open)}
            >
              {used === 0 ? "Filter" : `Filter (${used})`}
            </button>
          )}
          {children}
          {below}
        </search>
      </div>
      {(open || used > 0) && <FacetSelects filters={filters} facets={facets} onChange={onChange} />}
    </>
  );
}

function FacetSelects({
  filters,
  facets,
  onChange,
}: Pick<Props, "filters" | "facets" | "onChange">) {
  return (
    <fieldset class="chitl-facets" aria-label="Filters" data-lm-suppress-shortcuts="true">
      {facets.map((facet) => (
        <FacetSelect
          key={facet.field}
          facet={facet}
          chosen={filters[facet.field]}
          onChoose={(field, value) => onChange({ ...filters, [field]: value })}
        />
      ))}
      {isFiltered(filters) && (
        <button
          type="button"
          class="chitl-button chitl-quiet"
          data-testid="hitl-clear-filters"
          onClick={() => onChange(NO_FILTERS)}
        >
          Clear
        </button>
      )}
    </fieldset>
  );
}

interface SearchProps {
  readonly filters: Filters;
  readonly onChange: (filters: Filters) => void;
  readonly field: RefObject<HTMLInputElement | null>;
}

function SearchField({ filters, onChange, field }: SearchProps) {
  return (
    <input
      ref={field}
      class="chitl-search"
      data-testid="hitl-search"
      type="search"
      placeholder="Search"
      aria-label="Search"
      aria-keyshortcuts="/"
      maxLength={MAX_SEARCH_CHARS}
      value={filters.text}
      onInput={(event) => onChange({ ...filters, text: event.currentTarget.value })}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        onChange({ ...filters, text: "" });
        event.currentTarget.blur();
      }}
    />
  );
}

interface FacetProps {
  readonly facet: Facet;
  readonly chosen: string;
  readonly onChoose: (field: Field, value: string) => void;
}

function FacetSelect({ facet, chosen, onChoose }: FacetProps) {
  return (
    <select
      class={`chitl-select${chosen === "" ? "" : " chitl-chosen"}`}
      data-testid={`hitl-filter-${facet.field}`}
      aria-label={facet.label}
      value={chosen}
      onChange={(event) => onChoose(facet.field, event.currentTarget.value)}
    >
      <option value="">{facet.label}: all</option>
      {grouped(facet.values).map(([group, choices]) =>
        group === "" ? (
          choices.map(optionOf)
        ) : (
          <optgroup key={group} label={group}>
            {choices.map(optionOf)}
          </optgroup>
        ),
      )}
    </select>
  );
}

function optionOf({ value, label }: Choice) {
  return (
    <option key={value} value={value}>
      {label}
    </option>
  );
}

function grouped(choices: readonly Choice[]): readonly (readonly [string, Choice[]])[] {
  const groups = new Map<string, Choice[]>();
  for (const choice of choices) {
    const group = groups.get(choice.group);
    if (group === undefined) groups.set(choice.group, [choice]);
    else group.push(choice);
  }
  return [...groups];
}
