import { useCallback, useEffect, useState } from "react";
import { announceUsual, type Call } from "../call/call";
import { ApiError, models as listModels, type Model } from "../server/api";
import { words } from "../words";

type Kind = "tts" | "asr";

/** Voices and recognisers: which are in memory, and another one in the middle of a call. */
export function Models(props: { call: Call; voice: string; recogniser: string }) {
  const { call, voice, recogniser } = props;
  const [known, setKnown] = useState<readonly Model[]>([]);
  const [loading, setLoading] = useState<{ name: string; seconds: number } | null>(null);
  const [done, setDone] = useState("");

  const refresh = useCallback(async () => {
    try {
      const [listed] = await Promise.all([listModels(), announceUsual(call)]);
      setKnown(listed);
    } catch (error) {
      explain(call, error);
    }
  }, [call]);
  useFreshList(call, refresh);

  const swap = async (kind: Kind, name: string) => {
    const started = Date.now();
    setDone("");
    setLoading({ name, seconds: 0 });
    const seconds = () => Math.round((Date.now() - started) / 1000);
    const timer = setInterval(() => setLoading({ name, seconds: seconds() }), 1000);
    try {
      await call.swapModel(kind, name);
      setDone(words().models.loaded(name));
      call.notify("models", null);
    } catch (error) {
      explain(call, error);
    } finally {
      clearInterval(timer);
      setLoading(null);
      void refresh();
    }
  };

  const menu = {
    models: forPeople(known, [voice, recogniser]),
    isBusy: loading !== null,
    onChoose: swap,
  };
  const status = loading ? words().models.loading(loading.name, loading.seconds) : done;
  return (
    <section aria-label={words().models.region} id="models">
      <Menu {...menu} kind="tts" id="voice" label={words().models.voice} value={voice} />
      <Menu
        {...menu}
        kind="asr"
        id="recogniser"
        label={words().models.recogniser}
        value={recogniser}
      />
      <p className="legend" id="loading" role="status">
        {status}
      </p>
    </section>
  );
}

/** Families whose models make tones or fixed words: for tests, not for conversations. */
const TEST_FAMILIES: ReadonlySet<string> = new Set(["tone", "canned"]);

/** Without the models for tests, unless one is in use; `?models=all` in the address shows them. */
export function forPeople(
  models: readonly Model[],
  inUse: readonly string[],
  query = location.search,
): readonly Model[] {
  if (new URLSearchParams(query).get("models") === "all") return models;
  return models.filter(
    ({ name, family }) => inUse.includes(name) || !TEST_FAMILIES.has(family ?? ""),
  );
}

interface MenuProps {
  readonly kind: Kind;
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly models: readonly Model[];
  readonly isBusy: boolean;
  readonly onChoose: (kind: Kind, name: string) => Promise<void>;
}

function Menu({ kind, id, label, value, models, isBusy, onChoose }: MenuProps) {
  // What kind a model is, the server knows once it was loaded.
  const ours = models.filter((model) => (model.kind ?? kind) === kind);
  const isResident = ({ kind: known, state }: Model) => known === kind && state === "READY";
  const groups = [
    [words().models.resident, ours.filter(isResident)],
    [words().models.other, ours.filter((model) => !isResident(model))],
  ] as const;
  return (
    <label>
      <span>{label}</span>
      <select
        id={id}
        value={value}
        disabled={isBusy || ours.length === 0}
        onChange={({ target }) => void onChoose(kind, target.value)}
      >
        {!ours.some(({ name }) => name === value) && <option value={value}>{value}</option>}
        {groups.map(([title, listed]) =>
          listed.length === 0 ? null : (
            <optgroup key={title} label={title}>
              {listed.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </optgroup>
          ),
        )}
      </select>
    </label>
  );
}

/** At the start, after every connection, and when the page comes back to the front. */
function useFreshList(call: Call, refresh: () => Promise<void>): void {
  useEffect(() => {
    let session = call.store.get().session;
    const changed = () => {
      const now = call.store.get().session;
      if (now && now !== session) void refresh();
      session = now;
    };
    const shown = () => document.visibilityState === "visible" && void refresh();
    document.addEventListener("visibilitychange", shown);
    const unsubscribe = call.store.subscribe(changed);
    void refresh();
    return () => {
      document.removeEventListener("visibilitychange", shown);
      unsubscribe();
    };
  }, [call, refresh]);
}

function explain(call: Call, error: unknown): void {
  if (error instanceof ApiError && error.status === 401) call.askKey();
  else if (error instanceof TypeError) {
    call.notify("models", { text: words().models.gone });
  } else call.notify("models", { text: words().models.failed((error as Error).message) });
}
