/** The activity of a request: who did what, when and from where, oldest first. */
import { useEffect, useState } from "preact/hooks";
import type { Endpoint } from "../../client/endpoint";
import { folded, loadTrail } from "../../client/trail";
import type { RequestEvent } from "../../protocol/decode";
import type { Request } from "../../protocol/state";
import { useClock } from "../use-client";
import { askerWords, clockTime, person, verdict } from "../words";

interface Props {
  readonly endpoint: Endpoint;
  readonly request: Request;
}

export function Trail({ endpoint, request }: Props) {
  const events = useTrail(endpoint, request);
  const now = useClock();
  return (
    <section class="chitl-trail" data-testid="hitl-trail" aria-label="Activity">
      <h2>Activity</h2>
      <ol>
        {events.map((event) => (
          <li key={event.event_id} data-type={event.type}>
            <time dateTime={event.timestamp} title={new Date(event.timestamp).toLocaleString()}>
              {clockTime(event.timestamp, now)}
            </time>
            <span>
              <strong>{what(event, request)}</strong> {who(event)}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function useTrail(endpoint: Endpoint, request: Request): readonly RequestEvent[] {
  const [events, setEvents] = useState(() => folded(request));
  useEffect(() => {
    let wanted = true;
    loadTrail(endpoint, request).then((found) => {
      if (wanted) setEvents(found);
    });
    return () => {
      wanted = false;
    };
  }, [endpoint, request]);
  return events;
}

function what(event: RequestEvent, { required }: Request): string {
  switch (event.type) {
    case "human_input_required":
      return "Asked";
    case "human_input_claimed":
      return "Claimed";
    case "human_input_reminded":
      return "Reminder sent";
    default:
      return verdict(event, required.kind);
  }
}

function who(event: RequestEvent): string {
  switch (event.type) {
    case "human_input_required":
      return `by ${askerWords(event)}`;
    case "human_input_claimed":
      return `by ${person(event.claimed_by)}`;
    case "human_input_completed":
      return event.answered_by === null ? "" : `by ${person(event.answered_by)}`;
    case "human_input_cancelled":
      return event.message === "" ? "" : `“${event.message}”`;
    case "human_input_reminded":
    case "human_input_expired":
      return "";
  }
}
