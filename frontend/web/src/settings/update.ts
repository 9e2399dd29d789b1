/** From the settings to the `session` of a session.update. Pure. */

import type { Settings } from "./settings";

/** Only what differs from the profile; an empty object: nothing does. */
export function sessionUpdate(settings: Settings): object {
  const { instructions, bargeIn } = settings;
  const output = given({ voice: voiceOf(settings), speed: settings.speed });
  const detection = bargeIn === null ? null : { type: "semantic_vad", interrupt_response: bargeIn };
  const input = given({ turn_detection: detection });
  const audio = given({ input: filled(input), output: filled(output) });
  const vdx = given({
    recogniser: settings.recogniser,
    language: settings.language,
    responder: settings.responder,
    pause_scale: settings.patience,
    sensitivity: settings.sensitivity,
    echo_cancellation: settings.serverEcho,
    noise_suppression: settings.serverNoise,
  });
  return {
    ...(instructions !== null && { instructions }),
    ...given({ audio: filled(audio), vdx: filled(vdx) }),
  };
}

/** MODEL or MODEL/SPEAKER. */
export function voiceOf({ voice, speaker }: Settings): string {
  return voice && speaker ? `${voice}/${speaker}` : voice;
}

/**
 * Whether `after` takes something back that `before` had set: only a new conversation begins with
 * what the profile says. A profile or greeting is read at the beginning too.
 */
export function needsNewConversation(before: Settings, after: Settings): boolean {
  if (before.profile !== after.profile) return true;
  const keys = Object.keys(before) as (keyof Settings)[];
  return keys
    .filter((key) => !OF_THE_BROWSER.has(key))
    .some((key) => isSet(before[key]) && !isSet(after[key]));
}

const OF_THE_BROWSER: ReadonlySet<keyof Settings> = new Set([
  "pushToTalk",
  "echo",
  "noise",
  "gain",
  "greeting",
]);

const isSet = (value: unknown): boolean => value !== null && value !== "";

function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isSet(value)));
}

const filled = (object: object): object | null => (Object.keys(object).length ? object : null);
