/** The last events of the protocol, both ways, for developers; audio is told by its length. */

export interface Entry {
  readonly number: number;
  /** Milliseconds since 1970; of the last one of several. */
  readonly at: number;
  readonly direction: "in" | "out";
  readonly type: string;
  readonly json: string;
  /** How often it came without another event between, audio and levels aside. */
  readonly times: number;
}

export const MOST_ENTRIES = 500;
/** Several a second: listeners are told together. */
const TELL_MS = 250;
/** Come all the time: between two other events, one entry holds them. */
const FREQUENT: ReadonlySet<string> = new Set([
  "input_audio_buffer.append",
  "response.output_audio.delta",
  "vdx.vad",
]);

export class EventLog {
  private entries: Entry[] = [];
  private told: readonly Entry[] = [];
  private count = 0;
  /** Type -> number of its entry, of the frequent ones since the last other event. */
  private readonly open = new Map<string, number>();
  private telling: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<() => void>();

  readonly get = (): readonly Entry[] => this.told;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly add = (direction: Entry["direction"], event: object): void => {
    const type = String((event as { type?: unknown }).type ?? "");
    const json = JSON.stringify(event, withoutAudio);
    const at = Date.now();
    const number = this.open.get(type);
    const index = number === undefined ? -1 : number - (this.entries[0]?.number ?? 0);
    const before = this.entries[index];
    if (before) this.entries[index] = { ...before, at, json, times: before.times + 1 };
    else this.append({ number: this.count++, at, direction, type, json, times: 1 });
    this.telling ??= setTimeout(this.tell, TELL_MS);
  };

  readonly tell = (): void => {
    clearTimeout(this.telling);
    this.telling = undefined;
    this.told = [...this.entries];
    for (const listener of this.listeners) listener();
  };

  private append(entry: Entry): void {
    if (FREQUENT.has(entry.type)) this.open.set(entry.type, entry.number);
    else this.open.clear();
    this.entries.push(entry);
    if (this.entries.length > MOST_ENTRIES) this.entries.shift();
  }
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
