import type { Call } from "../call/call";
import type { Model } from "../server/api";
import { words } from "../words";
import { useFocusKept } from "./hooks";
import { forPeople, type SwappedKind, useModels } from "./useModels";

/** Voices and recognisers: which are in memory, and another one in the middle of a call. */
export function Models(props: { call: Call; voice: string; recogniser: string }) {
  const { call, voice, recogniser } = props;
  const { known, isBusy, status, swap } = useModels(call);
  const menu = {
    models: forPeople(known, [voice, recogniser]),
    isBusy,
    onChoose: swap,
  };
  return (
    <section aria-label={words().models.region} id="models">
      <Menu {...menu} kind="tts" id="voice" label={words().models.voice} value={voice} />
      <Menu
        {...menu}
        kind="asr"
        id="recogniser"
        label={words().models.recogniser}
        value={recogniser}
      />
      <p className="legend" id="loading" role="status">
        {status}
      </p>
    </section>
  );
}

interface MenuProps {
  readonly kind: SwappedKind;
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly models: readonly Model[];
  readonly isBusy: boolean;
  readonly onChoose: (kind: SwappedKind, name: string) => Promise<void>;
}

function Menu({ kind, id, label, value, models, isBusy, onChoose }: MenuProps) {
  // What kind a model is, the server knows once it was loaded.
  const ours = models.filter((model) => (model.kind ?? kind) === kind);
  const isResident = ({ kind: known, state }: Model) => known === kind && state === "READY";
  const groups = [
    [words().models.resident, ours.filter(isResident)],
    [words().models.other, ours.filter((model) => !isResident(model))],
  ] as const;
  const select = useFocusKept<HTMLSelectElement>(isBusy);
  return (
    <label>
      <span>{label}</span>
      <select
        ref={select}
        id={id}
        value={value}
        disabled={isBusy || ours.length === 0}
        onChange={({ target }) => void onChoose(kind, target.value)}
      >
        {!ours.some(({ name }) => name === value) && <option value={value}>{value}</option>}
        {groups.map(([title, listed]) =>
          listed.length === 0 ? null : (
            <optgroup key={title} label={title}>
              {listed.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </optgroup>
          ),
        )}
      </select>
    </label>
  );
}
