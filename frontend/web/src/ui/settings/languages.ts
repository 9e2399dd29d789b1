/** The languages that a conversation can have. */

import { AUTOMATIC, type Model } from "../../server/api";
import { words } from "../../words";

/**
 * As the profile says, automatic, and what both the recogniser and the voice know, by name. A
 * recogniser that is not known, or none, leaves the voice's; "*" in a list is every language.
 */
export function languages(
  known: readonly Model[],
  { voice, recogniser }: { readonly voice: string; readonly recogniser: string },
  usual: string,
): readonly (readonly [tag: string, name: string])[] {
  const { own, automatic, automaticNot } = words().settings;
  const spoken = of(known, voice);
  const heard = of(known, recogniser);
  const both = heard.includes("*") ? spoken : heard.filter((tag) => serves(spoken, tag));
  const named = [...new Set(both.filter((tag) => tag !== "*"))].map(
    (tag) => [tag, languageName(tag)] as const,
  );
  named.sort(([, one], [, other]) => one.localeCompare(other));
  const follows = detects(known, recogniser) ? automatic : automaticNot(recogniser);
  return [["", usual ? `${own} (${languageName(usual)})` : own], [AUTOMATIC, follows], ...named];
}

/** A language by its name in the language of the page, or a tag that nobody knows as it is. */
function languageName(tag: string): string {
  if (tag === AUTOMATIC) return words().settings.automatic;
  try {
    const names = new Intl.DisplayNames(document.documentElement.lang, { type: "language" });
    return names.of(tag) ?? tag;
  } catch {
    return tag; // no language tag
  }
}

/** Whether a recogniser tells which language it hears, as far as is known. */
const detects = (known: readonly Model[], recogniser: string): boolean =>
  known.find((model) => model.name === recogniser)?.capabilities?.includes("language_detection") ??
  true;

const of = (known: readonly Model[], name: string): readonly string[] =>
  known.find((model) => model.name === name)?.languages ?? ["*"];

const primary = (tag: string): string => tag.toLowerCase().split(/[-_]/)[0] ?? "";

const serves = (tags: readonly string[], wanted: string): boolean =>
  tags.some((tag) => tag === "*" || primary(tag) === primary(wanted));
