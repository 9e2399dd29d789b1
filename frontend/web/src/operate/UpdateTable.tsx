import { words } from "../words";
import { cancelUpdate, type Overview, type Update, type Version } from "./api";
import type { Attempt } from "./Operate";
import { Table } from "./Table";
import { UpdateForm } from "./UpdateForm";

/** Models that are replaced while people talk: how it goes, and what became of it and why. */
export function UpdateTable({ known, attempt }: { known: Overview; attempt: Attempt }) {
  const w = words().operate;
  const newest = known.updates.map((update, number) => ({ number, update })).reverse();
  const columns = [w.model, w.state, w.oldVersion, w.newVersion, w.outcome, w.action];
  return (
    <section aria-labelledby="updates-name">
      <h2 id="updates-name">{w.updates}</h2>
      <p className="note">{w.updateNote}</p>
      <UpdateForm models={known.models} attempt={attempt} />
      {newest.length === 0 ? (
        <p className="note">{w.noUpdates}</p>
      ) : (
        <Table id="updates" name={w.updates} columns={columns}>
          {newest.map(({ number, update }) => (
            <Row key={number} update={update} attempt={attempt} />
          ))}
        </Table>
      )}
    </section>
  );
}

function Row({ update, attempt }: { update: Update; attempt: Attempt }) {
  const { name, state, why } = update;
  const w = words().operate;
  const isOver = state === "promoted" || state === "rolled back";
  const shown = w.stages[state] ?? state;
  return (
    <tr data-state={state}>
      <th scope="row">{name}</th>
      <td>
        {state === "trial" ? `${shown}, ${Math.round(update.canary * 100)} %` : shown}
        {!update.decided_here && (
          <>
            <br />
            <span className="note">{w.decidedElsewhere}</span>
          </>
        )}
      </td>
      <Figures version={update.old} />
      <Figures version={update.new} />
      <td>{why}</td>
      <td>
        {!isOver && (
          <button
            className="plain"
            type="button"
            aria-label={w.cancelOne(name)}
            onClick={() => void attempt(() => cancelUpdate(name))}
          >
            {w.cancel}
          </button>
        )}
      </td>
    </tr>
  );
}

function Figures({ version }: { version: Version }) {
  const { model, requests, errors, median_ms } = version;
  const median = median_ms === null ? "–" : `${Math.round(median_ms)} ms`;
  return (
    <td>
      {model}
      <br />
      <span className="note">{words().operate.trial(requests, errors, median)}</span>
    </td>
  );
}
