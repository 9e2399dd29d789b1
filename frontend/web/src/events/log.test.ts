import { expect, test, vi } from "vitest";
import { EventLog, MOST_ENTRIES, matching } from "./log";

test("events are kept in order, audio by its length, and told together", () => {
  vi.useFakeTimers();
  const log = new EventLog();
  const told = vi.fn();
  log.subscribe(told);
  log.add("out", { type: "input_audio_buffer.append", audio: "A".repeat(1000) });
  log.add("in", { type: "response.output_audio_transcript.delta", delta: "Hello" });
  expect(told).not.toHaveBeenCalled();
  vi.runAllTimers();
  expect(told).toHaveBeenCalledOnce();
  expect(log.get().map(({ direction, json }) => [direction, json])).toEqual([
    ["out", '{"type":"input_audio_buffer.append","audio":"(1000 characters of audio)"}'],
    ["in", '{"type":"response.output_audio_transcript.delta","delta":"Hello"}'],
  ]);
  for (let count = 0; count < MOST_ENTRIES + 5; count++) log.add("in", { type: "x" });
  vi.runAllTimers();
  expect(log.get()).toHaveLength(MOST_ENTRIES);
  vi.useRealTimers();
});

test("what comes all the time does not push the rest out", () => {
  const log = new EventLog();
  log.add("in", { type: "session.created" });
  for (let count = 0; count < MOST_ENTRIES; count++) {
    log.add("out", { type: "input_audio_buffer.append", audio: String(count) });
    log.add("in", { type: "vdx.vad", level: count });
  }
  log.add("in", { type: "vdx.state" });
  log.add("in", { type: "vdx.vad", level: 1 });
  log.tell();
  expect(log.get().map(({ type, times }) => [type, times])).toEqual([
    ["session.created", 1],
    ["input_audio_buffer.append", MOST_ENTRIES],
    ["vdx.vad", MOST_ENTRIES],
    ["vdx.state", 1],
    ["vdx.vad", 1],
  ]);
});

test("a filter takes words that must be there, and words that must not", () => {
  const log = new EventLog();
  log.add("in", { type: "vdx.vad", level: 3 });
  log.add("in", { type: "vdx.state", state: "listening" });
  log.add("out", { type: "session.update" });
  log.tell();
  const types = (filter: string) => matching(log.get(), filter).map(({ type }) => type);
  expect(types("")).toHaveLength(3);
  expect(types("VDX")).toEqual(["vdx.vad", "vdx.state"]);
  expect(types("vdx -vad")).toEqual(["vdx.state"]);
  expect(types("listening state")).toEqual(["vdx.state"]);
});
