import { describe, expect, it } from "vitest";
import {
  admit,
  type Ending,
  ended,
  type LinkState,
  opened,
  pauseMs,
  START,
  upgradeFailed,
  upgradeInMs,
} from "../../src/client/resume";

const half = () => 0.5;

function through(state: LinkState, ...endings: Ending[]) {
  let plan = { transport: state.transport, delayMs: -1 };
  let now = state;
  for (const ending of endings) [now, plan] = ended(now, ending, half);
  return { state: now, plan };
}

describe("the choice of transport", () => {
  it("falls from WebSocket to SSE to long-poll at once when one does not get through", () => {
    expect(through(START, "refused").plan).toEqual({ transport: "sse", delayMs: 0 });
    expect(through(START, "refused", "refused").plan).toEqual({ transport: "poll", delayMs: 0 });
  });

  it("pauses and begins with WebSocket again when nothing gets through", () => {
    const { state, plan } = through(START, "refused", "refused", "refused");
    expect(plan.transport).toBe("websocket");
    expect(plan.delayMs).toBeGreaterThan(0);
    expect(state.failures).toBe(1);
  });

  it("does not blame the transport when nobody answers", () => {
    const { plan } = through(START, "refused", "unreachable");
    expect(plan.transport).toBe("websocket");
    expect(plan.delayMs).toBeGreaterThan(0);
  });

  it("leaves a server alone for as long as it asks, and no shorter than otherwise", () => {
    const { plan } = through(START, "refused", "unreachable");
    const asked = (leaveMs: number) => ended(START, "unreachable", half, leaveMs)[1].delayMs;
    expect(asked(30_000)).toBe(30_000);
    expect(asked(1)).toBe(plan.delayMs);
  });

  it("tries WebSocket first after a live connection of any kind is lost", () => {
    const live = opened(through(START, "refused").state, "sse");
    const { state, plan } = through(live, "unreachable");
    expect(state.phase).toBe("reconnecting");
    expect(plan.transport).toBe("websocket");
    expect(plan.delayMs).toBeLessThanOrEqual(100);
  });

  it("says offline after some vain rounds and live again after the first heartbeat", () => {
    const round: Ending[] = ["refused", "unreachable"];
    const lost = through(opened(START, "websocket"), "unreachable", ...round, ...round, ...round);
    expect(lost.state.phase).toBe("reconnecting");
    const offline = through(lost.state, ...round);
    expect(offline.state.phase).toBe("offline");
    expect(opened(offline.state, "websocket")).toEqual({ ...START, phase: "live" });
  });

  it("says so when the login is refused, and asks again seldom", () => {
    const { state, plan } = through(START, "refused", "forbidden");
    expect(state).toMatchObject({ phase: "offline", forbidden: true });
    expect(plan.delayMs).toBeGreaterThan(5000);
  });

  it("goes back up to WebSocket later, and ever later when that is in vain", () => {
    expect(upgradeInMs(opened(START, "websocket"))).toBeNull();
    let state = opened(START, "sse");
    const delays = Array.from({ length: 12 }, () => {
      const delay = upgradeInMs(state) ?? 0;
      state = upgradeFailed(state);
      return delay;
    });
    expect(delays[1]).toBe(2 * (delays[0] ?? 0));
    expect(delays.at(-1)).toBe(600_000);
  });
});

describe("the pauses", () => {
  it("grow to a cap, with half of each left to chance", () => {
    expect(pauseMs(0, () => 0)).toBe(50);
    expect(pauseMs(0, () => 1)).toBe(100);
    expect(pauseMs(10, () => 1)).toBe(2000);
    expect(pauseMs(31, () => 1)).toBe(15_000);
    expect(pauseMs(10_000, () => 1)).toBe(15_000);
  });
});

describe("the cursor", () => {
  it("lets each event through once, whichever connection brings it", () => {
    const event = (offset: number) => ({ event_id: `e${offset}`, offset });
    const [first, fresh] = admit(null, event(3));
    expect(fresh).toBe(true);
    expect(admit(first, event(3))[1]).toBe(false);
    expect(admit(first, event(2))).toEqual([first, false]);
    expect(admit(first, event(4))).toEqual([{ eventId: "e4", offset: 4 }, true]);
  });

  it("stays where it is for an event without a place in the log", () => {
    const cursor = { eventId: "e3", offset: 3 };
    expect(admit(cursor, { event_id: "x", offset: null })).toEqual([cursor, true]);
  });
});
