import { type FormEvent, useId, useState } from "react";
import { words } from "../words";
import { beginUpdate, type ModelLine, replaceable, replacements } from "./api";
import type { Attempt } from "./Operate";

/** Share of the conversations that begin, and seconds, as `vdx models update` has them. */
const USUAL = { percent: "10", hold: "60" };

/** Replaces a model while people talk. */
export function UpdateForm(props: { models: readonly ModelLine[]; attempt: Attempt }) {
  const { models, attempt } = props;
  const w = words().operate;
  const old = replaceable(models);
  const [chosen, setChosen] = useState("");
  const [by, setBy] = useState("");
  const [percent, setPercent] = useState(USUAL.percent);
  const [hold, setHold] = useState(USUAL.hold);
  const [isBusy, setBusy] = useState(false);
  const name = old.some((model) => model.name === chosen) ? chosen : (old[0]?.name ?? "");
  const others = replacements(models, name);
  const source = others.some((model) => model.name === by) ? by : (others[0]?.name ?? "");
  const begin = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    await attempt(() => beginUpdate(name, source, Number(percent), Number(hold)));
    setBusy(false);
  };
  return (
    <form id="update" onSubmit={(event) => void begin(event)}>
      <Menu label={w.replaced} value={name} models={old} onChange={setChosen} />
      <Menu label={w.replacing} value={source} models={others} onChange={setBy} />
      <Figure label={w.share} value={percent} min={1} max={100} onChange={setPercent} />
      <Figure label={w.hold} value={hold} min={0} max={86_400} onChange={setHold} />
      <button className="plain" type="submit" disabled={isBusy || !source}>
        {w.begin}
      </button>
    </form>
  );
}

function Menu(props: {
  readonly label: string;
  readonly value: string;
  readonly models: readonly ModelLine[];
  readonly onChange: (name: string) => void;
}) {
  const { label, value, models, onChange } = props;
  const id = useId();
  return (
    <div>
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={({ target }) => onChange(target.value)}>
        {models.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </div>
  );
}

function Figure(props: {
  readonly label: string;
  readonly value: string;
  readonly min: number;
  readonly max: number;
  readonly onChange: (value: string) => void;
}) {
  const { label, value, min, max, onChange } = props;
  const id = useId();
  return (
    <div>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="number"
        required
        min={min}
        max={max}
        value={value}
        onChange={({ target }) => onChange(target.value)}
      />
    </div>
  );
}
