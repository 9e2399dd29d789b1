import { describe, expect, it } from "vitest";
import { type BotLine, cutPosition, type Lines, MAX_LINES, stamped, withEvent } from "./captions";
import type { CallEvent } from "./events";

const linesOf = (...events: CallEvent[]): Lines => events.reduce<Lines>(withEvent, []);
const reply = (delta: string): CallEvent => ({ type: "replying", reply: "r", delta });
const over = (played: string | null, cut = true): CallEvent => ({
  type: "replied",
  reply: "r",
  cut,
  played,
});
const bot = (lines: Lines): BotLine => {
  const line = lines.find(({ who }) => who === "vdx");
  if (line?.who !== "vdx") throw new Error("vdx said nothing");
  return line;
};

describe("the person's side", () => {
  it("grows in place and becomes final", () => {
    const lines = linesOf(
      { type: "heard", utterance: "u", text: "go for", stable: 3 },
      { type: "heard", utterance: "u", text: "go forward", stable: 10 },
      { type: "understood", utterance: "u", text: "go forward ten" },
    );
    expect(lines).toEqual([
      { who: "you", id: "u", text: "go forward ten", stable: 14, final: true },
    ]);
  });

  it("vanishes when there was nothing to understand", () => {
    const lines = linesOf(
      { type: "heard", utterance: "u", text: "uh", stable: 0 },
      { type: "understood", utterance: "u", text: "" },
    );
    expect(lines).toEqual([]);
  });

  it("forgets an uh over the answer and keeps what was a turn", () => {
    const lines = linesOf(
      { type: "understood", utterance: "a", text: "hello" },
      { type: "heard", utterance: "b", text: "uh", stable: 0 },
      { type: "dismissed" },
    );
    expect(lines.map(({ id }) => id)).toEqual(["a"]);
  });

  it("keeps two equal typed lines apart", () => {
    const lines = linesOf(
      { type: "typed", item: "1", text: "yes" },
      { type: "typed", item: "2", text: "yes" },
    );
    expect(lines).toHaveLength(2);
  });
});

describe("the answer", () => {
  it("is put together of its clauses", () => {
    expect(bot(linesOf(reply("One, "), reply("two."))).text).toBe("One, two.");
  });

  it("is struck through from the word where it was cut", () => {
    const line = bot(linesOf(reply("One, two, three, four."), over("One, two,")));
    expect(line.text.slice(line.cutAt ?? 0)).toBe(" three, four.");
    expect(line.over).toBe(true);
  });

  it("is struck through as a whole when nothing of it was heard", () => {
    expect(bot(linesOf(reply("One."), over(""))).cutAt).toBe(0);
  });

  it("is not struck when it was whole, or cut after its last word", () => {
    expect(bot(linesOf(reply("One two."), over("One two.", false))).cutAt).toBeNull();
    expect(bot(linesOf(reply("One two. "), over("One two."))).cutAt).toBeNull();
  });

  it("shows that it pauses, and goes on", () => {
    const paused = linesOf(reply("One."), { type: "paused", reply: "r" });
    expect(bot(paused).paused).toBe(true);
    expect(bot(withEvent(paused, { type: "resumed", reply: "r" })).paused).toBe(false);
  });

  it("keeps its milliseconds, whichever comes first", () => {
    const timed: CallEvent = { type: "timed", reply: "r", gapMs: 300, stages: { endpoint: 300 } };
    for (const lines of [linesOf(timed, reply("One.")), linesOf(reply("One."), timed)]) {
      expect(bot(lines)).toMatchObject({ text: "One.", timing: { gapMs: 300 } });
    }
  });
});

describe("where an answer was cut", () => {
  it.each([
    ["You said: hello there", "You said: hello", "You said: hello"],
    ["Well,  now then.", "Well, now", "Well,  now"],
    ["**Bold** words here", "Bold words", "**Bold** words"],
    ["Straße, dann links", "Straße", "Straße,"],
    ["別に 何も", "別に", "別に"],
    ["Ten meters", "", ""],
    ["Ten meters", "ten meters", "Ten meters"],
    ["abc", "something else", ""],
  ])("%j with %j played keeps %j", (text, played, kept) => {
    expect(text.slice(0, cutPosition(text, played))).toBe(kept);
  });
});

describe("the list", () => {
  it("closes what was open when the connection is lost", () => {
    const lines = linesOf(reply("One"), { type: "lost" }, { type: "lost" });
    expect(lines.map(({ who }) => who)).toEqual(["vdx"]);
    expect(bot(lines).over).toBe(true);
  });

  it("says whether the other side remembers what was said before", () => {
    const textOf = (lines: Lines) => {
      const last = lines.at(-1);
      return last?.who === "aside" ? last.text : "";
    };
    const aside = (remembers: boolean) =>
      linesOf(
        reply("One"),
        { type: "joined", remembers: !remembers },
        { type: "joined", remembers },
      );
    expect(aside(true).map(({ who }) => who)).toEqual(["vdx", "aside"]);
    expect(textOf(aside(true))).toContain("goes on");
    expect(textOf(aside(false))).toContain("does not remember");
    expect(linesOf({ type: "joined", remembers: false })).toEqual([]);
    const renewed = linesOf(reply("One"), { type: "renewed", session: "s" });
    expect(textOf(renewed)).toContain("does not remember");
  });

  it("has the times when a line came and when it last changed", () => {
    const said = linesOf({ type: "typed", item: "i", text: "hello" });
    const first = stamped([], said, 1_000);
    expect(first[0]).toMatchObject({ at: 1_000, until: 1_000 });
    const later = withEvent(first, reply("One"));
    const second = stamped(first, later, 2_000);
    expect(second[0]).toBe(first[0]);
    const third = stamped(second, withEvent(second, reply(", two")), 3_000);
    expect(third[1]).toMatchObject({ text: "One, two", at: 2_000, until: 3_000 });
  });

  it("does not grow for ever", () => {
    const many = Array.from({ length: MAX_LINES + 5 }, (_, index): CallEvent => {
      return { type: "typed", item: String(index), text: "x" };
    });
    const lines = linesOf(...many);
    expect(lines).toHaveLength(MAX_LINES);
    expect(lines[0]?.id).toBe("5");
  });
});

describe("a call of a tool", () => {
  const calling: CallEvent = { type: "calling", call: "c", name: "weather", arguments: "{}" };

  it("is a line that gets its result", () => {
    const called: CallEvent = {
      type: "called",
      call: "c",
      output: "sunny",
      status: "completed",
      durationMs: 52,
    };
    expect(linesOf(calling)).toMatchObject([{ who: "tool", name: "weather", status: null }]);
    expect(linesOf(calling, reply("It is sunny."), called)[0]).toMatchObject({
      output: "sunny",
      status: "completed",
      durationMs: 52,
    });
  });
});
