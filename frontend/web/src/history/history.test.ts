import { describe, expect, it } from "vitest";
import type { BotLine, Lines, PersonLine } from "../call/captions";
import { clock } from "./clock";
import { keep, kept, MOST_KEPT, MOST_RESTORED, saidIn } from "./kept";
import { asJson, asMarkdown, asVtt } from "./transcript";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

const you = (text: string, at: number, final = true): PersonLine => ({
  who: "you",
  id: `u${at}`,
  text,
  stable: text.length,
  final,
  at: T0 + at,
  until: T0 + at + 1500,
});
const vdx = (text: string, at: number, change: Partial<BotLine> = {}): BotLine => ({
  who: "vdx",
  id: `r${at}`,
  text,
  cutAt: null,
  paused: false,
  over: true,
  timing: null,
  at: T0 + at,
  until: T0 + at + 2000,
  ...change,
});
const LINES: Lines = [
  you("Hello & good <day>", 0),
  vdx("**One**, two, three.", 2000, {
    cutAt: 9,
    timing: { gapMs: 300, stages: { first_audio: 300 } },
  }),
  { who: "aside", id: "a", text: "Connected again." },
  you("stop", 3_601_000),
];

describe("the transcript", () => {
  it("is Markdown with times, what was cut off struck through", () => {
    expect(asMarkdown(LINES)).toBe(
      `# Conversation

**You** (${clock(T0)}): Hello & good <day>

**vdx** (${clock(T0 + 2000)}): **One**, ~~two, three.~~

*Connected again.*

**You** (${clock(T0 + 3_601_000)}): stop
`,
    );
  });

  it("has the calls of tools", () => {
    const call = {
      who: "tool",
      id: "c",
      name: "current_time",
      arguments: "{}",
      output: "noon",
      status: "completed",
      durationMs: 12,
      at: T0,
    } as const;
    expect(asMarkdown([call])).toContain("> `current_time({})` → `noon`");
    expect(JSON.parse(asJson([call])).lines[0]).toMatchObject({
      name: "current_time",
      output: "noon",
      duration_ms: 12,
    });
    expect(asVtt([call])).toBe("WEBVTT\n");
  });

  it("is JSON with times and stages", () => {
    const { lines } = JSON.parse(asJson(LINES));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toEqual({
      who: "you",
      at: "2026-01-02T03:04:05.000Z",
      until: "2026-01-02T03:04:06.500Z",
      text: "Hello & good <day>",
    });
    expect(lines[1]).toMatchObject({ text: "**One**,", cut_off: "two, three.", gap_ms: 300 });
  });

  it("is WebVTT that players take", () => {
    expect(asVtt(LINES)).toBe(
      `WEBVTT

00:00:00.000 --> 00:00:01.500
<v You>Hello &amp; good &lt;day&gt;

00:00:02.000 --> 00:00:04.000
<v vdx>One,

01:00:01.000 --> 01:00:02.500
<v You>stop
`,
    );
  });

  it("of nothing is empty", () => {
    expect(asVtt([])).toBe("WEBVTT\n");
    expect(JSON.parse(asJson([])).lines).toEqual([]);
  });
});

describe("what a tab keeps", () => {
  const memory = () => {
    const map = new Map<string, string>();
    return {
      getItem: (key: string) => map.get(key) ?? null,
      setItem: (key: string, value: string) => void map.set(key, value),
      removeItem: (key: string) => void map.delete(key),
    };
  };

  it("is what was said to its end", () => {
    const storage = memory();
    keep(storage, [...LINES, you("half a", 9, false), vdx("not yet", 10, { over: false })]);
    expect(kept(storage).map((line) => "text" in line && line.text)).toEqual([
      "Hello & good <day>",
      "**One**, two, three.",
      "stop",
    ]);
    keep(storage, []);
    expect(kept(storage)).toEqual([]);
  });

  it("has an end, and survives a full storage and what others wrote", () => {
    const storage = memory();
    keep(
      storage,
      Array.from({ length: MOST_KEPT + 9 }, (_, at) => you("x", at)),
    );
    expect(kept(storage)).toHaveLength(MOST_KEPT);
    const full = {
      ...storage,
      setItem: () => {
        throw new Error("full");
      },
    };
    keep(full, LINES);
    expect(kept(storage)).toEqual([]);
    for (const text of ["{", "3", "[null]", '[{"who":"you"}]']) {
      expect(kept({ getItem: () => text })).toEqual([]);
    }
  });

  it("is told to a new connection: of an answer only what sounded", () => {
    expect(saidIn(LINES)).toEqual([
      { who: "you", text: "Hello & good <day>" },
      { who: "vdx", text: "**One**," },
      { who: "you", text: "stop" },
    ]);
    expect(saidIn([vdx("unheard", 0, { cutAt: 0 })])).toEqual([]);
    expect(saidIn(Array.from({ length: 99 }, (_, at) => you("x", at)))).toHaveLength(MOST_RESTORED);
  });
});
