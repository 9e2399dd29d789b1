import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import type { Call } from "../call/call";
import type { BotLine, ToolLine } from "../call/captions";
import { type Action, INITIAL, mood, reduce } from "../call/state";
import { words } from "../words";
import { Caption } from "./Captions";
import { setLevel } from "./hooks";
import { forPeople } from "./Models";
import { Notices } from "./Notices";
import { Quality } from "./Quality";
import { advice } from "./Stage";
import { linkTo } from "./settings/Actions";
import { ToolCall } from "./ToolCall";
import { rows, Waterfall } from "./Waterfall";

const answer: BotLine = {
  who: "vdx",
  id: "r",
  text: "One, two.",
  cutAt: null,
  paused: false,
  over: true,
  timing: null,
};
const timing = { gapMs: 302, stages: { endpoint: 300, pause_noticed: 60, first_audio: 302 } };

describe("captions", () => {
  it("strike through what was cut off", () => {
    const html = renderToStaticMarkup(<Caption line={{ ...answer, cutAt: 4 }} />);
    expect(html).toContain("One, <del>");
    expect(html).toContain("</span>two.</del>");
    expect(renderToStaticMarkup(<Caption line={answer} />)).not.toContain("<del>");
  });

  it("escape what people and models say", () => {
    const html = renderToStaticMarkup(<Caption line={{ ...answer, text: "<img src=x>" }} />);
    expect(html).not.toContain("<img");
  });

  it("show the call of a tool, its result and how long it took", () => {
    const line = { who: "tool", id: "c", name: "add", arguments: '{"a":1}' } as const;
    const running = { ...line, output: null, status: null, durationMs: null };
    expect(renderToStaticMarkup(<Caption line={running} />)).toContain("<code>add</code> …");
    const done = { ...line, output: "3", status: "completed", durationMs: 52 } as const;
    const html = renderToStaticMarkup(<Caption line={done} />);
    expect(html).toContain("52 ms");
    expect(html).toContain("<pre>3</pre>");
  });

  it("show nothing before the first word", () => {
    expect(renderToStaticMarkup(<Caption line={{ ...answer, text: "", timing }} />)).toBe("");
  });
});

describe("the waterfall", () => {
  it("puts the stages in order, each where the last one ended", () => {
    expect(rows(timing)).toEqual([
      { stage: "pause_noticed", from: 0, to: 60 },
      { stage: "endpoint", from: 60, to: 300 },
      { stage: "first_audio", from: 300, to: 302 },
    ]);
  });

  it("copes with a stage before the end of speech", () => {
    expect(rows({ gapMs: 10, stages: { first_text: -20, first_audio: 10 } })).toEqual([
      { stage: "first_text", from: 0, to: 0 },
      { stage: "first_audio", from: 0, to: 10 },
    ]);
  });

  it("names stages in words, new ones too", () => {
    const stages = { ...timing.stages, new_stage: 310 };
    const html = renderToStaticMarkup(<Waterfall timing={{ gapMs: 302, stages }} />);
    expect(html).toContain("end of turn decided");
    expect(html).toContain("new stage");
    expect(html).toContain("302 ms");
  });
});

describe("the quality", () => {
  it("is shown while connected", () => {
    const open = { ...INITIAL, connection: "open", quality: "poor", roundTripMs: 412.4 } as const;
    const html = renderToStaticMarkup(<Quality state={open} />);
    expect(html).toContain("Poor connection");
    expect(html).toContain("412 ms");
    expect(renderToStaticMarkup(<Quality state={INITIAL} />)).toContain("hidden");
  });
});

it("has words for every mood", () => {
  expect(words().moods[mood(INITIAL)].word).toBe("Ready");
});

describe("the advice", () => {
  it("tells touch devices of no key", () => {
    const muted = { ...INITIAL, connection: "open", microphone: "muted" } as const;
    for (const state of [INITIAL, muted]) {
      expect(advice(state, false, false)).toContain("space bar");
      expect(advice(state, false, true)).not.toContain("space bar");
      expect(advice(state, true, true)).toContain("Hold the button");
      expect(advice(state, true, true)).not.toContain("space bar");
    }
  });
});

describe("the menus", () => {
  const models = [
    { name: "tone", state: "READY", family: "tone" },
    { name: "canned-uh", state: "UNAVAILABLE", family: "canned" },
    { name: "joe", state: "READY", family: "piper" },
    { name: "unknown", state: "UNAVAILABLE" },
  ];
  const names = (...given: Parameters<typeof forPeople>) =>
    forPeople(...given).map(({ name }) => name);

  it("hold no models for tests, unless one is in use or asked for", () => {
    expect(names(models, [], "")).toEqual(["joe", "unknown"]);
    expect(names(models, ["tone"], "?model=x")).toEqual(["tone", "joe", "unknown"]);
    expect(names(models, [], "?models=all")).toHaveLength(4);
  });
});

describe("the link", () => {
  it("opens the profile, and keeps what else the address says", () => {
    const href = "http://box:8080/?transport=socket&model=old#x";
    expect(linkTo("my profile", href)).toBe("http://box:8080/?transport=socket&model=my+profile");
  });
});

describe("a lost connection", () => {
  it("is one banner with a button, and nothing that contradicts it", () => {
    const state = [
      { type: "connected", session: "s" },
      { type: "notice", topic: "answer", notice: { text: "Something went wrong: stopping" } },
      { type: "lost" },
      { type: "waiting", why: "the server does not answer.", retryAt: 4_000 },
      { type: "notice", topic: "models", notice: { text: "The server does not answer." } },
      { type: "notice", topic: "answer", notice: { text: "Something went wrong" } },
    ].reduce((before, action) => reduce(before, action as Action, 1_000), INITIAL);
    const call = { resume: () => undefined } as unknown as Call;
    const html = renderToStaticMarkup(<Notices call={call} state={state} />);
    expect(html.match(/class="notice/g)).toHaveLength(1);
    expect(html).toContain("No connection: the server does not answer.");
    expect(html).toContain("Try now");
    const back = reduce(state, { type: "connected", session: "t" }, 5_000);
    expect(renderToStaticMarkup(<Notices call={call} state={back} />)).not.toContain("data-topic");
  });
});

describe("a call of a tool", () => {
  const line: ToolLine = {
    who: "tool",
    id: "c",
    name: "weather",
    arguments: '{"city": "<b>"}',
    output: "none",
    status: "timed_out",
    durationMs: 10_000,
  };

  it("tells how it ended in words, not by its colour alone", () => {
    const html = (of: Partial<ToolLine>) =>
      renderToStaticMarkup(<ToolCall line={{ ...line, ...of }} />);
    expect(html({})).toContain("10000 ms, took too long");
    expect(html({ status: "completed" })).toContain("10000 ms</summary>");
    expect(html({})).toContain("&lt;b&gt;");
  });
});

it("sets a level only where it changed", () => {
  const written: string[] = [];
  const style = {
    getPropertyValue: () => written.at(-1) ?? "",
    setProperty: (_: string, value: string) => written.push(value),
  };
  const element = { style } as unknown as HTMLElement;
  for (const level of [0, 0, 0.5, 0.50001, 0]) setLevel(element, "--level", level);
  expect(written).toEqual(["0.000", "0.500", "0.000"]);
  setLevel(null, "--level", 1);
});
