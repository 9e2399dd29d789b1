/** The changes of settings that were sent in a conversation, and what a refusal takes back. Pure. */

import { type Settings, USUAL } from "./settings";
import { sessionUpdate } from "./update";

/** What a session.update can set, by the names that `words().settings` has too. */
export const OF_THE_SESSION = [
  "voice",
  "speaker",
  "recogniser",
  "language",
  "responder",
  "instructions",
  "speed",
  "patience",
  "sensitivity",
  "bargeIn",
  "serverEcho",
  "serverNoise",
] as const;

export type SessionKey = (typeof OF_THE_SESSION)[number];

interface Change {
  readonly before: Settings;
  readonly after: Settings;
}

/** What becomes of a change that was refused. */
export interface TakenBack {
  /** The settings without it. */
  readonly settings: Settings;
  readonly keys: readonly SessionKey[];
  /** The rest of the change, which was refused along with it; null: nothing is left. */
  readonly rest: Change | null;
}

/** The keys in which two settings differ, as far as a session.update sets them. */
export const changedKeys = (before: Settings, after: Settings): readonly SessionKey[] =>
  OF_THE_SESSION.filter((key) => before[key] !== after[key]);

/** The `session` of a session.update that makes `before` into `after`, and names nothing else. */
export function sessionChange({ before, after }: Change): object {
  const keys = changedKeys(before, after);
  const spoken = keys.includes("speaker") ? [...keys, "voice" as const] : keys;
  return sessionUpdate(taking(USUAL, after, spoken));
}

/** Updates whose refusal may still come: more than the server lets wait. */
const MOST_SENT = 64;

export class SentChanges {
  private sent = new Map<string, Change>();
  private count = 0;

  /** Keeps a change and returns the id that its session.update has. */
  add(change: Change): string {
    const id = `${UPDATE_ID}${++this.count}`;
    this.sent.set(id, change);
    const [oldest] = this.sent.keys();
    if (this.sent.size > MOST_SENT && oldest) this.sent.delete(oldest);
    return id;
  }

  /** A new conversation answers nothing that was sent in another. */
  clear(): void {
    this.sent.clear();
  }

  /** `param` is the key that the server names; null where nothing of this id was sent. */
  refused(id: string, param: string, now: Settings): TakenBack | null {
    const change = this.sent.get(id);
    if (!change) return null;
    this.sent.delete(id);
    const keys = refusedKeys(change, param);
    const { before, after } = change;
    // Later changes were made from a value that the conversation never had.
    for (const [other, { before: from, after: to }] of this.sent) {
      const theirs = keys.filter((key) => from[key] === after[key]);
      this.sent.set(other, { before: taking(from, before, theirs), after: to });
    }
    const held = keys.filter((key) => now[key] === after[key]);
    const left = changedKeys(before, after).filter((key) => !keys.includes(key));
    const rest = { before, after: taking(before, now, left) };
    const isLeft = changedKeys(before, rest.after).length > 0;
    return { settings: taking(now, before, held), keys, rest: isLeft ? rest : null };
  }
}

/** How the ids of session.updates begin that change settings. */
export const UPDATE_ID = "settings_";

/** What was written and refused, by key: its field shows it until the person changes it. */
export type Untaken = Readonly<Partial<Record<SessionKey, string>>>;

/** `left` are the settings without what was refused. */
export const untaken = (keys: readonly SessionKey[], given: Settings, left: Settings): Untaken =>
  Object.fromEntries(
    keys.flatMap((key) => {
      const text = given[key];
      return typeof text === "string" && text !== left[key] ? [[key, text]] : [];
    }),
  );

/** `texts` without those whose keys were changed meanwhile. */
export const stillUntaken = (texts: Untaken, before: Settings, after: Settings): Untaken => {
  const changed = changedKeys(before, after);
  return Object.fromEntries(
    Object.entries(texts).filter(([key]) => !changed.includes(key as SessionKey)),
  );
};

/** Keys that decide on each other: a model may lack the language that another one needs. */
const OF_MODELS: readonly SessionKey[] = ["voice", "speaker", "recogniser", "language"];

/** By the last word of what the protocol calls them. */
const BY_PARAM: Readonly<Record<string, readonly SessionKey[]>> = {
  voice: ["voice", "speaker"],
  id: ["voice", "speaker"],
  recogniser: ["recogniser"],
  model: OF_MODELS,
  language: ["language"],
  responder: ["responder"],
  instructions: ["instructions"],
  speed: ["speed"],
  pause_scale: ["patience"],
  sensitivity: ["sensitivity"],
  interrupt_response: ["bargeIn"],
  turn_detection: ["bargeIn"],
  echo_cancellation: ["serverEcho"],
  noise_suppression: ["serverNoise"],
};

/** Those of the change that the server meant; all of it where that cannot be told. */
function refusedKeys({ before, after }: Change, param: string): readonly SessionKey[] {
  const changed = changedKeys(before, after);
  const named = BY_PARAM[param.split(".").at(-1) ?? ""] ?? [];
  const isOfModels = named.some((key) => OF_MODELS.includes(key));
  for (const meant of [named, isOfModels ? OF_MODELS : []]) {
    const keys = changed.filter((key) => meant.includes(key));
    if (keys.length > 0) return keys;
  }
  return changed;
}

/** `settings` with these keys as they are in `from`. */
const taking = (settings: Settings, from: Settings, keys: readonly SessionKey[]): Settings => ({
  ...settings,
  ...Object.fromEntries(keys.map((key) => [key, from[key]])),
});
