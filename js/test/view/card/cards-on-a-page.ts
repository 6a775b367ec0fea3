/** Cards on a page beside a server, anew for each test of a file. */
import { afterEach, beforeEach, vi } from "vitest";
import { mountBundle } from "../../../src/view/bundle/mount-bundle";
import { LogServer } from "../../client/log-server";
import { page } from "../page";
import { Shown, snapshot } from "./shown";

export const until = <T>(condition: () => T) =>
  vi.waitUntil(condition, { timeout: 9000, interval: 5 });

export interface Cards {
  readonly server: LogServer;
  /** Ask a question on the server and draw its card; both know of each other. */
  asked(fields: object): Promise<Shown>;
  /** Draw the card alone. */
  drawn(fields: object): Shown;
  /** What takes the cards off the page. */
  readonly cleanups: (() => void)[];
  /** Take the last card off the page. */
  takeDown(): void;
}

export function cardsOnAPage(): Cards {
  let server: LogServer;
  let cleanups: (() => void)[];

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

  function drawn(fields: object): Shown {
    const element = page.createElement("div");
    page.body.append(element);
    cleanups.push(mountBundle(element, snapshot("r1", fields), "card", server.endpoint));
    return new Shown(element);
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
    get cleanups() {
      return cleanups;
    },
    asked,
    drawn,
    takeDown: () => cleanups.pop()?.(),
  };
}
