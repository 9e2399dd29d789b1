import { describe, expect, it } from "vitest";
import { backOff } from "./backoff";
import { refusal } from "./microphone";
import { decibels, onMeter } from "./sound";

const at = (url: string): Location => new URL(url) as unknown as Location;
const here = at("http://127.0.0.1:8080/");

describe("a microphone that is refused", () => {
  it.each([
    ["NotAllowedError", "The browser refused the microphone"],
    ["NotFoundError", "There is no microphone"],
    ["NotReadableError", "Another program holds the microphone"],
    ["OverconstrainedError", "Choose another one"],
    ["AbortError", "does not work: it broke"],
  ])("%s is told in words", (name, words) => {
    expect(refusal(new DOMException("it broke", name), here, true).text).toContain(words);
  });

  it.each([
    ["http://box:9000/", "ssh -L 9000:127.0.0.1:9000 user@box"],
    ["http://box/", "ssh -L 8080:127.0.0.1:80 user@box"],
  ])("at %s names the tunnel", (url, command) => {
    expect(refusal(null, at(url), false).command).toBe(command);
  });
});

describe("levels", () => {
  it("are decibels below full scale", () => {
    expect(decibels(32768)).toBe(0);
    expect(Math.round(decibels(200))).toBe(-44);
    expect(decibels(0)).toBeLessThan(-90);
  });

  it("stay on the meter", () => {
    expect(onMeter(0)).toBe(0);
    expect(onMeter(32768)).toBe(1);
    expect(onMeter(200)).toBeCloseTo(0.4, 1);
  });
});

describe("the next attempt", () => {
  it("comes later and later, within bounds", () => {
    expect(backOff(0, 0.5)).toBe(500);
    expect(backOff(3, 0.5)).toBe(4000);
    expect(backOff(100, 0.5)).toBe(15000);
    expect(backOff(0, 0)).toBe(400);
    expect(backOff(0, 1)).toBeCloseTo(600);
  });
});
