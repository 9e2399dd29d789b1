import { useState } from "react";
import { words } from "../words";
import { act, type ModelAction, type ModelLine } from "./api";
import type { Attempt } from "./Operate";
import { Table } from "./Table";

/** The models of the servers: which are loaded and why, and what can be done with each. */
export function ModelTable({
  models,
  attempt,
}: {
  models: readonly ModelLine[];
  attempt: Attempt;
}) {
  const w = words().operate;
  const columns = [w.model, w.kind, w.state, w.used, w.memory, w.why, w.action];
  return (
    <section aria-labelledby="models-name">
      <h2 id="models-name">{w.models}</h2>
      <Table id="models" name={w.models} columns={columns}>
        {models.map((model) => (
          <Row key={model.name} model={model} attempt={attempt} />
        ))}
      </Table>
    </section>
  );
}

function Row({ model, attempt }: { model: ModelLine; attempt: Attempt }) {
  const [isBusy, setBusy] = useState(false);
  const { name, kind, family, phase, state, leases, memory_mb, why } = model;
  const w = words().operate;
  const { kinds } = words().models;
  const shown = phase ?? (state === "READY" ? "resident" : "–");
  const run = async (action: ModelAction) => {
    setBusy(true);
    await attempt(() => act(name, action));
    setBusy(false);
  };
  const actions: readonly ModelAction[] =
    state === "READY" ? ["reload", "drain", "unload"] : ["load"];
  return (
    <tr data-model={name} data-loaded={state === "READY" || undefined}>
      <th scope="row">{name}</th>
      <td>{[kind && kinds[kind], family].filter(Boolean).join(", ")}</td>
      <td>{w.phases[shown] ?? shown}</td>
      <td className="number">{leases ?? "–"}</td>
      <td className="number">{memory_mb === undefined ? "–" : `${Math.round(memory_mb)} MB`}</td>
      <td>{why}</td>
      <td className="buttons">
        {actions.map((action) => (
          <button
            key={action}
            className="plain"
            type="button"
            disabled={isBusy}
            aria-label={`${w[action]}: ${name}`}
            onClick={() => void run(action)}
          >
            {w[action]}
          </button>
        ))}
      </td>
    </tr>
  );
}
