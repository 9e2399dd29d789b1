/** The captions of this tab, kept while it is open: a page that is loaded again shows them. */

import type { BotLine, Line, Lines, PersonLine } from "../call/captions";
import type { Said } from "../call/transport";

const KEY = "vdx-captions";
/** Lines kept, and handed to a new connection: more than a language model is shown anyway. */
export const MOST_KEPT = 200;
export const MOST_RESTORED = 40;

export function keep(storage: Pick<Storage, "setItem" | "removeItem">, lines: Lines): void {
  const said = lines.filter(isWhole).slice(-MOST_KEPT);
  try {
    if (said.length) storage.setItem(KEY, JSON.stringify(said));
    else storage.removeItem(KEY);
  } catch {
    storage.removeItem(KEY); // the storage is full: the captions on the page stay
  }
}

export function kept(storage: Pick<Storage, "getItem">): Lines {
  try {
    const lines: unknown = JSON.parse(storage.getItem(KEY) ?? "[]");
    return Array.isArray(lines) ? lines.filter(isWhole) : [];
  } catch {
    return [];
  }
}

/** What both sides really said: of an answer that was cut, the words that sounded. */
export function saidIn(lines: Lines): readonly Said[] {
  return lines
    .filter(isWhole)
    .map((line) => ({
      who: line.who,
      text:
        line.who === "vdx" && line.cutAt !== null
          ? line.text.slice(0, line.cutAt).trim()
          : line.text,
    }))
    .filter(({ text }) => text)
    .slice(-MOST_RESTORED);
}

/** A line of either side that will not change any more. */
function isWhole(line: Line): line is PersonLine | BotLine {
  if (line?.who === "you") return line.final && isText(line.text);
  return line?.who === "vdx" && line.over && isText(line.text);
}

const isText = (text: unknown): boolean => typeof text === "string" && text !== "";
