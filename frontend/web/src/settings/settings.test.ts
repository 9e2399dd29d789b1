import { describe, expect, it } from "vitest";
import { AUTOMATIC, type Profile } from "../server/api";
import { type Settings, store, stored, USUAL } from "./settings";
import { needsNewConversation, sessionUpdate } from "./update";
import { profileYaml } from "./yaml";

const set = (change: Partial<Settings>): Settings => ({ ...USUAL, ...change });

function memory(text: string | null = null) {
  let kept = text;
  return {
    getItem: () => kept,
    setItem: (_key: string, value: string) => {
      kept = value;
    },
  };
}

const BASE: Profile = {
  name: "vdx",
  voice: "espeak",
  speed: 1,
  recogniser: "pocketsphinx",
  language: "en",
  instructions: "Be brief.",
  greeting: "",
  responder: "repeat",
  language_model: "",
  barge_in: true,
  echo_cancellation: false,
  noise_suppression: false,
  finished_ms: 120,
  unfinished_ms: 1400,
  min_silence_duration_ms: 300,
  min_threshold: 200,
  threshold_multiplier: 2.5,
};

describe("what the browser keeps", () => {
  it("comes back as it was", () => {
    const storage = memory();
    const settings = set({ voice: "espeak", speed: 1.5, bargeIn: false, instructions: "" });
    store(storage, settings);
    expect(stored(storage, "")).toEqual(settings);
  });

  it("gives way to the profile of the address", () => {
    const storage = memory(JSON.stringify(set({ profile: "one" })));
    expect(stored(storage, "two").profile).toBe("two");
    expect(stored(storage, "").profile).toBe("one");
  });

  it("is left out where it does not fit", () => {
    for (const text of [null, "", "{", "3", "null", '{"speed":"fast","noise":1,"nothing":2}']) {
      expect(stored(memory(text), "")).toEqual(USUAL);
    }
  });
});

describe("the update of a session", () => {
  it("holds nothing where all is as the profile says", () => {
    expect(sessionUpdate(USUAL)).toEqual({});
  });

  it("holds what was set, in the protocol's places", () => {
    const settings = set({
      voice: "piper",
      speaker: "amy",
      speed: 1.25,
      instructions: "",
      recogniser: "whisper",
      language: "de",
      responder: "demo",
      patience: 2,
      sensitivity: 0.5,
      bargeIn: false,
      serverEcho: true,
    });
    expect(sessionUpdate(settings)).toEqual({
      instructions: "",
      audio: {
        input: { turn_detection: { type: "semantic_vad", interrupt_response: false } },
        output: { voice: "piper/amy", speed: 1.25 },
      },
      vdx: {
        recogniser: "whisper",
        language: "de",
        responder: "demo",
        pause_scale: 2,
        sensitivity: 0.5,
        echo_cancellation: true,
      },
    });
  });

  it("asks for the language that is spoken by its own name", () => {
    const settings = set({ language: AUTOMATIC });
    expect(sessionUpdate(settings)).toEqual({ vdx: { language: "auto" } });
    expect(profileYaml(settings, BASE)).toContain('language: "auto"');
  });

  it("names no speaker of a voice that was not chosen", () => {
    expect(sessionUpdate(set({ speaker: "amy" }))).toEqual({});
  });
});

describe("a new conversation is needed", () => {
  it("for another profile and for what is taken back", () => {
    expect(needsNewConversation(USUAL, set({ profile: "long" }))).toBe(true);
    expect(needsNewConversation(set({ patience: 2 }), USUAL)).toBe(true);
    expect(needsNewConversation(set({ voice: "a" }), USUAL)).toBe(true);
  });

  it("for nothing else", () => {
    const after = set({ patience: 3, instructions: "x", pushToTalk: true });
    expect(needsNewConversation(set({ patience: 2 }), after)).toBe(false);
    expect(needsNewConversation(after, { ...after, pushToTalk: false, echo: false })).toBe(false);
  });
});

describe("the YAML profile", () => {
  it("is what the settings make of the profile", () => {
    const yaml = profileYaml(set({ voice: "piper", patience: 0.5, sensitivity: 4 }), BASE);
    expect(yaml).toBe(
      `profiles:
  mine:
    voice: "piper"
    recogniser: "pocketsphinx"
    language: "en"
    speed: 1
    instructions: "Be brief."
    # responder: copy the section of the profile "vdx"
    endpointing:
      finished_ms: 60
      unfinished_ms: 700
    vad:
      min_silence_duration_ms: 150
      noise_gate:
        min_threshold: 50
        threshold_multiplier: 1.1
`,
    );
  });

  it("quotes what people write, and has what holds for all profiles outside of it", () => {
    const yaml = profileYaml(set({ instructions: 'Say "a: b"\nnow', bargeIn: false }), undefined);
    expect(yaml).toContain('instructions: "Say \\"a: b\\"\\nnow"');
    expect(yaml).toMatch(/\nbarge_in:\n {2}enabled: false\n$/);
  });
});
