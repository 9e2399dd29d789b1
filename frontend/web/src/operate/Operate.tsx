import { useCallback, useEffect, useState } from "react";
import { clock } from "../history/clock";
import { apiKey } from "../server/api";
import { KeyForm } from "../ui/KeyForm";
import { words } from "../words";
import { type Overview, overview, troubleOf } from "./api";
import { ChangeTable } from "./ChangeTable";
import { Load } from "./Load";
import { ModelTable } from "./ModelTable";
import { ServerTable } from "./ServerTable";
import { SessionTable } from "./SessionTable";
import { UpdateTable } from "./UpdateTable";

const REFRESH_MS = 2000;

/** What runs, who talks, and which models are loaded; the page's half of `vdx top`. */
export function Operate() {
  const { known, problem, needsKey, wasRefused, refresh } = useOverview();
  const [failed, setFailed] = useState("");
  /** Does something, shows its failure, and then what became of it. */
  const attempt = async (work: () => Promise<unknown>) => {
    setFailed("");
    try {
      await work();
    } catch (error) {
      setFailed(words().models.failed((error as Error).message));
    }
    await refresh();
  };
  const w = words().operate;
  return (
    <div className="operate">
      <header>
        <h1>{w.title}</h1>
        {known && <p className="note">{w.updated(clock(known.at))}</p>}
      </header>
      <div role="alert">
        {problem && <p className="notice">{problem}</p>}
        {failed && <p className="notice">{failed}</p>}
      </div>
      {needsKey && (
        <main className="key">
          <KeyForm
            wasRefused={wasRefused}
            onKey={(key) => {
              apiKey.set(key);
              void refresh();
            }}
          />
        </main>
      )}
      {known && !needsKey && (
        <main>
          <Load known={known} />
          <SessionTable sessions={known.sessions} attempt={attempt} />
          <ServerTable servers={known.servers} attempt={attempt} />
          <ModelTable models={known.models} attempt={attempt} />
          <ChangeTable known={known} />
          <UpdateTable known={known} attempt={attempt} />
        </main>
      )}
    </div>
  );
}

export type Attempt = (work: () => Promise<unknown>) => Promise<void>;

/** Asks every REFRESH_MS while the page is looked at. */
function useOverview() {
  const [known, setKnown] = useState<Overview | null>(null);
  const [problem, setProblem] = useState("");
  const [needsKey, setNeedsKey] = useState(false);
  const [wasRefused, setWasRefused] = useState(false);
  const refresh = useCallback(async () => {
    try {
      setKnown(await overview());
      setProblem("");
      setNeedsKey(false);
    } catch (error) {
      const trouble = troubleOf(error);
      setNeedsKey(trouble.needsKey);
      setWasRefused(apiKey.get() !== "");
      setProblem(trouble.problem);
    }
  }, []);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const next = async () => {
      if (document.visibilityState === "visible") await refresh();
      if (!isOver) timer = setTimeout(() => void next(), REFRESH_MS);
    };
    void next();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [refresh]);
  return { known, problem, needsKey, wasRefused, refresh };
}
