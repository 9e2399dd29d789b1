import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Call } from "./call";
import type { Emit } from "./events";
import { type Beginning, type Said, type Transport, TransportError } from "./transport";

/** A conversation that is open at once and keeps what it is told. */
class FakeTransport implements Transport {
  readonly kind = "socket";
  readonly updates: object[] = [];
  /** The id of the last update. */
  id = "";
  readonly said: string[] = [];
  restored: readonly Said[] | null = null;
  isClosed = false;

  constructor(
    readonly emit: Emit,
    readonly beginning: Beginning,
    private readonly failure: Error | null,
  ) {}

  async open(): Promise<void> {
    if (this.failure) throw this.failure;
    this.emit({ type: "connected", session: "s" });
  }
  close(): void {
    this.isClosed = true;
  }
  async setMicrophone(): Promise<void> {}
  setMuted(): void {}
  async setSpeaker(): Promise<void> {}
  async swapModel(): Promise<void> {}
  interrupt(): void {}
  endTurn(): void {}
  outputLevel = (): number => 0;
  async update(session: object, id: string): Promise<void> {
    this.updates.push(session);
    this.id = id;
  }
  /** Refuses the last update, naming a key as the server does. */
  refuse(param: string): void {
    this.emit({ type: "refused", update: this.id, param, why: "it will not do" });
  }
  restore(said: readonly Said[]): boolean {
    this.restored = said;
    return true;
  }
  say(text: string): void {
    this.said.push(text);
    this.emit({ type: "typed", item: text, text });
  }
}

let made: FakeTransport[];
let failure: Error | null;

function begun(profile = ""): Call {
  const call = new Call(async (emit, beginning) => {
    const transport = new FakeTransport(emit, beginning, failure);
    made.push(transport);
    return transport;
  }, profile);
  call.say("one");
  return call;
}

const settle = () => vi.advanceTimersByTimeAsync(0);
const asides = (call: Call): string[] =>
  call.store.get().lines.flatMap((line) => (line.who === "aside" ? [line.text] : []));

beforeEach(() => {
  vi.useFakeTimers();
  made = [];
  failure = null;
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  vi.stubGlobal("localStorage", storage);
  vi.stubGlobal("sessionStorage", storage);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const answers = (status: number, error: object) =>
  vi.stubGlobal("fetch", async () => Response.json({ error }, { status }));

describe("a conversation that is refused", () => {
  it("is told with the reason, and not asked for again", async () => {
    failure = new TransportError("gone", "the server does not answer");
    answers(404, { message: "there is no profile 'nosuch'; there are: vdx", retryable: false });
    const call = begun("nosuch");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(made).toHaveLength(1);
    expect(call.store.get()).toMatchObject({ connection: "off", outage: null });
    expect(call.store.get().notices.connection?.text).toContain("there is no profile 'nosuch'");
  });

  it("for a while only, is asked for again, and at once when the person wants it", async () => {
    failure = new TransportError("gone", "the server does not answer");
    answers(503, { message: "the models are still loading", retryable: true });
    const call = begun();
    await settle();
    expect(call.store.get().outage?.why).toBe("the models are still loading");
    expect(call.store.get().notices).toEqual({});
    failure = null;
    call.resume();
    await settle();
    expect(made).toHaveLength(2);
    expect(call.store.get()).toMatchObject({ connection: "open", outage: null });
    expect(made[1]?.said).toEqual(["one"]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(made).toHaveLength(2);
  });
});

describe("a connection that is lost", () => {
  it("is followed by one that is told what was said", async () => {
    answers(503, { message: "full", retryable: true });
    const call = begun();
    await settle();
    made[0]?.emit({ type: "lost" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(made).toHaveLength(2);
    expect(made[1]?.restored).toEqual([{ who: "you", text: "one" }]);
    expect(made[1]?.beginning.greeting).toBe("");
    expect(asides(call)).toEqual(["Connected again. The conversation goes on."]);
  });

  it("is no such thing when the person ended it", async () => {
    const call = begun();
    await settle();
    call.end();
    call.say("two");
    await settle();
    expect(made[1]?.restored).toBeNull();
    expect(made[1]?.beginning.greeting).toBeNull();
    expect(asides(call)).toEqual([
      "A new conversation. The other side does not remember what is above.",
    ]);
  });
});

describe("lines that are typed without a connection", () => {
  it("are said later, as many as are one conversation", async () => {
    failure = new TransportError("gone", "the server does not answer");
    answers(503, { message: "the models are still loading", retryable: true });
    const call = begun();
    await settle();
    for (let line = 2; line <= 16; line++) expect(call.say(`${line}`)).toBe(true);
    expect(call.say("17")).toBe(false);
    expect(call.store.get().notices.typed?.text).toContain("16 lines wait");
    failure = null;
    call.resume();
    await settle();
    expect(made[1]?.said).toHaveLength(16);
    expect(call.store.get().notices.typed).toBeUndefined();
    expect(call.say("17")).toBe(true);
  });
});

describe("settings", () => {
  it("are taken at once, and by the next conversation", async () => {
    const call = begun();
    await settle();
    await call.change({ ...call.getSettings(), patience: 2 });
    expect(made[0]?.updates).toEqual([{ vdx: { pause_scale: 2 } }]);
    call.end();
    call.say("two");
    await settle();
    expect(made[1]?.updates).toEqual([{ vdx: { pause_scale: 2 } }]);
  });

  it("that are taken back begin a conversation that goes on", async () => {
    const call = begun();
    await settle();
    await call.change({ ...call.getSettings(), instructions: "Be brief." });
    await call.reset();
    await settle();
    expect(made).toHaveLength(2);
    expect(made[0]?.isClosed).toBe(true);
    expect(made[1]?.updates).toEqual([]);
    expect(made[1]?.restored).toHaveLength(1);
  });

  it("of another profile are asked for with its name", async () => {
    const call = begun("first");
    await settle();
    expect(made[0]?.beginning.profile).toBe("first");
    await call.change({ ...call.getSettings(), profile: "second" });
    await settle();
    expect(made[1]?.beginning.profile).toBe("second");
  });

  it("are sent as far as they changed", async () => {
    const call = begun();
    await settle();
    await call.change({ ...call.getSettings(), patience: 2 });
    await call.change({ ...call.getSettings(), language: "de" });
    expect(made[0]?.updates.at(-1)).toEqual({ vdx: { language: "de" } });
    await call.change({ ...call.getSettings(), voice: "piper", speaker: "amy" });
    await call.change({ ...call.getSettings(), speaker: "joe" });
    expect(made[0]?.updates.at(-1)).toEqual({ audio: { output: { voice: "piper/joe" } } });
  });

  it("that are refused are taken back and told, and hinder no later one", async () => {
    const call = begun();
    await settle();
    await call.change({ ...call.getSettings(), language: "de" });
    await call.change({ ...call.getSettings(), language: "xx" });
    made[0]?.refuse("session.vdx.language");
    expect(call.getSettings().language).toBe("de");
    expect(JSON.parse(localStorage.getItem("vdx-settings") ?? "").language).toBe("de");
    expect(call.store.get().notices.settings?.text).toBe(
      "Not changed: Language. The server says: it will not do.",
    );
    await call.change({ ...call.getSettings(), patience: 2 });
    expect(made[0]?.updates.at(-1)).toEqual({ vdx: { pause_scale: 2 } });
    expect(call.store.get().notices.settings).toBeUndefined();
    expect(made).toHaveLength(1);
  });

  it("that are refused can be mended where they were written", async () => {
    const call = begun();
    await settle();
    await call.change({ ...call.getSettings(), instructions: "Much too long." });
    made[0]?.refuse("session.instructions");
    expect(call.getSettings().instructions).toBeNull();
    expect(call.getUntaken()).toEqual({ instructions: "Much too long." });
    await call.change({ ...call.getSettings(), patience: 2 });
    expect(call.getUntaken()).toEqual({ instructions: "Much too long." });
    await call.change({ ...call.getSettings(), instructions: "Short." });
    expect(call.getUntaken()).toEqual({});
    await call.change({ ...call.getSettings(), instructions: "Much too long." });
    made[0]?.refuse("session.instructions");
    expect(call.getSettings().instructions).toBe("Short.");
    await call.reset();
    expect(call.getUntaken()).toEqual({});
  });

  it("that were kept and are refused now leave the others", async () => {
    const given = { language: "xx", speed: 1.5, patience: 2 };
    localStorage.setItem("vdx-settings", JSON.stringify(given));
    const call = begun();
    await settle();
    made[0]?.refuse("session.vdx.language");
    await settle();
    expect(made[0]?.updates.at(-1)).toEqual({
      audio: { output: { speed: 1.5 } },
      vdx: { pause_scale: 2 },
    });
    made[0]?.refuse("session.nothing_we_know");
    await settle();
    expect(made[0]?.updates).toHaveLength(2);
    expect(call.getSettings()).toMatchObject({ language: "", speed: null, patience: null });
    expect(call.store.get().notices.settings?.text).toContain("Speed, Patience");
  });

  it("hold no greeting that an address has no room for", async () => {
    const call = begun();
    await call.change({ ...call.getSettings(), greeting: "a".repeat(1000), speed: 2 });
    expect(call.getSettings().greeting).toHaveLength(1000);
    await call.change({ ...call.getSettings(), greeting: "あ".repeat(1000) });
    expect(call.getSettings()).toMatchObject({ greeting: "a".repeat(1000), speed: 2 });
    expect(call.store.get().notices.settings?.text).toBe("Not changed: Greeting is too long.");
  });

  it("name no profile of another day that is there no more", async () => {
    localStorage.setItem("vdx-settings", JSON.stringify({ profile: "gone" }));
    const gone = new TransportError("unknown", "there is no profile 'gone'; there are: vdx");
    const call = new Call(async (emit, beginning) => {
      const transport = new FakeTransport(emit, beginning, beginning.profile ? gone : null);
      made.push(transport);
      return transport;
    });
    call.say("one");
    await settle();
    expect(made.map(({ beginning }) => beginning.profile)).toEqual(["gone", ""]);
    expect(call.store.get().connection).toBe("open");
    expect(call.store.get().notices.settings?.text).toContain("Profile");
  });

  it("stay where the key may load no models", async () => {
    answers(403, { message: "this key may talk, and not admin", retryable: false });
    localStorage.setItem("vdx-settings", JSON.stringify({ voice: "chosen" }));
    const call = begun();
    await settle();
    expect(made[0]?.updates).toEqual([{ audio: { output: { voice: "chosen" } } }]);
    expect(call.getSettings().voice).toBe("chosen");
    expect(call.store.get().notices.models).toBeUndefined();
  });

  it("name no model that the server has no more", async () => {
    answers(404, { message: "there is no model 'gone'", retryable: false });
    localStorage.setItem("vdx-settings", JSON.stringify({ voice: "gone", patience: 2 }));
    const call = begun();
    await settle();
    expect(made[0]?.updates).toEqual([{ vdx: { pause_scale: 2 } }]);
    expect(call.getSettings().voice).toBe("");
    expect(call.store.get().notices.models?.text).toContain("there is no model 'gone'");
  });
});
