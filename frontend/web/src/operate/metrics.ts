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

/** How often something was done, and its mean time. */
export interface Timed {
  readonly count: number;
  readonly seconds: number;
}

/** What became of a model since the start. */
export interface Change {
  readonly model: string;
  readonly loads: Timed;
  readonly unloads: Timed;
  /** Cause to count. */
  readonly evicted: Readonly<Record<string, number>>;
  readonly refused: number;
}

/** The models that were loaded, unloaded, evicted or refused, by name. */
export function changes(all: readonly Sample[]): readonly Change[] {
  const told = all.filter(
    ({ name, value }) => value > 0 && CHANGED.some((each) => name.startsWith(each)),
  );
  const models = [...new Set(told.map(({ labels }) => labels["model"] ?? ""))].sort();
  return models.map((model) => {
    const own = told.filter(({ labels }) => labels["model"] === model);
    const evictions = own.filter(({ name }) => name === "vdx_model_evictions_total");
    return {
      model,
      loads: timed(own, "vdx_model_load_seconds"),
      unloads: timed(own, "vdx_model_unload_seconds"),
      evicted: Object.fromEntries(
        evictions.map(({ labels, value }) => [labels["cause"] ?? "", value]),
      ),
      refused: total(own, "vdx_model_loads_refused_total"),
    };
  });
}

const CHANGED = [
  "vdx_model_load_seconds_count",
  "vdx_model_load_seconds_sum",
  "vdx_model_unload_seconds_count",
  "vdx_model_unload_seconds_sum",
  "vdx_model_evictions_total",
  "vdx_model_loads_refused_total",
];

/** The sum of a metric over its labels. */
export const total = (all: readonly Sample[], metric: string): number =>
  all.filter(({ name }) => name === metric).reduce((sum, { value }) => sum + value, 0);

function timed(all: readonly Sample[], histogram: string): Timed {
  const count = total(all, `${histogram}_count`);
  return { count, seconds: count > 0 ? total(all, `${histogram}_sum`) / count : 0 };
}

export interface Outcome {
  readonly kind: string;
  readonly outcome: string;
  readonly count: number;
}

/** A counter of `kind` and `outcome`, the most frequent first. */
export const outcomes = (all: readonly Sample[], metric: string): readonly Outcome[] =>
  all
    .filter(({ name, value }) => name === metric && value > 0)
    .map(({ labels, value }) => ({
      kind: labels["kind"] ?? "",
      outcome: labels["outcome"] ?? "",
      count: value,
    }))
    .sort((a, b) => b.count - a.count);
