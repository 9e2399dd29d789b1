import { beforeEach, expect, it, vi } from "vitest";
import type { Model } from "../../server/api";
import { languages } from "./languages";

const model = (name: string, ...tags: string[]): Model => ({
  name,
  state: "READY",
  languages: tags,
});
const KNOWN = [
  model("everything", "*"),
  model("three", "fr", "en", "de"),
  model("british", "en-GB"),
  { name: "never-loaded", state: "UNAVAILABLE" },
];

beforeEach(() => {
  vi.stubGlobal("document", { documentElement: { lang: "en" } });
});

const offered = (recogniser: string, voice: string, usual = "") =>
  languages(KNOWN, { recogniser, voice }, usual);

it("offers what the recogniser and the voice both know, by name", () => {
  expect(offered("three", "everything").slice(2)).toEqual([
    ["en", "English"],
    ["fr", "French"],
    ["de", "German"],
  ]);
  expect(offered("three", "british").slice(2)).toEqual([["en", "English"]]);
  expect(offered("never-loaded", "three").slice(2)).toHaveLength(3);
  expect(offered("", "british").slice(2)).toEqual([["en-GB", "British English"]]);
});

it("begins with what the profile says, and with automatic", () => {
  expect(offered("everything", "everything", "de")).toEqual([
    ["", "As the profile says (German)"],
    ["auto", "Automatic"],
  ]);
  expect(offered("three", "three")[0]).toEqual(["", "As the profile says"]);
  expect(offered("three", "three", "auto")[0]).toEqual(["", "As the profile says (Automatic)"]);
  expect(offered("three", "three", "no tag")[0]).toEqual(["", "As the profile says (no tag)"]);
});

it("says which recogniser cannot tell the language that automatic asks for", () => {
  const withCapabilities = (...capabilities: string[]) => [
    { ...model("recogniser", "*"), capabilities },
  ];
  const automatic = (known: readonly Model[]) =>
    languages(known, { recogniser: "recogniser", voice: "" }, "")[1];
  expect(automatic(withCapabilities("partials"))).toEqual([
    "auto",
    "Automatic (recogniser cannot tell)",
  ]);
  expect(automatic(withCapabilities("language_detection"))).toEqual(["auto", "Automatic"]);
  expect(automatic([model("recogniser")])).toEqual(["auto", "Automatic"]);
});
