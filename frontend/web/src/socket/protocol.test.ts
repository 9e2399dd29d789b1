import { describe, expect, it } from "vitest";
import { CANCEL_ID, playback, type ServerEvent, translate } from "./protocol";
import { rate } from "./socket";

const told = (event: ServerEvent) => translate(event);
const done = (status: "completed" | "cancelled" | "failed"): ServerEvent => ({
  type: "response.done",
  response: {
    id: "r",
    status,
    status_details: { error: { message: "no voice" } },
    output: [{ content: [{ transcript: "What was played" }] }],
  },
});

describe("server events", () => {
  it("name the states as the page does", () => {
    const state = (name: string, thinking = false) =>
      told({ type: "vdx.state", state: name, thinking })[0];
    expect(state("barged_in")).toEqual({ type: "state", state: "interrupted" });
    expect(state("waiting_for_input")).toEqual({ type: "state", state: "waiting" });
    expect(state("listening", true)).toEqual({ type: "state", state: "thinking" });
  });

  it("carry partial and final words under the same id", () => {
    const [partial] = told({
      type: "vdx.transcript",
      item_id: "item_abc_u3",
      text: "go",
      stable: 0,
    });
    const [final] = told({
      type: "conversation.item.input_audio_transcription.completed",
      item_id: "item_abc_u3",
      transcript: "go on",
    });
    expect(partial).toMatchObject({ type: "heard", utterance: "item_abc_u3" });
    expect(final).toEqual({ type: "understood", utterance: "item_abc_u3", text: "go on" });
  });

  it("say what of a cancelled answer was played", () => {
    const over = { type: "replied", reply: "r", played: "What was played" };
    expect(told(done("cancelled"))).toEqual([{ ...over, cut: true }]);
    expect(told(done("completed"))).toEqual([{ ...over, cut: false }]);
    expect(told(done("failed"))[1]).toMatchObject({ topic: "answer" });
  });

  it("are told as errors, but for a cancel that came too late", () => {
    expect(told({ type: "error", error: { message: "broken" } })).toHaveLength(1);
    expect(told({ type: "error", error: { message: "late", event_id: CANCEL_ID } })).toEqual([]);
  });

  it("name the change of settings that was refused", () => {
    const error = { message: "no such language", event_id: "settings_3", param: "vdx.language" };
    expect(told({ type: "error", error })).toEqual([
      { type: "refused", update: "settings_3", param: "vdx.language", why: "no such language" },
    ]);
  });

  it("strip the speaker from the voice", () => {
    const session = { audio: { output: { voice: "espeak-en/en-us" } }, vdx: { recogniser: "p" } };
    const [models] = told({ type: "session.updated", session });
    expect(models).toEqual({ type: "models", voice: "espeak-en", recogniser: "p" });
  });

  it("that nobody knows are passed over", () => {
    expect(told({ type: "rate_limits.updated" } as unknown as ServerEvent)).toEqual([]);
    expect(told({ type: "vdx.new" } as unknown as ServerEvent)).toEqual([]);
  });
});

describe("playback", () => {
  it("drops what was cut off and finishes what was not", () => {
    expect(playback(done("cancelled"))).toBe("drop");
    expect(playback(done("completed"))).toBe("finish");
    expect(playback({ type: "vdx.playout.paused", response_id: "r" })).toBe("freeze");
    expect(playback({ type: "vdx.playout.resumed", response_id: "r" })).toBe("thaw");
    expect(playback({ type: "vdx.hint", message: "" })).toBeNull();
  });
});

describe("the connection's quality", () => {
  it.each([
    [5, 0, "good"],
    [200, 0, "fair"],
    [5, 1, "fair"],
    [500, 0, "poor"],
    [5, 3, "poor"],
  ])("%d ms and %d times without sound is %s", (roundTripMs, ranDry, quality) => {
    expect(rate(roundTripMs, ranDry)).toBe(quality);
  });
});

describe("calls of tools", () => {
  it("are told with arguments, and then with their result", () => {
    const started = {
      type: "vdx.tool.started",
      call_id: "c",
      name: "add",
      arguments: "{}",
    } as const;
    expect(told(started)).toEqual([{ type: "calling", call: "c", name: "add", arguments: "{}" }]);
    expect(
      told({
        type: "vdx.tool.done",
        call_id: "c",
        output: "5",
        status: "completed",
        duration_ms: 51.5,
      }),
    ).toEqual([{ type: "called", call: "c", output: "5", status: "completed", durationMs: 51.5 }]);
  });
});
