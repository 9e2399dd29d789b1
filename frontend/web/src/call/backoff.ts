/** How long to wait before the next attempt to reach the server. */

const STEPS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];

/** Milliseconds for the attempt numbered from 0; a fifth of chance keeps pages from marching in step. */
export function backOff(attempt: number, chance = Math.random()): number {
  const step = STEPS_MS[Math.min(attempt, STEPS_MS.length - 1)] ?? 0;
  return step * (0.8 + 0.4 * chance);
}
