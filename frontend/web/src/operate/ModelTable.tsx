import { useLayoutEffect, useRef, useState } from "react";
import { hasNoFocus } from "../ui/hooks";
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
      <Table id="models" name={w.models} columns={columns} figures={[w.used, w.memory]}>
        {models.map((model) => (
          <Row key={model.name} model={model} attempt={attempt} />
        ))}
      </Table>
    </section>
  );
}

function Row({ model, attempt }: { model: ModelLine; attempt: Attempt }) {
  const [isBusy, setBusy] = useState(false);
  const cell = useActionsFocused(isBusy);
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
      <td ref={cell}>
        <div className="buttons">
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
        </div>
      </td>
    </tr>
  );
}

/** The focus stays with the actions of a model, though what can be done changes with each. */
function useActionsFocused(isBusy: boolean) {
  const cell = useRef<HTMLTableCellElement>(null);
  const had = useRef(-1);
  useLayoutEffect(() => {
    const buttons = [...(cell.current?.querySelectorAll("button") ?? [])];
    const now = buttons.findIndex((each) => each.matches(":focus"));
    if (isBusy) {
      had.current = Math.max(had.current, now); // it loses the focus after this
    } else if (had.current >= 0) {
      if (hasNoFocus()) buttons[Math.min(had.current, buttons.length - 1)]?.focus();
      had.current = -1;
    }
  });
  return cell;
}
