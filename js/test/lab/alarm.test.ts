import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Alarm } from "../../src/lab/alarm";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("an alarm", () => {
  it("rings once at the earliest time, whoever asks last", () => {
    const ring = vi.fn();
    const alarm = new Alarm(ring);
    alarm.ringWithin(2000);
    alarm.ringWithin(150);
    alarm.ringWithin(2000);
    vi.advanceTimersByTime(149);
    expect(ring).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ring).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(10_000);
    expect(ring).toHaveBeenCalledTimes(1);
  });

  it("is not put off by events that come all the time", () => {
    const ring = vi.fn();
    const alarm = new Alarm(ring);
    for (let event = 0; event < 10; event++) {
      alarm.ringWithin(150);
      vi.advanceTimersByTime(100);
    }
    expect(ring).toHaveBeenCalledTimes(5);
  });

  it("can be set again from its own ring, and stopped", () => {
    const alarm = new Alarm(() => alarm.ringWithin(100));
    const ring = vi.spyOn(alarm, "ringWithin");
    alarm.ringWithin(100);
    vi.advanceTimersByTime(250);
    expect(ring).toHaveBeenCalledTimes(3);
    alarm.stop();
    vi.advanceTimersByTime(1000);
    expect(ring).toHaveBeenCalledTimes(3);
  });
});
