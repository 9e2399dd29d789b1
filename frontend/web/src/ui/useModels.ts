import { useCallback, useEffect, useState } from "react";
import { announceUsual, type Call } from "../call/call";
import { ApiError, models as listModels, type Model } from "../server/api";
import { words } from "../words";

/** What a person changes in the middle of a call. */
export type SwappedKind = "tts" | "asr";

/** The models of the server, and a way to take another one into the call, which loads it. */
export function useModels(call: Call) {
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

  const swap = async (kind: SwappedKind, name: string) => {
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

  const status = loading ? words().models.loading(loading.name, loading.seconds) : done;
  return { known, isBusy: loading !== null, status, swap };
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
