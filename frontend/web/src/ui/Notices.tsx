import { useEffect, useState } from "react";
import type { Call } from "../call/call";
import type { Topic } from "../call/events";
import type { CallState } from "../call/state";
import { words } from "../words";
import { useFocusKept } from "./hooks";
import { CloseIcon } from "./icons";

/** What went wrong, in words, and what to do about it. */
export function Notices({ call, state }: { call: Call; state: CallState }) {
  const shown = Object.entries(state.notices) as [Topic, { text: string; command?: string }][];
  return (
    <div id="notices" role="alert">
      {state.outage && <Outage call={call} outage={state.outage} />}
      {shown.map(([topic, { text, command }]) => (
        <div key={topic} className="notice" data-topic={topic}>
          <p>
            {text}
            {command && <code>{command}</code>}
          </p>
          <button
            className="quiet"
            type="button"
            aria-label={words().connection.close}
            onClick={() => call.notify(topic, null)}
          >
            <CloseIcon />
          </button>
        </div>
      ))}
    </div>
  );
}

/** The connection is lost: why, when the next attempt is, and a button that does not wait. */
function Outage({ call, outage }: { call: Call; outage: NonNullable<CallState["outage"]> }) {
  const { why, retryAt } = outage;
  const seconds = useSecondsTo(retryAt);
  const button = useFocusKept<HTMLButtonElement>(seconds === null);
  const { lost, seconds: next, trying, tryNow } = words().connection;
  return (
    <div className="notice neutral" data-topic="connection">
      <p>
        {lost(why)} {/* Counted every second: to be looked at, not read out every second. */}
        <span aria-hidden="true">{seconds === null ? trying : next(seconds)}</span>
      </p>
      <button
        ref={button}
        id="try-now"
        type="button"
        disabled={seconds === null}
        onClick={() => call.resume()}
      >
        {tryNow}
      </button>
    </div>
  );
}

function useSecondsTo(time: number | null): number | null {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  return time === null ? null : Math.max(0, Math.ceil((time - now) / 1000));
}
