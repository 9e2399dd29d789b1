/** What the operator's page reads of `/metrics`. Pure. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^(\w+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The samples of a text in Prometheus' format; comments are left out. */
export function samples(text: string): readonly Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = LINE.exec(line) ?? [];
    if (!name) return [];
    const pairs = [...labels.matchAll(LABEL)].map(([, key = "", said = ""]) => [key, said]);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

export interface Failures {
  readonly service: string;
  readonly code: string;
  readonly count: number;
}

/** Errors by what failed, the most frequent first. */
export const failures = (all: readonly Sample[]): readonly Failures[] =>
  all
    .filter(({ name, value }) => name === "vdx_errors_total" && value > 0)
    .map(({ labels, value }) => ({
      service: labels["service"] ?? "",
      code: labels["code"] ?? "",
      count: value,
    }))
    .sort((a, b) => b.count - a.count);

/** The share of answers within `seconds`, a bound of the histogram; null where none was timed. */
export function shareWithin(all: readonly Sample[], seconds: string): number | null {
  const bucket = (bound: string) =>
    all.find(({ name, labels }) => name === "vdx_turn_gap_seconds_bucket" && labels["le"] === bound)
      ?.value ?? 0;
  const total = bucket("+Inf");
  return total > 0 ? bucket(seconds) / total : null;
}
