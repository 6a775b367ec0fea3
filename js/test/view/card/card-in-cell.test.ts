/** The cards of a notebook whose page was reloaded while its cell ran. */
import { describe, expect, it } from "vitest";
import { mountBundle } from "../../../src/view/bundle/mount-bundle";
import { cardInCell, GRACE_MS } from "../../../src/view/card/card-in-cell";
import { CellCards } from "../../../src/view/card/cell-cards";
import { until } from "../../until";
import { pageWithServer } from "../page-with-server";
import { type Shown, snapshot } from "../shown";

const cards = pageWithServer();
const RUN = { execution_id: "run" };
const at = (agoMs: number) => ({ ...RUN, timestamp: new Date(Date.now() - agoMs).toISOString() });
const FIRST = at(3 * GRACE_MS);
const SECOND = at(2 * GRACE_MS);

/** Show a cell's output, as the notebook holds it. */
function drawn(draw: ReturnType<typeof cardInCell>, id: string, fields: object): Shown {
  const payload = snapshot(id, fields);
  return cards.show((element) => mountBundle(element, payload, "lab", cards.server.endpoint, draw));
}

const shownIn = (shown: Shown) =>
  [...shown.element.querySelectorAll<HTMLElement>("[data-request-id]")].map(
    (card) => card.dataset.requestId,
  );

describe("the next question of a run", () => {
  it("is shown below the run's last card until it has its own", async () => {
    const draw = cardInCell(new CellCards());
    cards.server.ask("r1", FIRST);
    cards.server.ask("r2", SECOND);
    const first = drawn(draw, "r1", FIRST);
    await until(() => shownIn(first).length === 2);
    expect(shownIn(first)).toEqual(["r1", "r2"]);

    const second = drawn(draw, "r2", SECOND);
    await until(() => shownIn(first).length === 1);
    expect(shownIn(second)).toEqual(["r2"]);
    cards.server.ask("r3", at(GRACE_MS));
    await until(() => shownIn(second).length === 2);
    expect(shownIn(first)).toEqual(["r1"]);
  });

  it("waits for a card of its own at first", async () => {
    const draw = cardInCell(new CellCards());
    cards.server.ask("r1", FIRST);
    const first = drawn(draw, "r1", FIRST);
    cards.server.ask("r2", at(0));
    cards.server.ask("other", { timestamp: SECOND.timestamp, execution_id: "another" });
    await until(() => shownIn(first).length === 2);
    const asked = cards.server.events().find((event) => event.request_id === "r2");
    expect(Date.now() - Date.parse(String(asked?.timestamp))).toBeGreaterThanOrEqual(GRACE_MS);
    expect(shownIn(first)).toEqual(["r1", "r2"]);
  });
});
