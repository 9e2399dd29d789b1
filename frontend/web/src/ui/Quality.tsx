import type { CallState } from "../call/state";
import { words } from "../words";

/** How good the connection is: a word, three bars, and the round trip where it is known. */
export function Quality({ state }: { state: CallState }) {
  const { quality, roundTripMs, connection } = state;
  if (connection !== "open" || quality === "unknown") return <p id="quality" hidden />;
  return (
    <p id="quality" data-quality={quality}>
      <span className="bars" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span className="word">{words().connection[quality]}</span>
      {roundTripMs !== null && (
        <span className="trip">{Math.max(1, Math.round(roundTripMs))} ms</span>
      )}
    </p>
  );
}
