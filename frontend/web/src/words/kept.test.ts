import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const SOURCE = join(import.meta.dirname, "..");
/** Two words with a capital at the beginning, as sentences and labels for people have them. */
const SENTENCE = /["'`][A-Z][a-z']* [a-z][^"'`]*["'`]/g;
const COMMENT = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm;

function sentences(file: string): readonly string[] {
  return readFileSync(file, "utf8").replace(COMMENT, "").match(SENTENCE) ?? [];
}

test("what people read is in the tables of words, so that every language has it", () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter(
    (name) => /\.tsx?$/.test(name) && !/\.test\.|^words/.test(name),
  );
  expect(files.length).toBeGreaterThan(50);
  const found = files.flatMap((name) => sentences(join(SOURCE, name)));
  expect(found).toEqual([]);
  expect(sentences(join(SOURCE, "words", "en.ts")).length).toBeGreaterThan(50);
});
