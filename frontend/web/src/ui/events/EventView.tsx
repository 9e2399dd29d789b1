import { useState, useSyncExternalStore } from "react";
import { type Entry, type EventLog, matching } from "../../events/log";
import { clock } from "../../history/clock";
import { words } from "../../words";

const MOST_SHOWN = 200;
/** The levels; whoever wants to see them takes this out of the filter. */
const USUAL_FILTER = "-vdx.vad";

/** The events of the protocol as they came and went, for developers. */
export function EventView({ log }: { log: EventLog }) {
  const now = useSyncExternalStore(log.subscribe, log.get, log.get);
  const [held, setHeld] = useState<readonly Entry[] | null>(null);
  const [filter, setFilter] = useState(USUAL_FILTER);
  const entries = held ?? now;
  const found = matching(entries, filter);
  const w = words().events;
  return (
    <>
      <div className="actions">
        <input
          id="event-filter"
          type="search"
          aria-label={w.filter}
          placeholder={w.filter}
          value={filter}
          onChange={({ target }) => setFilter(target.value)}
        />
        <button className="plain" type="button" onClick={() => setHeld(held ? null : now)}>
          {held ? w.go : w.pause}
        </button>
        <p className="note">{w.shown(found.length, entries.length)}</p>
      </div>
      {found.length === 0 && <p className="note">{w.none}</p>}
      <ol className="events" aria-label={w.name}>
        {found
          .slice(-MOST_SHOWN)
          .reverse()
          .map((entry) => (
            <Event key={entry.number} entry={entry} />
          ))}
      </ol>
    </>
  );
}

function Event({ entry: { at, direction, type, json, times } }: { entry: Entry }) {
  return (
    <li>
      <details>
        <summary>
          <time>{clock(at)}</time> {direction === "in" ? "←" : "→"} {type}
          {times > 1 && ` × ${times}`}
        </summary>
        <code>{json}</code>
      </details>
    </li>
  );
}
