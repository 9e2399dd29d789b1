/** The last events of the protocol, both ways, for developers; audio is told by its length. */

export interface Entry {
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly direction: "in" | "out";
  readonly type: string;
  readonly json: string;
}

export const MOST_ENTRIES = 500;
/** Several a second: listeners are told together. */
const TELL_MS = 250;

export class EventLog {
  private entries: readonly Entry[] = [];
  private count = 0;
  private fresh: Entry[] = [];
  private telling: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<() => void>();

  readonly get = (): readonly Entry[] => this.entries;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly add = (direction: Entry["direction"], event: object): void => {
    const type = String((event as { type?: unknown }).type ?? "");
    const json = JSON.stringify(event, withoutAudio);
    this.fresh.push({ number: this.count++, at: Date.now(), direction, type, json });
    if (this.fresh.length > MOST_ENTRIES) this.fresh.shift();
    this.telling ??= setTimeout(this.tell, TELL_MS);
  };

  readonly tell = (): void => {
    clearTimeout(this.telling);
    this.telling = undefined;
    this.entries = [...this.entries, ...this.fresh].slice(-MOST_ENTRIES);
    this.fresh = [];
    for (const listener of this.listeners) listener();
  };
}

const AUDIO_KEYS: ReadonlySet<string> = new Set(["audio", "delta"]);
const LONGEST_TEXT = 400;

function withoutAudio(key: string, value: unknown): unknown {
  const isAudio = AUDIO_KEYS.has(key) && typeof value === "string" && value.length > LONGEST_TEXT;
  return isAudio ? `(${value.length} characters of audio)` : value;
}

/** Those whose type or text holds every word of the filter; a word with "-" before it: none. */
export function matching(entries: readonly Entry[], filter: string): readonly Entry[] {
  const wanted = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter(({ type, json }) => {
    const text = `${type} ${json}`.toLowerCase();
    return wanted.every((word) =>
      word.length > 1 && word.startsWith("-") ? !text.includes(word.slice(1)) : text.includes(word),
    );
  });
}
