/** How fast answers came over a session. Pure. */

import type { Lines, Timing } from "../call/captions";

export interface Turn {
  readonly id: string;
  readonly text: string;
  readonly timing: Timing;
}

export const timedIn = (lines: Lines): readonly Turn[] =>
  lines.flatMap((line) =>
    line.who === "vdx" && line.timing
      ? [{ id: line.id, text: line.text, timing: line.timing }]
      : [],
  );

/** The value that `share` (0 to 1) of the values do not exceed (nearest rank); null of none. */
export function quantile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}

/** The points of a line chart in a box, the highest value at its top and 0 at its bottom. */
export function points(values: readonly number[], width: number, height: number): string {
  const highest = Math.max(...values, 1);
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  return values
    .map((value, index) => `${round(index * step)},${round(height * (1 - value / highest))}`)
    .join(" ");
}

const round = (value: number): number => Math.round(value * 10) / 10;
