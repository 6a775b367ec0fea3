/**
 * Draws what a MIME bundle or a widget's trait holds: a card, the list of what waits, or a run.
 *
 * The entries and the lab extension call it; below it are the views.
 */
import type { Client } from "../../client/client";
import { type Endpoint, pageEndpoint } from "../../client/endpoint";
import { decodeClosing, decodeRequired, decodeRunStarted, isObject } from "../../protocol/decode";
import { closedBy } from "../../protocol/state";
import { Card } from "../card/card";
import { Inbox } from "../inbox/inbox";
import { type Cleanup, mount } from "../mount";
import { RunView } from "../run/run";
import runCss from "../run/run.css";

/**
 * Show the payload of a MIME bundle or of a widget's trait.
 *
 * `{"request_id", "event"}` is a card, with a `completion` once it is closed; `{"mode": "inbox"}` is
 * the list of pending requests; `{"mode": "run", "execution_id", "event"}` is a run.
 */
export function mountBundle(
  host: HTMLElement,
  payload: unknown,
  via: string,
  endpoint: Endpoint | null = pageEndpoint(),
): Cleanup {
  const unmount = draw(host, payload, via, endpoint);
  host.addEventListener("focusin", keepKeysOf);
  return () => {
    host.removeEventListener("focusin", keepKeysOf);
    unmount();
  };
}

/**
 * Keep the keys of what has the focus from the notebook, where `d d` deletes the cell. JupyterLab
 * reads this attribute only on the element with the focus, and Jupyter Notebook reads keys before a
 * card could stop them.
 */
function keepKeysOf({ target }: Event): void {
  (target as Element).setAttribute("data-lm-suppress-shortcuts", "true");
}

function draw(
  host: HTMLElement,
  payload: unknown,
  via: string,
  endpoint: Endpoint | null,
): Cleanup {
  if (isObject(payload) && payload.mode === "inbox") return mountInbox(host, via, endpoint);
  if (isObject(payload) && payload.mode === "run") {
    return mountRun(host, payload.event, via, endpoint);
  }
  const snapshot = decodeRequired(isObject(payload) ? payload.event : null);
  if (snapshot === null) {
    return mount(host, null, () => (
      <p class="chitl chitl-note">
        This card cannot be shown: its data is damaged or from a newer version.
      </p>
    ));
  }
  const closing = isObject(payload) ? decodeClosing(payload.completion) : null;
  const saved = closing === null ? null : closedBy(snapshot, closing);
  const drawn = (client: Client | null) => (
    <Card client={client} snapshot={snapshot} via={via} saved={saved} />
  );
  return mount(host, endpoint, drawn);
}

export function mountInbox(
  host: HTMLElement,
  via: string,
  endpoint: Endpoint | null = pageEndpoint(),
): Cleanup {
  const testId = via === "panel" ? "hitl-panel" : "hitl-inbox";
  return mount(host, endpoint, (client) => (
    <Inbox client={client} via={via} title="Waiting for you" testId={testId} />
  ));
}

function mountRun(host: HTMLElement, event: unknown, via: string, endpoint: Endpoint | null) {
  const snapshot = decodeRunStarted(event);
  if (snapshot === null) {
    return mount(host, null, () => (
      <p class="chitl chitl-note">
        This run cannot be shown: its data is damaged or from a newer version.
      </p>
    ));
  }
  const run = { executionId: snapshot.execution_id, snapshot, via };
  const draw = (client: Client | null) => <RunView client={client} {...run} />;
  return mount(host, endpoint, draw, { Run: runCss });
}
