/** The transcript in the forms that people take away. Pure; times are those of the reader's zone. */

import type { BotLine, Line, Lines, PersonLine, ToolLine } from "../call/captions";
import { plain } from "../ui/markdown/segments";
import { words } from "../words";
import { clock } from "./clock";

type Said = PersonLine | BotLine;

const isSaid = (line: Line): line is Said =>
  (line.who === "you" || line.who === "vdx") && line.text !== "";

const isSaidOrCalled = (line: Line): line is Said | ToolLine => line.who === "tool" || isSaid(line);

const nameOf = (line: Said): string => (line.who === "you" ? words().captions.you : "vdx");

/** What sounded of an answer, and what was cut off. */
function parts(line: Said): readonly [heard: string, cut: string] {
  if (line.who === "you" || line.cutAt === null) return [line.text, ""];
  return [line.text.slice(0, line.cutAt).trimEnd(), line.text.slice(line.cutAt).trim()];
}

/** A paragraph for each line; what was cut off is struck through. */
export function asMarkdown(lines: Lines): string {
  const title = `# ${words().history.title}\n`;
  const paragraphs = lines.map((line) => {
    if (line.who === "aside") return `\n*${line.text}*\n`;
    if (line.who === "tool") return `\n> ${called(line)}\n`;
    if (!isSaid(line)) return "";
    const [heard, cut] = parts(line);
    const text = cut ? `${heard} ~~${cut}~~`.trim() : heard;
    const time = line.at === undefined ? "" : ` (${clock(line.at)})`;
    return text && `\n**${nameOf(line)}**${time}: ${text}\n`;
  });
  return title + paragraphs.join("");
}

/** A call of a tool and what it gave, in a line of Markdown. */
export const called = ({ name, arguments: given, output }: ToolLine): string =>
  `\`${name}(${given})\`${output === null ? "" : ` → \`${output}\``}`;

const asCall = (line: ToolLine) => ({
  who: line.who,
  at: iso(line.at),
  until: iso(line.until),
  name: line.name,
  arguments: line.arguments,
  output: line.output,
  status: line.status,
  duration_ms: line.durationMs,
});

/** A list of lines: `at` and `until` in ISO 8601, `gap_ms` of an answer to speech; tool calls too. */
export function asJson(lines: Lines): string {
  const entries = lines.filter(isSaidOrCalled).map((line) => {
    if (line.who === "tool") return asCall(line);
    const [heard, cut] = parts(line);
    return {
      who: line.who,
      at: iso(line.at),
      until: iso(line.until),
      text: heard,
      ...(cut && { cut_off: cut }),
      ...(line.who === "vdx" &&
        line.timing && { gap_ms: line.timing.gapMs, stages_ms: line.timing.stages }),
    };
  });
  return `${JSON.stringify({ lines: entries }, null, 2)}\n`;
}

const iso = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();

/** WebVTT (W3C): a cue for each line, its time counted from the first line. */
export function asVtt(lines: Lines): string {
  const timed = lines.filter(isSaid).filter((line) => line.at !== undefined);
  const start = timed[0]?.at ?? 0;
  const cues = timed.map((line) => {
    const from = (line.at ?? 0) - start;
    const to = Math.max(from + LEAST_CUE_MS, (line.until ?? 0) - start);
    const text = escaped(plain(parts(line)[0]).replace(/\s*\n\s*/g, " "));
    return text && `\n${stamp(from)} --> ${stamp(to)}\n<v ${nameOf(line)}>${text}\n`;
  });
  return `WEBVTT\n${cues.join("")}`;
}

/** Time enough to be read: a typed line has no length. */
const LEAST_CUE_MS = 1000;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function stamp(ms: number): string {
  const padded = (value: number, digits: number) => String(Math.floor(value)).padStart(digits, "0");
  const seconds = ms / 1000;
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((part) => padded(part, 2));
  return `${parts.join(":")}.${padded(ms % 1000, 3)}`;
}
