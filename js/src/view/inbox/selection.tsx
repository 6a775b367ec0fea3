/** The selection of requests for one decision, and the button that starts and ends it. */
import { useRef, useState } from "preact/hooks";
import { alike, isSimple, likeness } from "../../inbox/bulk";
import type { Request } from "../../protocol/state";
import { isPending } from "../card/request-cards";
import type { Selecting } from "./item";

type Selection = ReturnType<typeof useSelection>;

export function SelectButton({ selection }: { readonly selection: Selection }) {
  return (
    <button
      ref={selection.button}
      type="button"
      class="chitl-button chitl-quiet"
      data-testid="hitl-selecting"
      aria-pressed={selection.on}
      onClick={selection.on ? selection.stop : selection.start}
    >
      Select
    </button>
  );
}

/** Return the selected requests; the first one determines which others can be selected. */
export function useSelection(found: readonly Request[]) {
  const [ids, setIds] = useState<ReadonlySet<string> | null>(null);
  const [turn, setTurn] = useState(0);
  const button = useRef<HTMLButtonElement>(null);
  const chosen = found.filter(
    (request) => isPending(request) && ids?.has(request.required.request_id),
  );
  const first = chosen[0]?.required;
  const same = first === undefined ? [] : alike(found, first);
  const idsOf = (requests: readonly Request[]) =>
    new Set(requests.map(({ required }) => required.request_id));
  const of = (request: Request): Selecting | null => {
    const { request_id: id } = request.required;
    if (ids === null || !isPending(request)) return null;
    const toggle = () => {
      const next = new Set(ids);
      if (!next.delete(id)) next.add(id);
      setIds(next);
    };
    return { chosen: ids.has(id), blocked: blocked(request, first), toggle };
  };
  return {
    on: ids !== null,
    turn,
    chosen,
    more: same.filter(({ required }) => !ids?.has(required.request_id)).length,
    of,
    all: () => setIds(idsOf(same)),
    start: () => setIds(new Set()),
    button,
    stop: () => {
      button.current?.focus(); // the bar disappears, and the focus with it
      setIds(null);
      setTurn(turn + 1);
    },
  };
}

function blocked({ required }: Request, first: Request["required"] | undefined): string | null {
  if (required.brief) return "Not loaded yet";
  if (!isSimple(required)) return "Needs a written answer";
  if (first !== undefined && likeness(required) !== likeness(first)) {
    return "Takes different answers from the selected requests";
  }
  return null;
}
