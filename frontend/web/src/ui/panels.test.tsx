import { renderToStaticMarkup } from "react-dom/server";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Call } from "../call/call";
import { type Overview, replaceable, replacements } from "../operate/api";
import { ChangeTable } from "../operate/ChangeTable";
import { Load } from "../operate/Load";
import { ModelTable } from "../operate/ModelTable";
import { ServerTable } from "../operate/ServerTable";
import { SessionTable } from "../operate/SessionTable";
import { UpdateTable } from "../operate/UpdateTable";
import { App } from "./App";
import { EventView } from "./events/EventView";
import { HistoryPanel } from "./history/HistoryPanel";
import { LatencyView } from "./latency/LatencyView";
import { Drawer } from "./settings/Drawer";
import { OwnVoice } from "./settings/OwnVoice";

const none = () => undefined;

function callWithTurns(): Call {
  const call = new Call(() => new Promise(none), "long");
  for (const [id, gapMs] of [
    ["a", 200],
    ["b", 400],
  ] as const) {
    call.store.dispatch({ type: "typed", item: `i${id}`, text: "Hello" });
    call.store.dispatch({ type: "replying", reply: id, delta: "**Good** day" });
    call.store.dispatch({ type: "timed", reply: id, gapMs, stages: { endpoint: 150, other: 200 } });
  }
  return call;
}

beforeEach(() => {
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: none, removeItem: none });
  vi.stubGlobal("location", new URL("http://127.0.0.1:8080/?model=long"));
});

describe("what is drawn", () => {
  it("is the whole page, with what was said", () => {
    const html = renderToStaticMarkup(<App call={callWithTurns()} />);
    for (const id of [
      "talk",
      "captions",
      "text",
      "voice",
      "open-settings",
      "open-history",
      "ask",
    ]) {
      expect(html).toContain(`id="${id}"`);
    }
    expect(html).toContain("<strong>Good</strong>");
    expect(html).not.toContain("aria-pressed");
  });

  it("offers a voice of the person's own where a voice can take it", () => {
    const call = callWithTurns();
    const drawn = (capabilities: readonly string[]) =>
      renderToStaticMarkup(
        <OwnVoice
          call={call}
          settings={call.getSettings()}
          models={[{ name: "csm", state: "READY", kind: "tts", capabilities }]}
          onChange={async () => undefined}
        />,
      );
    expect(drawn(["streaming"])).toBe("");
    expect(drawn(["streaming", "zero_shot"])).toContain("Record my voice");
  });

  it("is a drawer in which every control has a label", () => {
    const html = renderToStaticMarkup(<Drawer call={callWithTurns()} onClose={none} />);
    const labels = [...html.matchAll(/<label for="([^"]+)"/g)].map(([, id]) => id);
    const fields = [...html.matchAll(/<(?:select|textarea|input)[^>]*? id="([^"]+)"/g)];
    expect(fields.map(([, id]) => id).sort()).toEqual(labels.sort());
    expect(labels.length).toBeGreaterThan(7);
    expect(html.match(/type="checkbox"/g)?.length).toBe(6);
    expect(html).toContain("As the profile says");
  });

  it("is what happened: lines with times, figures, events", () => {
    const call = callWithTurns();
    const { lines } = call.store.get();
    const history = renderToStaticMarkup(<HistoryPanel call={call} lines={lines} onClose={none} />);
    expect(history.match(/<time>\d\d:\d\d:\d\d<\/time>/g)).toHaveLength(4);
    expect(history).toContain("Good day");
    const latency = renderToStaticMarkup(<LatencyView lines={lines} />);
    expect(latency).toContain("<dd>200 ms</dd>");
    expect(latency).toContain("<dd>400 ms</dd>");
    expect(latency).toContain("end of turn decided");
    expect(latency).toContain("your pause");
    expect(renderToStaticMarkup(<LatencyView lines={[]} />)).toContain("No answer was timed yet.");
    call.log.add("in", { type: "session.created", session: { id: "s" } });
    call.log.tell();
    expect(renderToStaticMarkup(<EventView log={call.log} />)).toContain("← session.created");
  });
});

describe("the operator's page", () => {
  const known: Overview = {
    status: { ready: true, sessions: 1, max_sessions: 8, tasks: 30 },
    sessions: [
      {
        id: "abc",
        state: "waiting_for_input",
        profile: "long",
        voice: "espeak",
        recogniser: "pocketsphinx",
        messages: 4,
        gap_ms: 312.4,
      },
    ],
    models: [
      { name: "espeak", state: "READY", reason: "", kind: "tts", leases: 1, memory_mb: 20.4 },
      { name: "canned", state: "UNAVAILABLE", reason: "" },
      { name: "voices", state: "READY", reason: "", kind: "speaker" },
    ],
    servers: [
      {
        name: "one",
        addr: "127.0.0.1:8001",
        draining: false,
        models: { espeak: { state: "resident" }, canned: { state: "absent" } },
      },
    ],
    updates: [
      {
        name: "espeak",
        state: "rolled back",
        why: "3 of 3 requests failed",
        canary: 0.25,
        decided_here: true,
        old: { model: "espeak", requests: 5, errors: 0, median_ms: 40.4 },
        new: { model: "espeak-2", requests: 3, errors: 3, median_ms: null },
      },
      {
        name: "recogniser",
        state: "trial",
        why: "",
        canary: 0.1,
        decided_here: false,
        old: { model: "recogniser", requests: 0, errors: 0, median_ms: null },
        new: { model: "recogniser-2", requests: 0, errors: 0, median_ms: null },
      },
    ],
    failures: [{ service: "triton", code: "model_died", count: 2 }],
    withinASecond: 0.96,
    changes: [
      {
        model: "canned",
        loads: { count: 2, seconds: 1.26 },
        unloads: { count: 2, seconds: 0.04 },
        evicted: { ttl: 1, asked: 1 },
        refused: 0,
      },
      {
        model: "joe",
        loads: { count: 0, seconds: 0 },
        unloads: { count: 0, seconds: 0 },
        evicted: {},
        refused: 3,
      },
    ],
    waiting: 1,
    leases: 12,
    routes: [{ kind: "tts", outcome: "stays", count: 40 }],
    failovers: [{ kind: "asr", outcome: "elsewhere", count: 2 }],
    at: 0,
  };

  it("shows load, errors, conversations and models, with what can be done", () => {
    const load = renderToStaticMarkup(<Load known={known} />);
    for (const text of ["1 / 8", "96 %", "triton: model_died × 2"]) {
      expect(load).toContain(text);
    }
    const attempt = async () => undefined;
    const sessions = renderToStaticMarkup(
      <SessionTable sessions={known.sessions} attempt={attempt} />,
    );
    for (const text of ["waits for the person", "312 ms", "End session abc"]) {
      expect(sessions).toContain(text);
    }
    const models = renderToStaticMarkup(<ModelTable models={known.models} attempt={attempt} />);
    expect(models).toContain('aria-label="Unload when free: espeak"');
    expect(models).toContain('aria-label="Load: canned"');
    expect(models).toContain("speaker model");
    expect(models).not.toContain('aria-label="Unload: canned"');
    const servers = renderToStaticMarkup(<ServerTable servers={known.servers} attempt={attempt} />);
    expect(servers).toContain("<td>espeak</td>");
    expect(servers).toContain('aria-label="Drain: one"');
  });

  it("shows what was loaded, evicted and refused, what routing chose, and what failures cost", () => {
    const html = renderToStaticMarkup(<ChangeTable known={known} />);
    for (const text of [
      "<dt>Loads that wait</dt><dd>1</dd>",
      "<dt>Leases</dt><dd>12</dd>",
      "<td>2 × 1.3 s</td><td>2 × 0.0 s</td><td>idle × 1, when free × 1</td>",
      '<td>–</td><td>–</td><td>–</td><td class="number">3</td>',
      "voice: stayed where it was × 40",
      "recogniser: on another server × 2",
    ]) {
      expect(html.replaceAll("<!-- -->", "")).toContain(text);
    }
    const empty = { ...known, changes: [], routes: [], failovers: [] };
    expect(renderToStaticMarkup(<ChangeTable known={empty} />)).toContain("Nothing was loaded");
  });

  it("shows what became of updates, the newest first, and why", () => {
    const attempt = async () => undefined;
    const html = renderToStaticMarkup(<UpdateTable known={known} attempt={attempt} />);
    for (const text of ["went back", "3 of 3 requests failed", "5 requests, 0 errors, 40 ms"]) {
      expect(html).toContain(text);
    }
    expect(html).toContain("on trial, 10 %");
    expect(html.match(/decided by another server/g)).toHaveLength(1);
    expect(html.indexOf("on trial")).toBeLessThan(html.indexOf("went back"));
    expect(html.match(/Go back to the old version of/g)).toEqual(["Go back to the old version of"]);
  });

  it("offers in place of a model what is of its kind, or of none that is known", () => {
    const { models } = known;
    expect(replaceable(models).map(({ name }) => name)).toEqual(["espeak"]);
    const recogniser = { name: "recogniser", state: "READY", reason: "", kind: "asr" } as const;
    const names = replacements([...models, recogniser], "espeak").map(({ name }) => name);
    expect(names).toEqual(["canned"]);
  });
});
