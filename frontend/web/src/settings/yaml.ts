/** The settings as a profile of `vdx.yaml`. */

import type { Profile } from "../server/api";
import type { Settings } from "./settings";
import { voiceOf } from "./update";

/** Silences that end a turn, as `endpointing` takes them. */
const SHORTEST_MS = 20;
const LONGEST_MS = 2000;

/**
 * The profile `mine`; `base` is the profile that the settings change, where it is known.
 * Strings are written as JSON, which is YAML too.
 */
export function profileYaml(settings: Settings, base: Profile | undefined): string {
  const voice = voiceOf(settings) || base?.voice || "";
  const keys: (readonly [string, unknown])[] = [
    ["voice", voice],
    ["recogniser", settings.recogniser || base?.recogniser],
    ["language", settings.language || base?.language],
    ["speed", settings.speed ?? base?.speed],
    ["instructions", settings.instructions ?? base?.instructions],
    ["greeting", settings.greeting ?? base?.greeting],
  ];
  const lines = keys
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([key, value]) => `    ${key}: ${JSON.stringify(value)}`);
  return [
    "profiles:",
    "  mine:",
    ...lines,
    ...responder(settings, base),
    ...turns(settings, base),
    ...echo(settings),
    ...bargeIn(settings),
    "",
  ].join("\n");
}

function responder({ responder: named }: Settings, base: Profile | undefined): string[] {
  const from = named || base?.name;
  if (!from) return [];
  return [`    # responder: copy the section of the profile ${JSON.stringify(from)}`];
}

function turns({ patience, sensitivity }: Settings, base: Profile | undefined): string[] {
  const lines: string[] = [];
  if (!base) return lines;
  const silence = (ms: number) =>
    Math.max(SHORTEST_MS, Math.min(LONGEST_MS, Math.round(ms * (patience ?? 1))));
  if (patience !== null) {
    lines.push(
      "    endpointing:",
      `      finished_ms: ${silence(base.finished_ms)}`,
      `      unfinished_ms: ${silence(base.unfinished_ms)}`,
    );
  }
  if (patience !== null || sensitivity !== null) {
    lines.push(
      "    vad:",
      `      min_silence_duration_ms: ${silence(base.min_silence_duration_ms)}`,
    );
  }
  if (sensitivity !== null) {
    const multiplier = Math.max(1.1, base.threshold_multiplier / sensitivity);
    lines.push(
      "      noise_gate:",
      `        min_threshold: ${rounded(base.min_threshold / sensitivity)}`,
      `        threshold_multiplier: ${rounded(multiplier)}`,
    );
  }
  return lines;
}

function echo({ serverEcho, serverNoise }: Settings): string[] {
  if (serverEcho === null && serverNoise === null) return [];
  return [
    "    echo_control:",
    ...(serverEcho === null ? [] : [`      cancellation: ${serverEcho}`]),
    ...(serverNoise === null ? [] : [`      noise_suppression: ${serverNoise}`]),
  ];
}

/** No key of a profile: it holds for all of them. */
const bargeIn = (settings: Settings): string[] =>
  settings.bargeIn === null ? [] : ["barge_in:", `  enabled: ${settings.bargeIn}`];

const rounded = (value: number): number => Math.round(value * 100) / 100;
