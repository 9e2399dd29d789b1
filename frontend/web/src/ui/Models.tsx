import { useCallback, useEffect, useState } from "react";
import { announceUsual, type Call } from "../call/call";
import { ApiError, models as listModels, type Model } from "../server/api";

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
      setDone(`${name} from the next sentence on.`);
      call.notify("models", null);
    } catch (error) {
      explain(call, error);
    } finally {
      clearInterval(timer);
      setLoading(null);
      void refresh();
    }
  };

  const menu = { models: known, isBusy: loading !== null, onChoose: swap };
  const status = loading ? `Loading ${loading.name} … ${loading.seconds} s` : done;
  return (
    <section aria-label="Models" id="models">
      <Menu {...menu} kind="tts" id="voice" label="Voice" value={voice} />
      <Menu {...menu} kind="asr" id="recogniser" label="Recogniser" value={recogniser} />
      <p className="legend" id="loading" role="status">
        {status}
      </p>
    </section>
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
    ["In memory", ours.filter(isResident)],
    ["Loaded when chosen", ours.filter((model) => !isResident(model))],
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
    call.notify("models", { text: "The server does not answer. Is it still running?" });
  } else call.notify("models", { text: `That did not work: ${(error as Error).message}` });
}
