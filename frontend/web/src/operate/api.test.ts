import { expect, test } from "vitest";
import { ApiError } from "../server/api";
import { words } from "../words";
import { troubleOf } from "./api";

test("a key is asked for where none was given, and where the given one may not", () => {
  const refusal = (status: number) => new ApiError(status, "told", false);
  expect(troubleOf(refusal(401))).toEqual({ needsKey: true, problem: "" });
  expect(troubleOf(refusal(403))).toEqual({ needsKey: true, problem: "told" });
  expect(troubleOf(refusal(503))).toEqual({ needsKey: false, problem: "told" });
});

test("a server that does not answer is told so", () => {
  const trouble = { needsKey: false, problem: words().operate.gone };
  expect(troubleOf(new TypeError("failed to fetch"))).toEqual(trouble);
});
