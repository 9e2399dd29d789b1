import { words } from "../words";
import type { Overview } from "./api";
import { Figures } from "./Figures";
import type { Change, Outcome, Timed } from "./metrics";
import { Table } from "./Table";

/** Models that were loaded, unloaded, evicted and refused, and what routing did, since the start. */
export function ChangeTable({ known }: { known: Overview }) {
  const { changes, waiting, leases, routes, failovers } = known;
  const w = words().operate;
  const figures = [
    [w.loadsWaiting, waiting],
    [w.leases, leases],
  ] as const;
  const columns = [w.model, w.loads, w.unloads, w.evicted, w.refused];
  return (
    <section aria-labelledby="changes-name">
      <h2 id="changes-name">{w.changes}</h2>
      <Figures of={figures} />
      {changes.length === 0 ? (
        <p className="note">{w.noChanges}</p>
      ) : (
        <Table id="changes" name={w.changes} columns={columns} figures={[w.refused]}>
          {changes.map((change) => (
            <Row key={change.model} change={change} />
          ))}
        </Table>
      )}
      <Outcomes id="routes" name={w.routes} outcomes={routes} />
      <Outcomes id="failovers" name={w.failovers} outcomes={failovers} />
    </section>
  );
}

function Row({ change }: { change: Change }) {
  const { model, loads, unloads, evicted, refused } = change;
  const w = words().operate;
  const causes = Object.entries(evicted).map(([cause, n]) => `${w.causes[cause] ?? cause} × ${n}`);
  return (
    <tr data-changed={model}>
      <th scope="row">{model}</th>
      <td>{timed(loads)}</td>
      <td>{timed(unloads)}</td>
      <td>{causes.join(", ") || "–"}</td>
      <td className="number">{refused}</td>
    </tr>
  );
}

const timed = ({ count, seconds }: Timed) =>
  count > 0 ? `${count} × ${seconds.toFixed(1)} s` : "–";

function Outcomes(props: { id: string; name: string; outcomes: readonly Outcome[] }) {
  const w = words().operate;
  const { kinds } = words().models;
  if (props.outcomes.length === 0) return null;
  return (
    <>
      <h3>{props.name}</h3>
      <ul id={props.id} className="outcomes">
        {props.outcomes.map(({ kind, outcome, count }) => (
          <li key={`${kind} ${outcome}`}>
            {kinds[kind as keyof typeof kinds] ?? kind}: {w.outcomes[outcome] ?? outcome} × {count}
          </li>
        ))}
      </ul>
    </>
  );
}
