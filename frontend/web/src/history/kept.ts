/** The captions of this tab, kept while it is open: a page that is loaded again shows them. */

import type { Line, Lines } from "../call/captions";
import type { Said } from "../call/transport";

const KEY = "vdx-captions";
/** Lines kept, and handed to a new connection: more than a language model is shown anyway. */
export const MOST_KEPT = 200;
export const MOST_RESTORED = 40;

export function keep(storage: Pick<Storage, "setItem" | "removeItem">, lines: Lines): void {
  const said = lines.filter(isSaid).slice(-MOST_KEPT);
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
    return Array.isArray(lines) ? lines.filter(isSaid) : [];
  } catch {
    return [];
  }
}

/** What both sides really said: of an answer that was cut, the words that sounded. */
export function saidIn(lines: Lines): readonly Said[] {
  return lines
    .filter(isSaid)
    .map(({ who, text, ...line }) => ({
      who: who as Said["who"],
      text: "cutAt" in line && line.cutAt !== null ? text.slice(0, line.cutAt).trim() : text,
    }))
    .filter(({ text }) => text)
    .slice(-MOST_RESTORED);
}

function isSaid(line: Line): boolean {
  const isOver = line?.who === "you" ? line.final : line?.who === "vdx" && line.over;
  return isOver && typeof line.text === "string" && line.text !== "";
}
