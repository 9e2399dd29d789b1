import { expect, test } from "vitest";
import { changes, failures, outcomes, samples, shareWithin, total } from "./metrics";

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

const CHANGES = `vdx_model_load_seconds_bucket{model="joe",le="1.0"} 2.0
vdx_model_load_seconds_count{model="joe"} 2.0
vdx_model_load_seconds_sum{model="joe"} 3.0
vdx_model_load_seconds_created{model="joe"} 1.7e+09
vdx_model_unload_seconds_count{model="amy"} 1.0
vdx_model_unload_seconds_sum{model="amy"} 0.25
vdx_model_evictions_total{model="amy",cause="ttl"} 1.0
vdx_model_loads_refused_total{model="ada"} 4.0
vdx_model_loads_waiting 1.0
vdx_model_leases{model="joe",server="t0"} 2.0
vdx_model_leases{model="joe",server="t1"} 3.0
vdx_routes_total{kind="tts",outcome="stays"} 7.0
vdx_routes_total{kind="asr",outcome="moves"} 9.0
vdx_routes_total{kind="asr",outcome="none"} 0.0
`;

test("what became of each model is counted and timed", () => {
  const none = { count: 0, seconds: 0 };
  expect(changes(samples(CHANGES))).toEqual([
    { model: "ada", loads: none, unloads: none, evicted: {}, refused: 4 },
    {
      model: "amy",
      loads: none,
      unloads: { count: 1, seconds: 0.25 },
      evicted: { ttl: 1 },
      refused: 0,
    },
    { model: "joe", loads: { count: 2, seconds: 1.5 }, unloads: none, evicted: {}, refused: 0 },
  ]);
  expect(changes(samples(TEXT))).toEqual([]);
});

test("metrics of several servers are summed, and outcomes sorted", () => {
  const all = samples(CHANGES);
  expect(total(all, "vdx_model_leases")).toBe(5);
  expect(outcomes(all, "vdx_routes_total")).toEqual([
    { kind: "asr", outcome: "moves", count: 9 },
    { kind: "tts", outcome: "stays", count: 7 },
  ]);
});
