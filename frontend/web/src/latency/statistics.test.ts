import { expect, test } from "vitest";
import type { BotLine } from "../call/captions";
import { points, quantile, timedIn } from "./statistics";

test("the quantiles are values that were measured", () => {
  const values = Array.from({ length: 20 }, (_, index) => 20 - index);
  expect(quantile(values, 0.5)).toBe(10);
  expect(quantile(values, 0.95)).toBe(19);
  expect(quantile([7], 0.95)).toBe(7);
  expect(quantile([], 0.5)).toBeNull();
});

test("the chart begins at its left end, and higher values are higher", () => {
  expect(points([100, 200, 0], 100, 20)).toBe("0,10 50,0 100,20");
  expect(points([5], 100, 20)).toBe("0,0");
  expect(points([], 100, 20)).toBe("");
});

test("answers without a time are not counted", () => {
  const line: BotLine = {
    who: "vdx",
    id: "r",
    text: "Yes.",
    cutAt: null,
    paused: false,
    over: true,
    timing: null,
  };
  const timing = { gapMs: 300, stages: {} };
  expect(timedIn([line, { ...line, id: "s", timing }])).toEqual([
    { id: "s", text: "Yes.", timing },
  ]);
});
