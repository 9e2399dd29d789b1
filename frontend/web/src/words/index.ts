/** The words of the page in the language of its reader; English until another one is loaded. */

import { en, type Words } from "./en";

export type { Words } from "./en";

export const LANGUAGES: Readonly<Record<string, string>> = {
  en: "English",
  de: "Deutsch",
  fr: "Français",
  es: "Español",
};

const LOADED: Readonly<Record<string, () => Promise<Words>>> = {
  en: async () => en,
  de: async () => (await import("./de")).de,
  fr: async () => (await import("./fr")).fr,
  es: async () => (await import("./es")).es,
};

const KEY = "vdx-words";
let current: Words = en;

export const words = (): Words => current;

/** The first of the wanted BCP-47 tags that the page has words for. */
export function languageFor(wanted: readonly string[]): string {
  const primary = wanted.map((tag) => tag.toLowerCase().split("-")[0] ?? "");
  return primary.find((tag) => tag in LANGUAGES) ?? "en";
}

/** What was chosen on this page; empty: as the browser. */
export const chosenLanguage = (): string => localStorage.getItem(KEY) ?? "";

export function chooseLanguage(tag: string): void {
  if (tag) localStorage.setItem(KEY, tag);
  else localStorage.removeItem(KEY);
}

/** Loads the words before anything is drawn. */
export async function loadWords(): Promise<void> {
  const chosen = chosenLanguage();
  const tag = languageFor(chosen ? [chosen] : navigator.languages);
  current = (await LOADED[tag]?.()) ?? en;
  document.documentElement.lang = tag;
}
