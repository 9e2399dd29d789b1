import { expect, test } from "vitest";
import { languageFor } from ".";
import { de } from "./de";
import { en } from "./en";
import { es } from "./es";
import { fr } from "./fr";

/** Every text with its place; of functions, what they make of arguments that cannot be missed. */
function texts(table: object, place = ""): [place: string, text: string][] {
  return Object.entries(table).flatMap(([key, value]: [string, unknown]) => {
    const here = `${place}.${key}`;
    if (typeof value === "function") return [[here, String(value("«7»", "«8»"))]];
    if (typeof value === "string") return [[here, value]];
    return texts(value as object, here);
  });
}

test.each([
  ["German", de],
  ["French", fr],
  ["Spanish", es],
])("%s has all words, and what is put into them", (_name, table) => {
  const english = texts(en);
  const theirs = texts(table);
  expect(theirs.map(([place]) => place)).toEqual(english.map(([place]) => place));
  for (const [index, [place, text]] of theirs.entries()) {
    expect(text, place).not.toBe("");
    const marks = (said: string) => [...said.matchAll(/«\d»/g)].map(([mark]) => mark).sort();
    expect(marks(text), place).toEqual(marks(english[index]?.[1] ?? ""));
  }
});

test("every end that a server tells has words", () => {
  const ends = ["call_ended", "ended_by_operator", "gone", "idle_timeout", "max_messages"];
  const told = [...ends, "max_session_duration", "slow_reader"];
  expect(Object.keys(en.connection.reasons).sort()).toEqual(told);
});

test("the first language of the browser that there are words for is taken", () => {
  expect(languageFor(["pt-BR", "fr-CA", "en"])).toBe("fr");
  expect(languageFor(["DE"])).toBe("de");
  expect(languageFor(["ja"])).toBe("en");
  expect(languageFor([])).toBe("en");
});

test("the small model is named, and what to use instead", () => {
  const text = en.models.small("Tiny");
  expect(text).toMatch(/^Tiny answers/);
  for (const word of ["Ollama", "vLLM", "hosted"]) expect(text).toContain(word);
});
