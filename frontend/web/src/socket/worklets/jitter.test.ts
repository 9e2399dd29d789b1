import { describe, expect, it } from "vitest";
import { JitterBuffer } from "./jitter";

const RATE = 24_000;
const BLOCK = 128;
const START = 0.04 * RATE;

/** Numbers its samples from `from`, so that each can be told from the others. */
const counted = (length: number, from = 1): Int16Array =>
  Int16Array.from({ length }, (_, index) => from + index);

function pull(buffer: JitterBuffer, blocks: number): number[] {
  const heard: number[] = [];
  for (let i = 0; i < blocks; i++) {
    const out = new Float32Array(BLOCK);
    buffer.pull(out);
    heard.push(...out);
  }
  return heard.map((sample) => Math.round(sample * 32768));
}

describe("the jitter buffer", () => {
  it("waits until 40 ms are there", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.add(counted(START - 1));
    expect(pull(buffer, 1).every((sample) => sample === 0)).toBe(true);
    buffer.add(counted(1));
    pull(buffer, 1);
    expect(buffer.counters.played).toBe(BLOCK);
  });

  it("loses no sample between freezing and thawing", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.add(counted(4 * START));
    pull(buffer, 4);
    buffer.freeze();
    const paused = pull(buffer, 20);
    expect(paused.slice(BLOCK).every((sample) => sample === 0)).toBe(true);
    const before = buffer.counters.played;
    buffer.thaw();
    const resumed = pull(buffer, 4);
    // After the fade-in each sample is its own number: none was skipped, none came twice.
    expect(resumed.slice(200, 210)).toEqual(Array.from(counted(10, before + 201)));
    expect(buffer.counters.frozen).toBeGreaterThan(10 * BLOCK);
  });

  it("drops the rest within 5 ms and starts afresh", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.add(counted(4 * START));
    pull(buffer, 4);
    buffer.drop();
    const rest = pull(buffer, 4);
    expect(rest.slice(0.005 * RATE).every((sample) => sample === 0)).toBe(true);
    buffer.begin();
    buffer.add(counted(START));
    pull(buffer, 4);
    expect(buffer.counters.underruns).toBe(0);
  });

  it("drops everything at once while frozen", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.add(counted(2 * START));
    pull(buffer, 1);
    buffer.freeze();
    pull(buffer, 4);
    buffer.drop();
    expect(pull(buffer, 4).every((sample) => sample === 0)).toBe(true);
  });

  it("plays a short answer as soon as it is whole", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.begin();
    buffer.add(counted(100));
    buffer.finish();
    pull(buffer, 1);
    expect(buffer.counters).toMatchObject({ played: 100, underruns: 0 });
  });

  it("waits longer after it ran dry", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.add(counted(START));
    pull(buffer, 12);
    expect(buffer.counters.underruns).toBe(1);
    buffer.add(counted(START));
    pull(buffer, 2);
    expect(buffer.counters.played).toBe(START);
    buffer.add(counted(0.02 * RATE));
    pull(buffer, 1);
    expect(buffer.counters.played).toBe(START + BLOCK);
  });

  it("counts what did not fit", () => {
    const buffer = new JitterBuffer(RATE);
    for (let i = 0; i < 5; i++) buffer.add(counted(RATE));
    pull(buffer, 1);
    expect(buffer.counters.overflows).toBe(RATE);
  });
});
