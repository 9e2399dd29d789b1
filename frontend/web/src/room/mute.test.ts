import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Mute } from "./mute";

describe("silence at a pause", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const following = () => {
    const applied: boolean[] = [];
    return { applied, mute: new Mute((silent) => applied.push(silent)) };
  };

  it("begins with the event and ends where the reply goes on", () => {
    const { applied, mute } = following();
    mute.take("vdx.reply.started");
    mute.take("vdx.playout.paused");
    mute.take("vdx.playout.paused");
    mute.take("vdx.vad");
    expect(applied).toEqual([true]);
    mute.take("vdx.playout.resumed");
    expect(applied).toEqual([true, false]);
  });

  it("outlasts what was on its way of a reply that was cut short", () => {
    const { applied, mute } = following();
    mute.take("vdx.playout.paused");
    mute.take("vdx.reply.ended");
    vi.advanceTimersByTime(199);
    expect(applied).toEqual([true]);
    vi.advanceTimersByTime(1);
    expect(applied).toEqual([true, false]);
  });

  it("ends with the next reply, and a later pause is not ended by the timer", () => {
    const { applied, mute } = following();
    mute.take("vdx.playout.paused");
    mute.take("vdx.reply.ended");
    mute.take("vdx.reply.started");
    expect(applied).toEqual([true, false]);
    mute.take("vdx.playout.paused");
    vi.advanceTimersByTime(1000);
    expect(applied).toEqual([true, false, true]);
  });

  it("does not begin with a reply that was heard to its end", () => {
    const { applied, mute } = following();
    mute.take("vdx.reply.started");
    mute.take("vdx.reply.ended");
    vi.advanceTimersByTime(1000);
    expect(applied).toEqual([]);
  });
});
