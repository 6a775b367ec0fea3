/** The words that people read: who asks, who answered, when, and why a request ended. */
import type { ClosingEvent } from "../decode";
import type { AnsweredBy, HumanInputCancelled, HumanInputRequired } from "../protocol.gen";
import type { LinkState, Transport } from "../resume";

const SURFACES: Readonly<Record<string, string>> = {
  api: "the API",
  card: "the notebook",
  cli: "the command line",
  console: "the console",
  inbox: "the inbox",
  lab: "JupyterLab",
  panel: "the JupyterLab panel",
  widget: "the notebook",
};

const CANCELLED: Readonly<Record<HumanInputCancelled["reason"], string>> = {
  interrupted: "the run was interrupted",
  run_failed: "the run failed",
  source_lost: "the kernel that asked is gone",
  withdrawn: "the question was withdrawn",
};

const TRANSPORTS: Readonly<Record<Transport, string>> = {
  websocket: "WebSocket",
  sse: "Server-Sent Events",
  poll: "long-poll",
};

/** Who asks, as one name and what is known beside it. */
export function asker(required: HumanInputRequired): { name: string; details: string[] } {
  const { source } = required;
  const name = source.agent_role ?? source.crew_name ?? "A crew";
  const details = [
    source.agent_role === null ? null : source.crew_name,
    source.task_name,
    source.notebook?.split("/").at(-1) ?? null, // a kernel may know it by its whole path
    required.round > 1 ? `round ${required.round}` : null,
  ];
  return {
    name: name.trim(),
    details: details.filter((part) => part !== null && part !== "") as string[],
  };
}

/** The reasons that hold, in words. */
export function reasons(required: HumanInputRequired): string[] {
  return Object.entries(required.reason_flags)
    .filter(([, holds]) => holds)
    .map(([flag]) => flag.replaceAll("_", " "));
}

export function person({ name, via }: AnsweredBy): string {
  return `${name}, via ${SURFACES[via] ?? via}`;
}

/** What became of a request, as a heading. */
export function verdict(event: ClosingEvent): string {
  switch (event.type) {
    case "human_input_completed":
      return completed(event.decision, event.options !== null);
    case "human_input_cancelled":
      return `Cancelled: ${CANCELLED[event.reason]}`;
    case "human_input_expired":
      return "Expired: nobody answered in time";
  }
}

export function connection(state: LinkState): { label: string; title: string } {
  const by = TRANSPORTS[state.transport];
  switch (state.phase) {
    case "live":
      return { label: "Live", title: `Connected by ${by}` };
    case "connecting":
      return { label: "Connecting…", title: `Trying ${by}` };
    case "reconnecting":
      return { label: "Reconnecting…", title: `The connection was lost; trying ${by}` };
    case "offline":
      return state.forbidden
        ? { label: "No access", title: "The server refused your login; log in again" }
        : { label: "Offline", title: "The server cannot be reached; trying again" };
  }
}

/** "just now", "5 min ago", "in 2 h": by the reader's clock, which may differ from the writer's. */
export function relative(iso: string, now: Date): string {
  const seconds = (Date.parse(iso) - now.getTime()) / 1000;
  if (Number.isNaN(seconds)) return "";
  if (Math.abs(seconds) < 45) return "just now";
  const text = span(Math.abs(seconds));
  return seconds < 0 ? `${text} ago` : `in ${text}`;
}

/** The time of day, with the date unless it is today's. */
export function clockTime(iso: string, now: Date): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return "";
  const clock = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return time.toDateString() === now.toDateString()
    ? clock
    : `${time.toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" })}, ${clock}`;
}

function completed(decision: string | null, chose: boolean): string {
  switch (decision) {
    case "approve":
      return "Accepted";
    case "reject":
      return "Rejected";
    default:
      return chose ? "Answered" : "Feedback sent";
  }
}

function span(seconds: number): string {
  if (seconds < 3570) return `${Math.max(1, Math.round(seconds / 60))} min`;
  if (seconds < 84_600) return `${Math.round(seconds / 3600)} h`;
  const days = Math.round(seconds / 86_400);
  return days === 1 ? "1 day" : `${days} days`;
}
