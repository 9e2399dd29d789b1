import { describe, expect, it } from "vitest";
import { type Action, type CallState, INITIAL, mood, reduce } from "./state";

const stateOf = (...actions: Action[]): CallState => actions.reduce(reduce, INITIAL);
const connected: Action = { type: "connected", session: "s1" };

describe("the connection", () => {
  it("goes from off to open and back", () => {
    expect(mood(INITIAL)).toBe("off");
    expect(mood(stateOf({ type: "connecting" }))).toBe("connecting");
    expect(mood(stateOf({ type: "connecting" }, connected))).toBe("idle");
    expect(mood(stateOf(connected, { type: "hungUp", reason: "" }))).toBe("off");
    expect(mood(stateOf(connected, { type: "hungUp", reason: "idle_timeout" }))).toBe("ended");
  });

  it("stays reconnecting while it tries again", () => {
    const state = stateOf(connected, { type: "lost" }, { type: "connecting" });
    expect(mood(state)).toBe("reconnecting");
    expect(state.session).toBe("");
  });

  it("takes its notice away once it is back, and leaves the others", () => {
    const state = stateOf(
      { type: "notice", topic: "connection", notice: { text: "gone" } },
      { type: "notice", topic: "microphone", notice: { text: "refused" } },
      connected,
    );
    expect(Object.keys(state.notices)).toEqual(["microphone"]);
  });
});

describe("what is shown", () => {
  it("is who speaks, while connected", () => {
    expect(mood(stateOf(connected, { type: "state", state: "interrupted" }))).toBe("interrupted");
  });

  it("marks the threshold only with an open microphone", () => {
    const told: Action = { type: "threshold", noise: 20, needed: 200 };
    expect(stateOf(told).needed).toBeNull();
    const open: Action = { type: "microphone", microphone: "open" };
    expect(stateOf(open, told)).toMatchObject({ noise: 20, needed: 200 });
    expect(stateOf(open, told, { type: "microphone", microphone: "closed" }).noise).toBeNull();
  });

  it("has one notice for each topic", () => {
    const notice = (text: string): Action => ({
      type: "notice",
      topic: "answer",
      notice: { text },
    });
    const state = stateOf(notice("one"), notice("two"));
    expect(state.notices).toEqual({ answer: { text: "two" } });
    expect(reduce(state, { type: "notice", topic: "answer", notice: null }).notices).toEqual({});
  });
});
