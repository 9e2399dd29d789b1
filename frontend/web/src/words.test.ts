import { expect, test } from "vitest";
import { smallModel } from "./words";

test("the small model is named, and what to use instead", () => {
  const { text, command } = smallModel("Tiny");
  expect(text).toMatch(/^Tiny answers/);
  for (const word of ["Ollama", "vLLM", "hosted"]) expect(text).toContain(word);
  expect(command).toContain("--responder chat");
});
