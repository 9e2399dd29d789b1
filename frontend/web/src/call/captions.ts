/** The captions of both sides: pure functions from a list of lines and an event to a new list. */

import { words } from "../words";
import type { CallEvent, Stages, ToolStatus } from "./events";

export interface Timing {
  readonly gapMs: number;
  readonly stages: Stages;
}

/** When a line was first there and when it last changed, in milliseconds since 1970. */
export interface Times {
  readonly at?: number;
  readonly until?: number;
}

export interface PersonLine extends Times {
  readonly who: "you";
  readonly id: string;
  readonly text: string;
  readonly stable: number;
  readonly final: boolean;
}

export interface BotLine extends Times {
  readonly who: "vdx";
  readonly id: string;
  readonly text: string;
  /** Characters that sounded, of an answer that was cut; null for one that was not. */
  readonly cutAt: number | null;
  readonly paused: boolean;
  readonly over: boolean;
  readonly timing: Timing | null;
}

export interface Aside extends Times {
  readonly who: "aside";
  readonly id: string;
  readonly text: string;
}

/** A call of a tool; `status` is null while it runs. */
export interface ToolLine extends Times {
  readonly who: "tool";
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  readonly output: string | null;
  readonly status: ToolStatus | null;
  readonly durationMs: number | null;
}

export type Line = PersonLine | BotLine | Aside | ToolLine;
export type Lines = readonly Line[];

/** Older lines are let go: a call may last for hours. */
export const MAX_LINES = 1000;

export function withEvent(lines: Lines, event: CallEvent): Lines {
  switch (event.type) {
    case "heard":
      return event.text ? heard(lines, event.utterance, event.text, event.stable, false) : lines;
    case "understood":
      if (!event.text) return without(lines, event.utterance);
      return heard(lines, event.utterance, event.text, event.text.length, true);
    case "dismissed":
      return lines.filter((line) => line.who !== "you" || line.final);
    case "typed":
      return added(lines, personLine(event.item, event.text));
    case "replying":
      return spoken(lines, event.reply, event.delta);
    case "paused":
    case "resumed":
      return changed(lines, event.reply, { paused: event.type === "paused" });
    case "replied":
      return replied(lines, event);
    case "calling": {
      const { call: id, name, arguments: given } = event;
      const running = { output: null, status: null, durationMs: null } as const;
      return added(lines, { who: "tool", id, name, arguments: given, ...running });
    }
    case "called":
      return called(lines, event);
    case "timed":
      return timed(lines, event.reply, { gapMs: event.gapMs, stages: event.stages });
    case "lost":
      return closed(lines);
    case "renewed":
      return begunAgain(closed(lines), false);
    case "joined":
      return begunAgain(lines, event.remembers);
    default:
      return lines;
  }
}

/**
 * Where an answer was cut: the length of the part of `text` that says `played`, spaces aside.
 * A voice may leave out what it cannot speak, so letters and digits alone are compared.
 */
export function cutPosition(text: string, played: string): number {
  const wanted = Array.from(played).filter(isSpoken);
  let matched = 0;
  let position = 0;
  for (const character of text) {
    if (matched === wanted.length) break;
    if (isSpoken(character)) {
      if (character.toLowerCase() !== wanted[matched]?.toLowerCase()) break;
      matched += 1;
    }
    position += character.length;
  }
  return matched === 0 ? 0 : endOfWord(text, position);
}

const isSpoken = (character: string): boolean => /[\p{L}\p{N}]/u.test(character);

/** Takes along the full stop or comma behind the last word. */
function endOfWord(text: string, position: number): number {
  const rest = /^[^\p{L}\p{N}\s]+/u.exec(text.slice(position));
  return position + (rest ? rest[0].length : 0);
}

function personLine(id: string, text: string): PersonLine {
  return { who: "you", id, text, stable: text.length, final: true };
}

function heard(lines: Lines, id: string, text: string, stable: number, final: boolean): Lines {
  const line: PersonLine = { who: "you", id, text, stable, final };
  return lines.some((known) => known.id === id)
    ? lines.map((known) => (known.id === id ? line : known))
    : added(lines, line);
}

function spoken(lines: Lines, id: string, delta: string): Lines {
  const known = lines.find((line) => line.id === id);
  if (known?.who === "vdx") return changed(lines, id, { text: known.text + delta });
  const fresh = { who: "vdx", id, text: delta, cutAt: null, paused: false } as const;
  return added(lines, { ...fresh, over: false, timing: null });
}

function replied(lines: Lines, event: Extract<CallEvent, { type: "replied" }>): Lines {
  const line = lines.find((known) => known.id === event.reply);
  if (line?.who !== "vdx") return lines;
  const kept = event.played === null ? line.text.length : cutPosition(line.text, event.played);
  const isWhole = !/[\p{L}\p{N}]/u.test(line.text.slice(kept));
  const cutAt = event.cut && !isWhole ? kept : null;
  return changed(lines, event.reply, { over: true, paused: false, cutAt });
}

function called(lines: Lines, event: Extract<CallEvent, { type: "called" }>): Lines {
  const { call, output, status, durationMs } = event;
  return lines.map((line) =>
    line.who === "tool" && line.id === call ? { ...line, output, status, durationMs } : line,
  );
}

/** The milliseconds may come before the first words: then they wait for them in an empty line. */
function timed(lines: Lines, id: string, timing: Timing): Lines {
  const known = lines.some((line) => line.id === id);
  return changed(known ? lines : spoken(lines, id, ""), id, { timing });
}

/** A lost connection ends the answer that was under way. */
function closed(lines: Lines): Lines {
  return lines.map((line) =>
    line.who === "vdx" && !line.over ? { ...line, over: true, paused: false } : line,
  );
}

/** Says between the old lines and the new ones whether the other side knows the old ones. */
function begunAgain(lines: Lines, remembers: boolean): Lines {
  const last = lines.at(-1);
  if (!last) return lines;
  const text = remembers ? words().captions.resumed : words().captions.anew;
  const aside: Aside = { who: "aside", id: `after-${last.id}`, text };
  return last.who === "aside" ? [...lines.slice(0, -1), aside] : added(lines, aside);
}

/** `after` with times: those of `before` where a line was there, `now` where it came or changed. */
export function stamped(before: Lines, after: Lines, now: number): Lines {
  if (after === before) return after;
  const known = new Map(before.map((line) => [line.id, line]));
  return after.map((line) => {
    const old = known.get(line.id);
    if (line === old) return line;
    const { at = now }: Times = old ?? {};
    return { ...line, at, until: now };
  });
}

function changed(lines: Lines, id: string, change: Partial<BotLine>): Lines {
  return lines.map((line) =>
    line.id === id && line.who === "vdx" ? { ...line, ...change } : line,
  );
}

function without(lines: Lines, id: string): Lines {
  return lines.filter((line) => line.id !== id);
}

function added(lines: Lines, line: Line): Lines {
  return [...lines, line].slice(-MAX_LINES);
}
