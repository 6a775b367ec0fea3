/** The reconnect rules, row by row; `tests/client/test_resume.py` reads the same file. */
import { describe, expect, it } from "vitest";
import {
  admit,
  afterGap,
  afterHeartbeat,
  type Cursor,
  type Ending,
  ended,
  endingOfClose,
  endingOfSilence,
  endingOfStatus,
  IdleTimeout,
  type LinkState,
  NOTHING_SEEN,
  opened,
  pauseMs,
  resumeParameters,
  START,
  type Transport,
  upgradeFailed,
  upgradeInMs,
} from "../../src/client/resume";
import { type GoldenStep, goldenResume } from "../protocol/golden";

const half = () => 0.5;
const most = () => 1;

function through(state: LinkState, ...endings: Ending[]) {
  let plan = { transport: state.transport, delayMs: -1 };
  let now = state;
  for (const ending of endings) [now, plan] = ended(now, ending, half);
  return { state: now, plan };
}

describe("a reader misses nothing and sees nothing twice:", () => {
  it.each(goldenResume.cursor)("$name", (row) => {
    let cursor: Cursor = NOTHING_SEEN;
    const seenAsNew: boolean[] = [];
    const lost: boolean[] = [];
    for (const step of row.feed) {
      if ("event" in step) {
        const [next, isNew] = admit(cursor, { event_id: step.event, offset: step.offset });
        cursor = next;
        seenAsNew.push(isNew);
      } else if ("gap" in step) cursor = afterGap(cursor, step.epoch);
      else {
        const [next, isLost] = afterHeartbeat(cursor, step.epoch);
        cursor = next;
        lost.push(isLost);
      }
    }
    expect(seenAsNew).toEqual(row.new);
    expect(lost).toEqual(row.lost ?? []);
    expect(resumeParameters(cursor, row.replay)).toEqual(row.parameters);
  });
});

describe("what ended a stream decides what comes next:", () => {
  it.each(goldenResume.statuses)(
    "$status by $transport (ours: $own, last: $last) is $ending",
    ({ status, transport, own, last, ending }) => {
      expect(endingOfStatus(status, { transport, isOwn: own, isLast: last })).toBe(ending);
    },
  );

  it.each(goldenResume.closes)("close $code (live: $live) is $ending", (row) => {
    expect(endingOfClose(row.code, row.live)).toBe(row.ending);
  });

  it.each(goldenResume.silences)("silence (live: $live) is $ending", (row) => {
    expect(endingOfSilence(row.live)).toBe(row.ending);
  });
});

describe("a pause grows with the attempts and is spread:", () => {
  it.each(goldenResume.pauses)("attempt $attempt with $random", (row) => {
    const seconds = row.seconds ?? row.page ?? Number.NaN;
    expect(pauseMs(row.attempt, () => row.random)).toBeCloseTo(1000 * seconds);
  });
});

describe("a dead connection is noticed and a slow one is kept:", () => {
  it.each(goldenResume.idle)("$name", (row) => {
    const idle = new IdleTimeout(1000 * row.expected);
    let last: number | null = null;
    for (const step of row.feed) {
      if ("heartbeat" in step) {
        if (last !== null) idle.heartbeat(1000 * (step.heartbeat - last));
        last = step.heartbeat;
      } else if ("connecting" in step) last = null;
      else idle.expired();
    }
    expect(idle.ms).toBe(1000 * row.seconds);
  });
});

describe("the next attempt has the right transport after the right pause:", () => {
  it.each(goldenResume.attempts)("$name", (row) => {
    const transports: Transport[] = [START.transport];
    const pauses: number[] = [];
    let state = START;
    for (const step of row.steps) {
      if (step === "live") state = opened(state, state.transport);
      const ending = endingIn(step);
      if (ending === null) continue;
      const [next, plan] = ended(state, ending.ending, most, ending.retryAfterMs);
      state = next;
      transports.push(plan.transport);
      pauses.push(plan.delayMs / 1000);
    }
    expect({ transports, pauses }).toEqual(row.both ?? row.page);
  });
});

function endingIn(step: GoldenStep): { ending: Ending; retryAfterMs: number } | null {
  if (typeof step === "string") return step === "live" ? null : { ending: step, retryAfterMs: 0 };
  return "wait" in step ? null : { ending: "unreachable", retryAfterMs: 1000 * step.unreachable };
}

describe("a page", () => {
  it("shows offline after some failed rounds and live again after the first heartbeat", () => {
    const round: Ending[] = ["unusable", "unreachable"];
    const lost = through(opened(START, "websocket"), "unreachable", ...round, ...round, ...round);
    expect(lost.state.phase).toBe("reconnecting");
    const offline = through(lost.state, ...round);
    expect(offline.state.phase).toBe("offline");
    expect(opened(offline.state, "websocket")).toEqual({ ...START, phase: "live" });
  });

  it("shows that the login is refused", () => {
    const { state } = through(START, "unusable", "forbidden");
    expect(state).toMatchObject({ phase: "offline", forbidden: true });
  });

  it("goes back up to WebSocket later, and ever later when that fails", () => {
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
