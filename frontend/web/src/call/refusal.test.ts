import { afterEach, expect, test, vi } from "vitest";
import { ApiError } from "../server/api";
import { explain, refusalOf } from "./refusal";
import { TransportError } from "./transport";

vi.stubGlobal("sessionStorage", { getItem: () => null });
afterEach(() => vi.restoreAllMocks());

const answers = (status: number, message: string, retryable = false) =>
  vi
    .spyOn(globalThis, "fetch")
    .mockImplementation(async () => Response.json({ error: { message, retryable } }, { status }));

test.each([
  [400, false, "refused"],
  [401, false, "unauthorized"],
  [403, false, "refused"],
  [404, false, "unknown"],
  [429, false, "busy"],
  [500, false, "busy"],
  [503, true, "busy"],
] as const)("a refusal with %i is to be tried again or not", (status, retryable, refusal) => {
  expect(refusalOf(new ApiError(status, "why", retryable)).refusal).toBe(refusal);
});

test("a profile that is not there is named, with those that are", async () => {
  const asked = answers(404, "there is no profile 'nosuch'; there are: vdx, long");
  const why = await explain(new TransportError("gone", "refused"), "nosuch");
  expect(asked.mock.calls[0]?.[0]).toBe("vdx/admission?model=nosuch");
  expect(why.refusal).toBe("unknown");
  expect(why.message).toContain("vdx, long");
});

test("a server that does not answer is gone", async () => {
  vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("failed to fetch"));
  expect((await explain(new TransportError("gone", ""), "")).refusal).toBe("gone");
});
