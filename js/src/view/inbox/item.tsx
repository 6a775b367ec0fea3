/** A card in a list, with a checkbox to select it and links to its notebook and URL. */
import type { ComponentChildren } from "preact";
import { hashOf } from "../../inbox/place";
import type { HumanInputRequired } from "../../protocol/gen";
import { titleWords } from "../title";
import type { InboxHost, NotebookLink } from "./host";

/** The selection state of an item. */
export interface Selecting {
  readonly chosen: boolean;
  /** Why it cannot be selected with the others; null if it can. */
  readonly blocked: string | null;
  readonly toggle: () => void;
}

interface Props {
  readonly required: HumanInputRequired;
  readonly host: InboxHost;
  readonly selecting: Selecting | null;
  readonly children: ComponentChildren;
}

export function Item({ required, host, selecting, children }: Props) {
  return (
    <div
      class={`chitl-item${selecting?.chosen ? " chitl-is-chosen" : ""}`}
      data-testid="hitl-item"
      data-request-id={required.request_id}
      data-stop
    >
      {selecting !== null && <SelectBox required={required} selecting={selecting} />}
      <div class="chitl-item-body">
        {children}
        <ItemLinks required={required} host={host} />
      </div>
    </div>
  );
}

export function SelectBox({
  required,
  selecting,
}: {
  readonly required: HumanInputRequired;
  readonly selecting: Selecting;
}) {
  return (
    <label class="chitl-box" title={selecting.blocked ?? "Select"}>
      <input
        type="checkbox"
        data-testid="hitl-select"
        aria-label={`Select: ${titleWords(required)}`}
        checked={selecting.chosen}
        disabled={selecting.blocked !== null}
        onChange={selecting.toggle}
      />
    </label>
  );
}

interface ItemLinksProps {
  readonly required: HumanInputRequired;
  readonly host: InboxHost;
}

/** The links of a request: to its notebook, and to its own URL. */
export function ItemLinks({ required, host }: ItemLinksProps) {
  const notebook = host.notebookLink(required);
  const own = hashOf({ view: "request", id: required.request_id });
  const subject = titleWords(required);
  const href = host.ownsPage ? own : host.endpoint.prefix + own;
  return (
    <div class="chitl-links">
      {notebook !== null && <OpenNotebook link={notebook} subject={subject} />}
      <a
        class="chitl-link"
        data-testid="hitl-link"
        aria-label={`Link to this request: ${subject}`}
        href={href}
        {...(host.ownsPage ? {} : { target: "_blank", rel: "noopener" })}
      >
        Link to this request
      </a>
    </div>
  );
}

interface OpenNotebookProps {
  readonly link: NotebookLink;
  readonly subject: string;
}

function OpenNotebook({ link, subject }: OpenNotebookProps) {
  const name = `${link.label}: ${subject}`;
  if (link.kind === "action") {
    return (
      <button
        type="button"
        class="chitl-link"
        data-testid="hitl-notebook"
        aria-label={name}
        onClick={link.go}
      >
        {link.label}
      </button>
    );
  }
  return (
    <a
      class="chitl-link"
      data-testid="hitl-notebook"
      aria-label={name}
      href={link.href}
      target="_blank"
      rel="noopener"
    >
      {link.label}
    </a>
  );
}
