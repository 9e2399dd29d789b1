import { describe, expect, it } from "vitest";
import { Resampler } from "./resampler";

const tone = (hz: number, rate: number, length: number): Float32Array =>
  Float32Array.from({ length }, (_, index) => Math.sin((2 * Math.PI * hz * index) / rate));

function through(resampler: Resampler, samples: Float32Array): number[] {
  const out: number[] = [];
  for (let at = 0; at < samples.length; at += 128) {
    out.push(...resampler.push(samples.slice(at, at + 128)));
  }
  return out;
}

const loudness = (samples: readonly number[]): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);

describe.each([48_000, 44_100, 16_000])("from %d Hz to 24 kHz", (rate) => {
  it("keeps a tone as loud, and makes as many samples as time passed", () => {
    const out = through(new Resampler(rate, 24_000), tone(1_000, rate, rate));
    expect(Math.abs(out.length - 24_000)).toBeLessThan(60);
    expect(loudness(out.slice(100, -100))).toBeCloseTo(Math.SQRT1_2, 2);
  });
});

it("takes away what 24 kHz cannot carry", () => {
  const out = through(new Resampler(48_000, 24_000), tone(18_000, 48_000, 48_000));
  expect(loudness(out.slice(100))).toBeLessThan(0.01);
});

it("hands through where the rates agree", () => {
  const block = tone(440, 24_000, 128);
  expect(new Resampler(24_000, 24_000).push(block)).toBe(block);
});
