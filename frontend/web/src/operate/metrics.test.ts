import { expect, test } from "vitest";
import { failures, samples, shareWithin } from "./metrics";

const TEXT = `# HELP vdx_errors_total Errors
# TYPE vdx_errors_total counter
vdx_errors_total{service="triton",code="model_died"} 2.0
vdx_errors_total{service="a\\"b",code="x"} 5.0
vdx_errors_total{service="session",code="never"} 0.0
vdx_turn_gap_seconds_bucket{le="1.0"} 3.0
vdx_turn_gap_seconds_bucket{le="+Inf"} 4.0
vdx_sessions 1.0
`;

test("errors are counted by what failed, the most frequent first", () => {
  expect(failures(samples(TEXT))).toEqual([
    { service: 'a\\"b', code: "x", count: 5 },
    { service: "triton", code: "model_died", count: 2 },
  ]);
  expect(failures(samples(""))).toEqual([]);
});

test("the share of fast answers is that of the histogram", () => {
  expect(shareWithin(samples(TEXT), "1.0")).toBe(0.75);
  expect(shareWithin(samples("vdx_sessions 1.0"), "1.0")).toBeNull();
});
