/** A page and a log server, new for each test of a file, with views that clean up after it. */
import { afterEach, beforeEach } from "vitest";
import { mountBundle } from "../../src/view/bundle/mount-bundle";
import type { Cleanup } from "../../src/view/mount";
import { LogServer } from "../client/log-server";
import { until } from "../until";
import { page } from "./page";
import { Shown, snapshot } from "./shown";

/** Wait until a person's last action is drawn, which is queued and not done at once. */
export const drawnAgain = () => new Promise((resolve) => setTimeout(resolve));

/** Every decision that a request can offer. */
export const ALL_DECISIONS = { decisions: ["approve", "respond", "edit", "reject"] };

export interface PageWithServer {
  readonly server: LogServer;
  /** Mount a view in a new element; it is unmounted after the test. */
  show(mount: (element: HTMLElement) => Cleanup): Shown;
  /** Ask a question on the server and draw its card; both know of each other. */
  asked(fields: object): Promise<Shown>;
  /** Draw the card alone. */
  drawn(fields: object): Shown;
  /** Unmount the last view. */
  takeDown(): void;
  /** Answer the question elsewhere, as somebody else. */
  answeredByAda(): void;
  /** Return the last event of the log, as the server stored it. */
  lastEvent(): ReturnType<LogServer["events"]>[number] | undefined;
}

export function pageWithServer(): PageWithServer {
  let server: LogServer;
  let cleanups: Cleanup[];

  beforeEach(async () => {
    server = await new LogServer().start();
    cleanups = [];
    sessionStorage.clear();
    localStorage.clear();
  });

  afterEach(async () => {
    for (const cleanup of cleanups) cleanup();
    page.body.replaceChildren();
    await server.stop();
  });

  function show(mount: (element: HTMLElement) => Cleanup): Shown {
    const element = page.createElement("div");
    page.body.append(element);
    cleanups.push(mount(element));
    return new Shown(element);
  }

  function drawn(fields: object): Shown {
    return show((element) => mountBundle(element, snapshot("r1", fields), "card", server.endpoint));
  }

  async function asked(fields: object): Promise<Shown> {
    server.ask("r1", fields);
    const shown = drawn(fields);
    await until(() => shown.status === "pending");
    return shown;
  }

  return {
    get server() {
      return server;
    },
    show,
    asked,
    drawn,
    takeDown: () => cleanups.pop()?.(),
    answeredByAda() {
      server.append({
        type: "human_input_completed",
        request_id: "r1",
        human_feedback: "Fine",
        decision: "respond",
        answered_by: { name: "ada", via: "cli" },
      });
    },
    lastEvent: () => server.events().at(-1),
  };
}
